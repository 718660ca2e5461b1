#!/usr/bin/env python3
"""How good search is on the sample shop, and how long it takes: asks a server that has loaded it.

    endcap demo                                     # prints address and token
    ENDCAP_TOKEN=… tests/bench/search.py http://127.0.0.1:8080

For each kind of query in src/facts/search/tests/queries.txt the share of right products among ten hits, or of
all right ones where there are fewer. `by_meaning` says whether an encoder took part.
"""

import csv
import io
import json
import os
import pathlib
import statistics
import sys
import tarfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
QUERIES = ROOT / "src/facts/search/tests/queries.txt"


def products():
    with tarfile.open(ROOT / "models/sample-shop/shop.tar.gz") as archive:
        text = archive.extractfile("products.csv").read().decode()
    rows = csv.DictReader(io.StringIO(text))
    return {row["sku"]: f"{row['category']} {row['name.en']}".lower() for row in rows}


def counts(text, wanted):
    return any(all(part.strip() in text for part in parts.split(",")) for parts in wanted.split("|"))


def ask(server, query):
    url = f"{server}/store/v1/search?" + urllib.parse.urlencode({"q": query, "limit": 10})
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}"})
    begun = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        found = json.load(answer)
    return found, (time.perf_counter() - begun) * 1000


def main():
    server, shop = sys.argv[1].rstrip("/"), products()
    kinds, kind, times, by_meaning = {}, "", [], set()
    for line in QUERIES.read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            query, wanted = line.split(" = ")
            there = sum(counts(text, wanted) for text in shop.values())
            found, took = ask(server, query)
            right = sum(counts(shop[hit["sku"]], wanted) for hit in found["products"])
            kinds.setdefault(kind, []).append((right / min(there, 10), query))
            times.append(took)
            by_meaning.add(found["by_meaning"])
    for kind, shares in kinds.items():
        missed = [query for share, query in shares if share < 0.5]
        print(f"{kind:10} {statistics.mean(share for share, _ in shares):.3f}  {'; '.join(missed)}")
    times.sort()
    print(f"by_meaning {by_meaning}, ms per request: median {times[len(times) // 2]:.1f}, "
          f"p95 {times[len(times) * 95 // 100]:.1f}")


if __name__ == "__main__":
    main()
