#!/usr/bin/env python3
"""Turns Quora's question pairs, as the benchmark of GPTCache has them, into pairs as `endcap cache evaluate` reads them.

    git clone --depth 1 https://github.com/zilliztech/GPTCache
    models/questions/qqp.py GPTCache/examples/benchmark/similiar_qqp_full.json.gz > qqp.tsv

Of 80,854 pairs it takes every twentieth.
"""

import json
import sys
import tarfile

ONE_IN = 20


def main():
    # A tar archive, whatever its name says.
    with tarfile.open(sys.argv[1]) as archive:
        pairs = json.load(archive.extractfile(archive.next()))
    for pair in pairs[::ONE_IN]:
        questions = [" ".join(pair[side].split()) for side in ("text_a", "text_b")]
        print("test", "quora", pair["label"], "en", *questions, sep="\t")


if __name__ == "__main__":
    main()
