#!/usr/bin/env python3
"""Turns the question pairs of the package fow-cache (CC BY 4.0) into pairs as `endcap cache evaluate` reads them.

    pip download --no-deps fow-cache==0.1.0 && unzip fow_cache-0.1.0-*.whl -d fow
    models/questions/fow.py fow > fow.tsv
"""

import json
import sys
from pathlib import Path


def main():
    for line in (Path(sys.argv[1]) / "fow_cache" / "data" / "pairs.jsonl").read_text().splitlines():
        pair = json.loads(line)
        questions = [" ".join(pair[side].split()) for side in ("a", "b")]
        print("test", pair["category"], int(pair["same_answer"]), "en", *questions, sep="\t")


if __name__ == "__main__":
    main()
