#!/usr/bin/env python3
"""Measures what a server with a tagger keeps of shoppers' words, and writes what its tagger said.

    endcap demo --words-only &        # or any server with the sample shop
    endcap models pull rampart
    models/privacy/measure.py --url http://127.0.0.1:8080 [--goods]

Needs an admin's token in ENDCAP_TOKEN. Each message of set.tsv is said in a conversation of its own, and what the server
keeps of it is compared with what was said. --goods first puts the goods that set.tsv's harmless messages are about into
the shop's facts. Then the questions of tests/bench about the sample shop are said, of which nothing is to be taken out.
Writes tagged.tsv, by which a test makes the tables of README.md anew, and prints the tables of what was kept.
"""

import argparse
import collections
import json
import os
import sys
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "tests/bench"))
from make import PRODUCTS  # noqa: E402
from shop_questions import Shop, made  # noqa: E402

BATCH = 64


def call(url, method, path, body=None):
    headers = {"Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/store/v1/{path}", data, headers, method=method)) as answer:
        return json.loads(answer.read() or b"null")


def messages():
    """Language, kind or None, text, value."""
    for line in (HERE / "set.tsv").read_text().splitlines():
        language, marked = line.split("\t")
        if "[[" not in marked:
            yield language, None, marked, None
            continue
        before, rest = marked.split("[[", 1)
        inner, behind = rest.split("]]", 1)
        kind, value = inner.split(":", 1)
        yield language, kind, before + value + behind, value


def kept(url, language, text):
    """What is kept of a message; nothing of one that may not be."""
    begun = call(url, "POST", "conversations", {"language": language})
    path = f"conversations/{begun['id']}"
    call(url, "POST", f"{path}/messages", {"text": text, "language": language})
    turns = [turn["text"] for turn in call(url, "GET", path)["turns"] if turn["speaker"] == "shopper"]
    call(url, "DELETE", path)
    return turns[0] if turns else None


def tags(url, texts):
    """Parts that the tagger found, as ENTITY:start-end in characters."""
    found = []
    for at in range(0, len(texts), BATCH):
        for result in call(url, "POST", "text/tag", {"input": texts[at : at + BATCH]})["results"]:
            found.append(" ".join(f"{part['entity']}:{part['start']}-{part['end']}" for part in result["entities"]))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--goods", action="store_true")
    args = parser.parse_args()
    if args.goods:
        for number, name in enumerate(PRODUCTS):
            call(args.url, "PUT", f"facts/products/9900{number:02}", {"names": {"en": name}})
    everything = list(messages())
    found = tags(args.url, [text for _, _, text, _ in everything])
    (HERE / "tagged.tsv").write_text("".join(line + "\n" for line in found))
    of, gone, harmed = collections.Counter(), collections.Counter(), collections.Counter()
    for language, kind, text, value in everything:
        left = kept(args.url, language, text)
        of[kind, language] += 1
        if kind is None:
            harmed[language] += left != text
        else:
            gone[kind, language] += left is None or value not in left
    for (kind, language), count in sorted(of.items(), key=str):
        what = f"{harmed[language]} changed" if kind is None else f"{gone[kind, language]} not kept whole"
        print(f"| {kind or 'nobody’s data'} | {language} | {count} | {what} |")
    shop = Shop()
    questions = [(one["language"], text) for one in made(shop) for text in one["say"]]
    questions += [("en", text) for one in json.loads((HERE.parents[1] / "tests/bench/shoppers.json").read_text()) for text in one["say"]]
    changed = collections.Counter()
    for language, text in questions:
        left = kept(args.url, language, text)
        if left != text.strip():
            changed[language] += 1
            print("changed:", text, "->", left)
    counts = collections.Counter(language for language, _ in questions)
    print({language: f"{changed[language]} of {count} changed" for language, count in counts.items()})


if __name__ == "__main__":
    main()
