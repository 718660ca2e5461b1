#!/usr/bin/env python3
"""Makes calibration.tsv and test.tsv: pairs of shop questions, labelled by whether one answer serves both.

    models/questions/make.py [--products FILE] [--pairs N N] [--seed N] [--out FOLDER]

Wordings are from calibration.txt and test.txt, written by hand; products from the sample shop. The two
halves share neither wordings nor products, days, dishes or numbers. A line is: half, kind, same (1) or
different (0), language, question, question. Equal seeds make equal files.
"""

import argparse
import csv
import io
import random
import re
import tarfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
SHOP = HERE.parent / "sample-shop" / "shop.tar.gz"
LANGUAGES = ["en", "de", "es", "fr"]
TRAILING_SIZE = re.compile(r" \d[\d.,]* ?(x \d+ ?)?[a-zA-Z]+( [a-z]+)?$")
HALVES = ["calibration", "test"]

DAYS = {
    "calibration": {
        "en": ["Monday", "Wednesday", "Saturday", "Christmas Eve", "Easter Monday"],
        "de": ["Montag", "Mittwoch", "Samstag", "Ostermontag"],
        "es": ["lunes", "miércoles", "sábado"],
        "fr": ["lundi", "mercredi", "samedi"],
    },
    "test": {
        "en": ["Tuesday", "Thursday", "Friday", "Sunday", "New Year's Eve", "Thanksgiving"],
        "de": ["Dienstag", "Donnerstag", "Freitag", "Sonntag", "Heiligabend"],
        "es": ["martes", "jueves", "viernes", "domingo"],
        "fr": ["mardi", "jeudi", "vendredi", "dimanche"],
    },
}
DISHES = {
    "calibration": ["pancakes", "lasagne", "a curry", "smoothies", "an apple pie", "risotto", "coffee", "a salad"],
    "test": ["tiramisu", "an omelette", "chili", "muffins", "a cheesecake", "fried rice", "tea", "soup", "tacos"],
}
SERVICES = {
    "calibration": ["bakery", "pharmacy", "cafe"],
    "test": ["butcher", "fish counter", "post office", "deli"],
}
NUMBERS = {"calibration": [4, 10, 14, 25, 40, 180], "test": [3, 6, 12, 20, 30, 60, 200]}
ALLERGENS = {
    "calibration": {"en": ["nuts", "milk", "soy"], "de": ["Nüsse", "Milch"]},
    "test": {"en": ["gluten", "eggs", "sesame", "peanuts"], "de": ["Gluten", "Soja", "Ei"]},
}
# What changes a question by words that no vocabulary has.
DETAILS = {
    "calibration": ["for my rabbit", "on a campfire", "in a thermos", "for a wedding", "with chopsticks", "in a slow cooker",
                    "for astronauts", "on a train", "without electricity", "at high altitude", "for my horse", "in bulk"],
    "test": ["for my hamster", "in a pressure cooker", "on a boat", "for a marathon", "with my braces", "in a tent",
             "for a funeral", "in a lunchbox", "at the office", "for a parrot", "underwater", "wholesale"],
}
# What one of a line asks, the other does not.
OPPOSITES = [
    ("vegan", "not-vegan"),
    ("is-open", "is-closed"),
    ("open-when", "close-when"),
    ("return-with", "return-without"),
    ("loyalty-join", "loyalty-leave"),
    ("allergen", "allergen-free"),
]
# Questions about one thing that are taken for each other.
NEIGHBOURS = [
    ("keep", "freeze", "shelf", "cook", "microwave"),
    ("calories", "sugar", "protein"),
    ("vegan", "organic", "kids", "recycle", "spicy"),
    ("taste", "serve", "origin", "location"),
    ("price", "offer", "stock"),
    ("pay-card", "pay-cash", "pay-phone"),
    ("deliver", "collect", "parking"),
    ("hours", "is-open", "open-when", "close-when"),
    ("difference", "replace"),
    ("sweeter", "healthier", "cheaper"),
    ("people", "minutes", "degrees"),
    ("gift-card", "loyalty-join"),
    ("toilet", "parking", "wheelchair", "dog"),
    ("opened-return", "return-without", "return-with"),
    ("points", "order"),
]
# Intents that stand for a category almost alone are drawn more often where thresholds are fitted, so that
# each has its evidence.
OFTEN = {"location": 8, "difference": 14, "better-for": 14}
DIRECTED = ["sweeter", "healthier", "cheaper", "replace"]
# Stands for what is not asked; its wordings do not all mean the same.
ONLY_OPPOSITE = ["not-vegan"]


