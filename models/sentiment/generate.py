#!/usr/bin/env python3
"""Has a larger model write what shoppers write: generated.tsv, every line of it synthetic.

    models/sentiment/generate.py --url http://127.0.0.1:8080 --model NAME [--minutes N] [--out FILE]

Needs Python 3 alone, a server that speaks OpenAI's API and a token in ENDCAP_TOKEN. Topics are those of
topics.txt; each is asked for in each mood and language, in an order by seed, until the minutes are over. A line
is: half, mood, language, text. What the model wrote is taken as it is, but for lines that are no message.
"""

import argparse
import json
import os
import random
import re
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).parent
SEED = 7
LANGUAGES = {"en": "English", "de": "German", "es": "Spanish", "fr": "French"}
MOODS = {
    "furious": "is furious, has lost all patience and insults the shop",
    "annoyed": "is angry and fed up, without swear words",
    "complaint": "has a complaint and says it calmly and politely",
    "question": "asks a short neutral question",
    "pleased": "is friendly and content",
}
# Messages of one answer, and tokens it may take.
WANTED, MAX_TOKENS = 6, 190
# What a message is in length; all else is an introduction or cut off.
SHORTEST, LONGEST = 12, 220


def topics():
    half, found = None, []
    for line in (HERE / "topics.txt").read_text().splitlines():
        if line.startswith("== "):
            half = line[3:]
        elif line and not line.startswith("#"):
            found.append((half, line))
    return found


def prompt(mood, language, topic):
    return (
        f"A customer {MOODS[mood]}. The subject is: {topic}. Write {WANTED} different short messages that such "
        f"customers type to the shop's chat, in {LANGUAGES[language]}, in the first person, as people type on a phone. "
        "One message per line, no numbers, no quotes, nothing else."
    )


def ask(args, job):
    half, topic, mood, language, seed = job
    if time.time() > args.until:
        return []
    body = {
        "model": args.model,
        "messages": [{"role": "user", "content": prompt(mood, language, topic)}],
        "temperature": 0.9,
        "top_p": 0.95,
        "seed": seed,
        "max_tokens": MAX_TOKENS,
    }
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}"}
    request = urllib.request.Request(f"{args.url}/v1/chat/completions", json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=600) as answer:
        choice = json.load(answer)["choices"][0]
    lines = choice["message"]["content"].splitlines()
    if choice["finish_reason"] == "length":
        lines = lines[:-1]
    return [(half, mood, language, text) for text in map(message, lines) if text]


def message(line):
    """The message of a line, or nothing where it is none."""
    text = re.sub(r"^\s*(?:[-*•]|\d+[.)])?\s*", "", line).strip().strip('"“”„«»').strip()
    text = re.sub(r"\s+", " ", text)
    whole = SHORTEST <= len(text) <= LONGEST and not text.endswith(":") and "[" not in text
    return text if whole else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--out", type=Path, default=HERE / "generated.tsv")
    args = parser.parse_args()
    args.until = time.time() + 60 * args.minutes
    # English twice: it is what the encoder understands best.
    jobs = [
        (half, topic, mood, language, seed)
        for half, topic in topics()
        for mood in MOODS
        for language, times in [("en", 2), ("de", 1), ("es", 1), ("fr", 1)]
        for seed in range(times)
    ]
    random.Random(SEED).shuffle(jobs)
    seen = set()
    with ThreadPoolExecutor(args.streams) as pool, args.out.open("w") as out:
        for rows in pool.map(lambda job: ask(args, job), jobs):
            for row in rows:
                if row[3].lower() not in seen:
                    seen.add(row[3].lower())
                    out.write("\t".join(row) + "\n")
                    out.flush()
    print(f"{len(seen)} messages in {args.out}")


if __name__ == "__main__":
    main()
