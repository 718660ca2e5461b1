"""How many questions to the shop's assistant are answered right, wrong or not at all, and by which step.

    endcap demo --words-only                        # in another terminal; or any server with the sample shop
    ENDCAP_URL=… ENDCAP_TOKEN=… python tests/bench/concierge.py [--open] [--only KIND]

Questions are those of `shop_questions.py`, made from the catalogue, and those of `shoppers.json`, written by hand
as shoppers speak. An answer is **right** where it has the facts that it has to have, **refused** where it says
that it does not know, does not find it, or asks which product is meant, and **wrong** otherwise. `--open` prints
answers to questions that no fact answers, to be judged by people.

Beside that every answer is held against the catalogue: amounts of money, statements on allergens and the
products that it shows. One that is not the catalogue's is a fault, whatever was asked, and ends the run with 1.
"""

import collections
import json
import os
import pathlib
import re
import sys
import time
import urllib.request

from shop_questions import Shop, made, money

URL = os.environ.get("ENDCAP_URL", "http://127.0.0.1:8080")
TOKEN = os.environ["ENDCAP_TOKEN"]
BY_HAND = pathlib.Path(__file__).parent / "shoppers.json"
ALLERGENS = {
    "en": dict(zip(["gluten", "wheat", "crustaceans", "molluscs", "eggs", "fish", "peanuts", "nuts", "soy", "milk",
                    "celery", "mustard", "sesame", "sulphites", "lupin"], range(15))),
}
KIN = {"gluten": {"gluten", "wheat"}, "nuts": {"nuts", "peanuts"}, "crustaceans": {"crustaceans", "molluscs"}}
REFUSED = ("refused", "partly", "failed", "skipped")


