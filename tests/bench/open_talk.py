"""How the shop's assistant answers what no fact answers: ideas, recipes, gifts, health, other topics, tricks.

    endcap demo --model qwen2.5-coder-1.5b-instruct     # or any server with the sample shop
    ENDCAP_URL=… ENDCAP_TOKEN=… python tests/bench/open_talk.py [--only KIND] [--show] [--json FILE]

`open_questions.json` names for each conversation what its last answer has to be: its language, how many products it
shows, of which category (`of`, `not_of`) and without what (`free_of`), and what its text must and must not have. An
answer is **right** where all of that holds, **refused** where it says that it does not know, and **wrong** otherwise.
Each answer is also held against the catalogue, as `concierge.py` does; one that is not the catalogue's ends the run with 1.
Times to the first words are those of answers that a model had a part in.
"""

import collections
import json
import os
import pathlib
import re
import sys
import time
import urllib.request

from concierge import TOKEN, URL, call, faults
from shop_questions import Shop

QUESTIONS = pathlib.Path(__file__).parent / "open_questions.json"
MODELS = ("model", "larger_model")
# Words that nearly every sentence of a language has.
COMMON = {
    "en": "the a an and is are for with of to that we have it in on",
    "de": "der die das und ist sind für mit wir haben dafür ein eine zu dazu",
    "es": "el la los las y es son para con eso tenemos un una de que",
    "fr": "le la les des et est sont pour avec cela nous avons un une de",
}


def streamed(conversation, text):
    """A turn, with the milliseconds to its first words and to its end."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    body = json.dumps({"text": text, "stream": True}).encode()
    request = urllib.request.Request(f"{URL}/store/v1/conversations/{conversation}/messages", body, headers)
    start, first, event, turn = time.perf_counter(), None, None, None
    with urllib.request.urlopen(request) as answer:
        for line in answer:
            line = line.decode().rstrip("\n")
            if line.startswith("event: "):
                event = line[7:]
            elif line.startswith("data: "):
                if event == "delta" and first is None:
                    first = time.perf_counter() - start
                if event == "turn":
                    turn = json.loads(line[6:])
    whole = time.perf_counter() - start
    return turn, (first or whole) * 1000, whole * 1000


def talk(say):
    """The turns of a conversation with their times."""
    begun = call("POST", "conversations", {})
    turns = [streamed(begun["id"], text) for text in say]
    call("DELETE", f"conversations/{begun['id']}")
    return turns


def speaks(text, language):
    """Whether the text is in a language, as its common words tell."""
    words = set(re.findall(r"\w+", text.lower()))
    counts = {code: len(words & set(common.split())) for code, common in COMMON.items()}
    return language not in counts or counts[language] == max(counts.values())


def why_not(shop, case, turn):
    """What of the expected does not hold; none where all does."""
    text, missing = turn["text"].replace("\u00a0", " "), []
    language = case.get("language", "en")
    if turn["language"] != language or not speaks(text, language):
        missing.append(f"not in {language}")
    shown = [card["sku"] for card in turn.get("products", []) if card["sku"] in shop.products]
    categories = [shop.products[sku]["category"] for sku in shown]
    if len(shown) < case.get("shows", 0):
        missing.append(f"shows {len(shown)} products")
    if "of" in case and not any(re.search(case["of"], category) for category in categories):
        missing.append(f"none of {case['of']}: {categories}")
    if "not_of" in case and any(re.search(case["not_of"], category) for category in categories):
        missing.append(f"some of {case['not_of']}: {categories}")
    for sku in shown:
        contains, traces = shop.allergens(sku)
        held = set(case.get("free_of", [])) & ((contains or set()) | (traces or set()))
        if held:
            missing.append(f"{shop.name(sku)} has {held}")
    if "must" in case and not re.search(case["must"], text, re.S):
        missing.append(f"has no {case['must']}")
    if "mustnt" in case and re.search(case["mustnt"], text, re.S):
        missing.append(f"has {case['mustnt']}")
    return missing


def did_not_know(turn):
    """Whether an answer says that it has none."""
    last = turn["route"][-1] if turn.get("route") else {"outcome": "refused"}
    return last["outcome"] in ("refused", "partly", "failed", "skipped")


def step(turn):
    """The step that spoke."""
    spoke = [one["step"] for one in turn.get("route", []) if one["outcome"] in ("answered", "partly", "refused")]
    return spoke[-1] if spoke else "none"


def at(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def main():
    shop = Shop()
    cases = json.loads(QUESTIONS.read_text())
    if "--only" in sys.argv:
        cases = [case for case in cases if case["kind"] == sys.argv[sys.argv.index("--only") + 1]]
    kinds, routes = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    false, bad, times, tools = [], [], [], collections.Counter()
    for case in cases:
        turns = talk(case["say"])
        for turn, first, whole in turns:
            false += [(case["say"], fault, turn["text"]) for fault in faults(shop, turn)]
            tools.update(tool["name"] for tool in turn.get("tools", []))
            by_model = [one for one in turn.get("route", []) if one["step"] in MODELS and one["outcome"] == "answered"]
            if by_model and by_model[-1]["reason"] != "kept":
                times.append((first, whole))
        turn = turns[-1][0]
        missing = why_not(shop, case, turn)
        found = "right" if not missing else "refused" if did_not_know(turn) else "wrong"
        kinds[case["kind"]][found] += 1
        routes[step(turn)][found] += 1
        if missing:
            bad.append((found, case["say"], missing, turn["text"]))
        if "--show" in sys.argv:
            print(f"{found:8} {step(turn):13} {case['say'][-1]}\n         {turn['text']}")
    for found, say, missing, text in bad:
        print(f"{found}: {' / '.join(say)}\n    {text}\n    {'; '.join(missing)}")
    for title, table in (("kind", kinds), ("step", routes)):
        print(f"\n{title:14} right refused wrong")
        for name, counts in sorted(table.items()):
            print(f"{name:14} {counts['right']:5} {counts['refused']:7} {counts['wrong']:5}")
    total = sum(kinds.values(), collections.Counter())
    print(f"\n{len(cases)} conversations: {total['right']} right, {total['refused']} refused, {total['wrong']} wrong")
    print(f"tools: {dict(tools)}")
    if times:
        firsts, wholes = zip(*times)
        print(f"{len(times)} made by a model: first words p50 {at(firsts, .5):.0f} ms, p95 {at(firsts, .95):.0f} ms; "
              f"whole p50 {at(wholes, .5):.0f} ms, p95 {at(wholes, .95):.0f} ms")
    for say, fault, text in false:
        print(f"FALSE: {say}: {fault}\n    {text}")
    print(f"{len(false)} statements that are not the catalogue's")
    sys.exit(1 if false else 0)


if __name__ == "__main__":
    main()
