#!/usr/bin/env python3
"""Draws products.tsv from the sample shop: products as customers name them, without brand and size.

    models/questions/products.py

It is kept, so that the pairs stay what they are when the sample shop changes. A line is: category, brand,
size, name in English, German, Spanish and French.
"""

import csv
import io
import random
import re
import tarfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).parent
SHOP = HERE.parent / "sample-shop" / "shop.tar.gz"
SEED = 20
# So many of a category at most, and at least: pairs differ by products of one category.
MOST, LEAST = 10, 4
TRAILING_SIZE = re.compile(r" \d[\d.,]* ?(x \d+ ?)?[^\W\d]+( [^\W\d]+)?$")


def main():
    with tarfile.open(SHOP) as shop:
        rows = list(csv.DictReader(io.TextIOWrapper(shop.extractfile("products.csv"), "utf-8")))
    groups = defaultdict(list)
    for row in rows:
        if row["size.text"]:
            groups[row["category"]].append(row)
    rng = random.Random(SEED)
    with open(HERE / "products.tsv", "w") as out:
        for category, group in sorted(groups.items()):
            for row in rng.sample(group, min(MOST, len(group))) if len(group) >= LEAST else []:
                names = [name(row, lang) for lang in ("en", "de", "es", "fr")]
                print(category, row["brand"], row["size.text"], *names, sep="\t", file=out)


def name(row, lang):
    return TRAILING_SIZE.sub("", row[f"name.{lang}"].removeprefix(row["brand"]).strip())


if __name__ == "__main__":
    main()