def wordings(half):
    """Intent and language to wordings."""
    found, at = defaultdict(list), None
    for line in (HERE / f"{half}.txt").read_text().splitlines():
        if line.startswith("== "):
            at = tuple(line[3:].split())
        elif line and not line.startswith("#"):
            found[at].append(line)
    return found


def products(path):
    """Products with a name in each language, a brand and a size; those of a category stay in one half."""
    with tarfile.open(path) as shop:
        rows = list(csv.DictReader(io.TextIOWrapper(shop.extractfile("products.csv"), "utf-8")))
    groups = defaultdict(list)
    for row in rows:
        if row["size.text"]:
            groups[row["category"]].append(product(row))
    return [group for _, group in sorted(groups.items()) if len(group) > 3]


def product(row):
    """A product's parts as customers name them: what it is, without brand and size."""
    found = {"brand": row["brand"], "size": row["size.text"]}
    for lang in LANGUAGES:
        name = row[f"name.{lang}"].removeprefix(row["brand"]).strip()
        found[f"name_{lang}"] = TRAILING_SIZE.sub("", name)
    return found


class Maker:
    def __init__(self, half, groups, rng):
        self.half, self.rng, self.groups = half, rng, groups
        self.wordings = wordings(half)
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
        rng, half = self.rng, self.half
        group = rng.choice(self.groups)
        one, two = rng.sample(group, 2)
        other = rng.choice(rng.choice(self.groups)) if rng.random() < 0.3 else two
        if other is one:
            other = two
        allergens = ALLERGENS[half].get(lang) or ["gluten"]
        return {
            "p": self.reference(one, lang, form),
            "a": self.reference(one, lang),
            "b": self.reference(other, lang),
            "day": rng.choice(DAYS[half][lang]),
            "dish": rng.choice(DISHES[half]),
            "svc": rng.choice(SERVICES[half]),
            "n": rng.choice(NUMBERS[half]),
            "x": rng.choice(allergens),
            "row": one,
            "sibling": two,
        }

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
        often = OFTEN if self.half == "calibration" else {}
        [key] = self.rng.choices(keys, [often.get(key[0], 1) for key in keys])
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

    def number(self):
        def change(slots, lang):
            return slots | {"n": self.rng.choice([n for n in NUMBERS[self.half] if n != slots["n"]])}
        return self.changed("number", "n", change)

    def day(self):
        def change(slots, lang):
            return slots | {"day": self.rng.choice([d for d in DAYS[self.half][lang] if d != slots["day"]])}
        return self.changed("day", "day", change)

    def dish(self):
        def change(slots, lang):
            return slots | {"dish": self.rng.choice([d for d in DISHES[self.half] if d != slots["dish"]])}
        return self.changed("purpose", "dish", change)

    def allergen(self):
        def change(slots, lang):
            others = [x for x in ALLERGENS[self.half].get(lang, []) if x != slots["x"]]
            return slots | {"x": self.rng.choice(others)} if others else None
        return self.changed("allergen", "x", change)

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
        more = f"{wording.rstrip('?')} {self.rng.choice(DETAILS[self.half])}{end}"
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
        different = [
            self.product, self.product, self.size, self.brand, self.number, self.day, self.dish, self.allergen,
            self.detail, self.detail, self.reversed, self.reversed,
            lambda: self.between("negation", OPPOSITES), lambda: self.between("negation", OPPOSITES),
            lambda: self.between("intent", NEIGHBOURS), lambda: self.between("intent", NEIGHBOURS),
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--products", default=SHOP, help="shop.tar.gz of a sample shop")
    parser.add_argument("--pairs", type=int, nargs=2, default=[23000, 4000], help="of either half")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    groups = products(args.products)
    rng.shuffle(groups)
    middle = len(groups) // 2
    for half, part, count in zip(HALVES, [groups[:middle], groups[middle:]], args.pairs):
        maker = Maker(half, part, random.Random(f"{args.seed} {half}"))
        lines = ["\t".join(map(str, row)) + "\n" for row in maker.make(count)]
        (args.out / f"{half}.tsv").write_text("".join(lines))


if __name__ == "__main__":
    main()