def call(method, path, body=None):
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{URL}/store/v1/{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def talk(say):
    """Every turn of a conversation, with the milliseconds that it took."""
    begun = call("POST", "conversations", {})
    turns = []
    for text in say:
        start = time.perf_counter()
        turn = call("POST", f"conversations/{begun['id']}/messages", {"text": text})
        turns.append((turn, (time.perf_counter() - start) * 1000))
    call("DELETE", f"conversations/{begun['id']}")
    return turns


def amounts(shop, skus):
    """Amounts of money that may be told of products: prices, former prices, and what promotions say."""
    told = set()
    for sku in skus:
        row = shop.prices[sku]
        told |= {float(row["amount"])} | ({float(row["was"])} if row["was"] else set())
        category = shop.products[sku]["category"]
        for promotion in shop.promotions:
            reaches = sku in promotion["skus"].split("|") or any(
                category == one or category.startswith(one + "/") for one in promotion["categories"].split("|") if one)
            if reaches:
                told |= {float(promotion[field]) for field in ("fixed_price", "amount_off") if promotion[field]}
    return {f"{amount:.2f}" for amount in told}


def faults(shop, turn):
    """What an answer says that is not the catalogue's."""
    text = turn["text"].replace("\u00a0", " ")
    found, shown = [], [card["sku"] for card in turn.get("products", [])]
    for card in turn.get("products", []) + turn.get("citations", []):
        if card["sku"] not in shop.products:
            found.append(f"no such product: {card['sku']}")
            continue
        names = {shop.products[card["sku"]][f"name.{language}"] for language in ("en", "de", "es", "fr")}
        if not any(card["name"].startswith(name) for name in names):
            found.append(f"not its name: {card['name']}")
    known = [sku for sku in shown if sku in shop.products]
    # What is on offer in the whole shop names no product; prices by weight are computed.
    everything = text.startswith(("On offer now", "Im Angebot", "En oferta", "En promotion"))
    may = amounts(shop, known)
    for amount in re.findall(r"(?:[$€])(\d+\.\d\d)(?! per)|(\d+,\d\d) [$€](?! pro| por| par)", text):
        amount = (amount[0] or amount[1]).replace(",", ".")
        if not everything and amount not in may:
            found.append(f"not a price of what is shown: {amount}")
    for card in turn.get("products", []):
        row = shop.prices.get(card["sku"])
        if row and card.get("price") and money(row["amount"]) not in card["price"] \
                and money(row["amount"], "de") not in card["price"].replace("\u00a0", " "):
            found.append(f"not its price: {card}")
    found += allergen_faults(shop, text, known)
    return found


def allergen_faults(shop, text, skus):
    """Statements on allergens, as the English sentences make them, that the catalogue does not."""
    found = []
    for sku in skus:
        name = shop.products[sku]["name.en"]
        contains, traces = shop.allergens(sku)
        for sentence in re.findall(rf"{re.escape(name)}[^.]*? (contains no|contains|may contain traces of|may contain) ([a-z ,]+)\.",
                                   text):
            verb, listed = sentence
            names = [one.strip() for one in re.split(r",| and ", listed) if one.strip() in ALLERGENS["en"]]
            if contains is None:
                found.append(f"its allergens are not known: {name}")
            for allergen in names if contains is not None else []:
                kin = KIN.get(allergen, {allergen})
                true = {
                    "contains no": not kin & (contains | traces),
                    "contains": allergen in contains,
                }.get(verb, allergen in traces)
                if not true:
                    found.append(f"not so: {name} {verb} {allergen}")
    return found


def try_the_checks(shop):
    """Sees that each check finds what it is for."""
    sku = next(sku for sku in shop.chosen("forged", 5000) if shop.allergens(sku)[0] == {"milk"})
    name, price = shop.name(sku), money(shop.prices[sku]["amount"])
    card = {"sku": sku, "name": name, "price": price}
    true = {"text": f"{name} costs {price}. {name} contains milk.", "products": [card]}
    forged = [
        true | {"text": f"{name} costs $987.65."},
        true | {"text": f"{name} contains no milk."},
        true | {"text": f"{name} contains peanuts."},
        true | {"products": [card | {"price": "$987.65"}]},
        true | {"products": [card | {"sku": "0"}]},
        true | {"products": [card | {"name": "Moon Cheese"}]},
    ]
    assert not faults(shop, true), faults(shop, true)
    for turn in forged:
        assert faults(shop, turn), turn


def verdict(question, turn):
    text = turn["text"].replace("\u00a0", " ")
    has = question["has"]
    if has is None:
        return "open"
    shown = [card["sku"] for card in turn.get("products", [])]
    product = question.get("sku") is None or question["sku"] in shown
    if product and all(re.search(pattern, text, re.S) for pattern in has):
        return "right"
    last = turn["route"][-1] if turn.get("route") else {"outcome": "refused"}
    return "refused" if last["outcome"] in REFUSED else "wrong"


def route(turn):
    """The step that spoke: the last that answered, or else the last of all."""
    steps = turn.get("route", [])
    spoke = [step["step"] for step in steps if step["outcome"] in ("answered", "partly", "refused")]
    return spoke[0] if spoke else "none"


def main():
    shop = Shop()
    try_the_checks(shop)
    questions = made(shop)
    for case in json.loads(BY_HAND.read_text()):
        has = None if case["right"] is None else [case["right"]]
        questions.append({"kind": "by hand", "say": case["say"], "sku": None, "has": has})
    if "--only" in sys.argv:
        questions = [one for one in questions if one["kind"] == sys.argv[sys.argv.index("--only") + 1]]
    kinds, routes = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    times, wrong, false = collections.defaultdict(list), [], []
    for question in questions:
        turns = talk(question["say"])
        for turn, ms in turns:
            times[route(turn)].append(ms)
            false += [(question["say"], fault, turn["text"]) for fault in faults(shop, turn)]
        turn = turns[-1][0]
        found = verdict(question, turn)
        kinds[question["kind"]][found] += 1
        routes[route(turn)][found] += 1
        if found in ("wrong", "refused"):
            wrong.append((found, question, turn))
        if found == "open" and "--open" in sys.argv:
            print(f"   OPEN  {' / '.join(question['say'])}\n         {turn['text']}")
    for title, counts in (("kind", kinds), ("route", routes)):
        print(f"{title:14} right wrong refused open")
        total = collections.Counter()
        for name, count in counts.items():
            total += count
            print(f"{name:14} {count['right']:5} {count['wrong']:5} {count['refused']:7} {count['open']:4}")
        print(f"{'all':14} {total['right']:5} {total['wrong']:5} {total['refused']:7} {total['open']:4}\n")
    for name, list_ in times.items():
        ordered = sorted(list_)
        print(f"{name:14} {len(ordered):4} answers, median {ordered[len(ordered) // 2]:.1f} ms, "
              f"p95 {ordered[int(len(ordered) * 0.95)]:.1f} ms")
    for found, question, turn in wrong:
        steps = " > ".join(f"{step['step']} {step['outcome']} {step['reason']}" for step in turn.get("route", []))
        print(f"{found.upper()} [{question['kind']}] {' / '.join(question['say'])}\n      {turn['text']}\n"
              f"      wanted {question['has']}; {steps}")
    print(f"{len(false)} statements that are not the catalogue's")
    for say, fault, text in false:
        print(f"FALSE {fault}: {' / '.join(say)}\n      {text}")
    sys.exit(bool(false))


if __name__ == "__main__":
    main()
