#!/usr/bin/env python3
"""Makes calibration.tsv and test.tsv: pairs of shop questions, labelled by whether one answer serves both.

    models/questions/make.py [--pairs N N] [--seed N] [--out FOLDER]
    models/questions/make.py --check [--out FOLDER]

Wordings and what stands in them are from calibration.txt and test.txt, written by hand; products from
products.tsv. The halves share none of it, which is checked before a pair is made. A line is: half, kind,
same (1) or different (0), language, question, question. Equal seeds make equal files; --check compares
test.tsv with what would be made, and writes calibration.tsv only.
"""

import argparse
import random
import re
import sys
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
LANGUAGES = ["en", "de", "es", "fr"]
# Of the published figures.
SEED = 20
HALVES = ["calibration", "test"]

# What one of a line asks, the other does not.
OPPOSITES = [
    ("vegan", "not-vegan"),
    ("is-open", "is-closed"),
    ("svc-is-open", "svc-is-closed"),
    ("open-when", "close-when"),
    ("svc-open-when", "svc-close-when"),
    ("return-with", "return-without"),
    ("loyalty-join", "loyalty-leave"),
    ("allergen", "allergen-free"),
]
# Questions about one thing that are taken for each other.
NEIGHBOURS = [
    ("keep", "freeze", "shelf", "cook", "microwave", "freeze-how"),
    ("freeze", "freeze-how"),
    ("microwave", "microwave-how", "cook"),
    ("calories", "sugar", "protein"),
    ("vegan", "organic", "kids", "recycle", "spicy"),
    ("taste", "serve", "origin", "location"),
    ("price", "offer", "stock"),
    ("pay-card", "pay-cash", "pay-phone"),
    ("deliver", "collect", "parking"),
    ("hours", "is-open", "open-when", "close-when", "open-at", "svc-hours"),
    ("svc-hours", "svc-open-when", "svc-close-when", "svc-is-open"),
    ("is-open", "svc-is-open", "open-at", "longer"),
    ("difference", "replace"),
    ("sweeter", "healthier", "cheaper"),
    ("people", "minutes", "degrees"),
    ("gift-card", "loyalty-join"),
    ("toilet", "parking", "wheelchair", "dog"),
    ("opened-return", "return-without", "return-with"),
    ("points", "order"),
]
HOURS = ["hours", "is-open", "is-closed", "open-when", "close-when", "open-at", "longer", "svc-hours", "svc-open-when",
         "svc-close-when", "svc-is-open", "svc-is-closed"]
# How much more often some intents are drawn, so that each category has its evidence.
OFTEN = dict.fromkeys(HOURS, 2) | dict.fromkeys(["freeze", "cook", "serve"], 2) | {"keep": 3, "location": 8}
OFTEN |= dict.fromkeys(["taste", "spicy", "origin", "calories", "sugar", "protein", "vegan", "organic", "recycle", "kids"], 2)
OFTEN |= {"difference": 14, "better-for": 14}
DIRECTED = ["sweeter", "healthier", "cheaper", "replace"]
# Stands for what is not asked; its wordings do not all mean the same.
ONLY_OPPOSITE = ["not-vegan"]


def read(half):
    """Intent and language to wordings; a slot in braces and language to what may stand there."""
    found, at = defaultdict(list), None
    for line in (HERE / f"{half}.txt").read_text().splitlines():
        if line.startswith("== "):
            at = tuple(line[3:].split())
        elif line and not line.startswith("#"):
            found[at].append(line)
    return found


def products():
    """Products by category."""
    groups = defaultdict(list)
    for line in (HERE / "products.tsv").read_text().splitlines():
        category, brand, size, *names = line.split("\t")
        names = {f"name_{lang}": name for lang, name in zip(LANGUAGES, names, strict=True)}
        groups[category].append({"brand": brand, "size": size, **names})
    return [group for _, group in sorted(groups.items())]


def halves(seed):
    """The products of either half: a category's stay together, and no name is in both."""
    groups = products()
    random.Random(seed).shuffle(groups)
    first, second = groups[: len(groups) // 2], groups[len(groups) // 2 :]
    taken = {row[f"name_{lang}"].lower() for group in first for row in group for lang in LANGUAGES}
    free = lambda row: not any(row[f"name_{lang}"].lower() in taken for lang in LANGUAGES)
    second = [[row for row in group if free(row)] for group in second]
    return first, [group for group in second if len(group) > 1]


def plain(text):
    return " ".join(re.findall(r"[\w{}]+", text.lower()))


def shared():
    """What stands in both calibration.txt and test.txt."""
    texts = [{(key[1], plain(text)) for key, texts in read(half).items() for text in texts} for half in HALVES]
    return sorted(texts[0] & texts[1])


class Maker:
    def __init__(self, half, groups, rng):
        self.half, self.rng, self.groups = half, rng, groups
        read_all = read(half)
        self.wordings = {key: texts for key, texts in read_all.items() if not key[0].startswith("{")}
        self.values = {key: texts for key, texts in read_all.items() if key[0].startswith("{")}
        self.seen = set()

    def reference(self, row, lang, form=None):
        """How a customer may call a product; both questions of a pair use the same."""
        name = row[f"name_{lang}"]
        name = name if lang == "de" or self.rng.random() < 0.3 else name.lower()
        match form or self.rng.choices(["name", "brand", "size"], [55, 20, 25])[0]:
            case "name":
                return name
            case "brand":
                return f"{row['brand']} {name}"
            case _:
                return f"{name} {row['size']}"

    def slots(self, lang, form=None):
        rng = self.rng
        group = rng.choice(self.groups)
        one, two = rng.sample(group, 2)
        other = rng.choice(rng.choice(self.groups)) if rng.random() < 0.3 else two
        if other is one:
            other = two
        filled = {slot: self.value(slot, lang) for slot in ["day", "time", "svc", "dish", "n", "x"]}
        return filled | {
            "p": self.reference(one, lang, form),
            "a": self.reference(one, lang),
            "b": self.reference(other, lang),
            "other": self.value("day", lang, filled["day"]),
            "row": one,
            "sibling": two,
        }

    def value(self, slot, lang, but=None):
        """What stands in a slot, another one than `but`; nothing where the language has no such slot."""
        values = [value for value in self.values.get((f"{{{slot}}}", lang), []) if value != but]
        return self.rng.choice(values) if values else None

    def say(self, wording, slots, lang):
        text = wording.format(**slots)
        rng = self.rng
        if rng.random() < 0.5:
            text = resized(text, rng)
        if lang == "en" and rng.random() < 0.08:
            text = rng.choice(["Hi, ", "Hello! ", "Excuse me, ", "Quick question: "]) + text[0].lower() + text[1:]
        if rng.random() < 0.25:
            text = text.lower().rstrip("?. ")
        elif rng.random() < 0.05 and lang == "en":
            text = text.rstrip("?") + " please?"
        return text

    def pair(self, kind, same, lang, one, two):
        """Adds a pair unless it was there or says nothing."""
        if one.lower() == two.lower() or (one, two) in self.seen:
            return None
        self.seen.add((one, two))
        return (self.half, kind, int(same), lang, one, two)

    def intents(self, slot=None, only=None):
        keys = [key for key in self.wordings if key[0] not in ONLY_OPPOSITE]
        if only:
            keys = [key for key in keys if key[0] in only]
        if slot:
            keys = [key for key in keys if any("{%s}" % slot in w for w in self.wordings[key])]
        return keys

    def two(self, key):
        """Two wordings of an intent; sometimes the same, for pairs that differ in a slot only."""
        return self.rng.sample(self.wordings[key], 2)

    def same(self):
        keys = self.intents()
        [key] = self.rng.choices(keys, [OFTEN.get(key[0], 1) for key in keys])
        one, two = self.two(key)
        slots, lang = self.slots(key[1]), key[1]
        return self.pair("paraphrase", True, lang, self.say(one, slots, lang), self.say(two, slots, lang))

    def changed(self, kind, slot, change, only=None, form=None):
        """Two questions of one intent where one slot differs."""
        key = self.rng.choice(self.intents(slot, only))
        lang = key[1]
        one, two = self.two(key)
        if self.rng.random() < 0.5:
            two = one
        slots = self.slots(lang, form)
        other = change(dict(slots), lang)
        if other is None:
            return None
        return self.pair(kind, False, lang, self.say(one, slots, lang), self.say(two, other, lang))

    def product(self):
        def change(slots, lang):
            new = self.reference(slots["sibling"], lang)
            if new.lower() == slots["p"].lower():
                return None
            return slots | {"p": new}
        return self.changed("product", "p", change)

    def size(self):
        def change(slots, lang):
            new = resize(slots["p"])
            return None if new is None else slots | {"p": new}
        return self.changed("size", "p", change, form="size")

    def brand(self):
        def change(slots, lang):
            row = slots["row"]
            brands = sorted({r["brand"] for g in self.groups for r in g} - {row["brand"]})
            return slots | {"p": slots["p"].replace(row["brand"], self.rng.choice(brands), 1)}
        return self.changed("brand", "p", change, form="brand")

    def slot(self, kind, slot, only=None):
        """Something else in a slot."""
        def change(slots, lang):
            other = self.value(slot, lang, slots[slot])
            return slots | {slot: other} if other else None
        return self.changed(kind, slot, change, only)

    def days_reversed(self):
        def change(slots, lang):
            return slots | {"day": slots["other"], "other": slots["day"]}
        return self.changed("reversed", "other", change)

    def reversed(self):
        def change(slots, lang):
            if slots["a"].lower() == slots["b"].lower():
                return None
            return slots | {"a": slots["b"], "b": slots["a"]}
        return self.changed("reversed", "a", change, DIRECTED)

    def detail(self):
        """One question asks for more than the other."""
        key = self.rng.choice([key for key in self.intents() if key[1] == "en"])
        wording, slots = self.rng.choice(self.wordings[key]), self.slots("en")
        end = "?" if wording.endswith("?") else ""
        more = f"{wording.rstrip('?')} {self.value('detail', 'en')}{end}"
        return self.pair("detail", False, "en", self.say(wording, slots, "en"), self.say(more, slots, "en"))

    def between(self, kind, groups):
        names = self.rng.choice(groups)
        one, two = self.rng.sample(names, 2)
        lang = self.rng.choice([l for l in ["en", "en", "de", "es", "fr"]
                                if (one, l) in self.wordings and (two, l) in self.wordings] or [None])
        if lang is None:
            return None
        slots = self.slots(lang)
        words = self.wordings
        return self.pair(kind, False, lang, self.say(self.rng.choice(words[one, lang]), slots, lang),
                         self.say(self.rng.choice(words[two, lang]), slots, lang))

    def make(self, count):
        slot, between = self.slot, self.between
        different = [
            self.product, self.product, self.size, self.brand, self.reversed, self.reversed, self.detail, self.detail,
            lambda: slot("number", "n"), lambda: slot("purpose", "dish"), lambda: slot("allergen", "x"),
            lambda: slot("day", "day", HOURS), lambda: slot("day", "day", HOURS), lambda: slot("day", "day", HOURS),
            lambda: slot("time", "time"), lambda: slot("service", "svc"), self.days_reversed,
            lambda: between("negation", OPPOSITES), lambda: between("negation", OPPOSITES),
            lambda: between("intent", NEIGHBOURS), lambda: between("intent", NEIGHBOURS),
            lambda: between("intent", NEIGHBOURS),
        ]
        made = []
        while len(made) < count // 2:
            made.append(self.same())
            made = [row for row in made if row]
        while len(made) < count:
            made.append(self.rng.choice(different)())
            made = [row for row in made if row]
        return made


SIZE = re.compile(r"\b(\d+(?:\.\d+)?) (g|kg|ml|l|oz|fl oz|ct)\b", re.IGNORECASE)
SPELLED = {"g": ["g", "grams", "gram"], "kg": ["kg", "kilo"], "ml": ["ml", "millilitres"], "l": ["l", "litre", "liter"],
           "oz": ["oz", "ounces", "ounce"], "fl oz": ["fl oz", "oz"], "ct": ["ct", "count", "pack"]}


def resized(text, rng):
    """The same size, written another way."""
    def turn(match):
        number, unit = match[1], match[2].lower()
        unit = rng.choice(SPELLED[unit])
        return f"{number}{unit}" if rng.random() < 0.3 and " " not in unit else f"{number} {unit}"
    return SIZE.sub(turn, text)


def resize(text):
    """Another size."""
    match = SIZE.search(text)
    if not match:
        return None
    number = float(match[1])
    new = number * 2 if number < 500 else number / 2
    return text[: match.start()] + f"{new:g} {match[2]}" + text[match.end():]


def pairs(half, groups, count, seed):
    rows = Maker(half, groups, random.Random(f"{seed} {half}")).make(count)
    return "".join("\t".join(map(str, row)) + "\n" for row in rows)


def questions(text):
    return {plain(question) for line in text.splitlines() for question in line.split("\t")[4:]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, nargs=2, default=[30000, 6000], help="of either half")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--check", action="store_true", help="write calibration.tsv only, and compare test.tsv")
    args = parser.parse_args()
    if found := shared():
        sys.exit(f"stands in both halves: {found}")
    texts = [pairs(*one, args.seed) for one in zip(HALVES, halves(args.seed), args.pairs)]
    if found := questions(texts[0]) & questions(texts[1]):
        sys.exit(f"asked in both halves: {sorted(found)[:5]}")
    (args.out / "calibration.tsv").write_text(texts[0])
    if not args.check:
        (args.out / "test.tsv").write_text(texts[1])
    elif (HERE / "test.tsv").read_text() != texts[1]:
        sys.exit("test.tsv is not what make.py makes")


if __name__ == "__main__":
    main()
