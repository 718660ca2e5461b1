"""Runs the cases in interleaved rounds and prints ratios; see tests/bench/run."""

import argparse
import json
import platform
import statistics
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import models
import sides
from cases import CASES

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Tools:
    endcap: Path
    data: Path
    llama: Path
    models: Path
    activation: list[str]


def arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--llama", type=Path, required=True, help="folder of llama.cpp's tools")
    parser.add_argument("--place", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--case", default="", help="names, with commas between; all without it")
    parser.add_argument("--list", action="store_true", help="show the cases and end")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--models", type=Path, help="folder of GGUF files")
    parser.add_argument("--genai", type=Path, help="folder of an int4 model of onnxruntime-genai")
    parser.add_argument("--nbits", type=Path, help="folder of a MatMulNBits decoder with past inputs")
    parser.add_argument("--activation", choices=["8-bit", "mixed", "16-bit"], help="ours, if not the default")
    parser.add_argument("--endcap", type=Path, default=ROOT / "target/release/endcap")
    parser.add_argument("--json", type=Path, help="where the figures are kept, case by case")
    return parser.parse_args()


def median_of(rounds, figure):
    """The median of a figure; of several variants of it (`figure/…`) the best one's, and its name."""
    variants = {name for one in rounds for name in one if name.split("/")[0] == figure}
    if not variants:
        raise sides.Failed(f"no {figure} among {sorted(rounds[0])}")
    medians = {name: statistics.median(one[name] for one in rounds) for name in variants}
    best = min if figure in ("start", "memory") else max
    name = best(medians, key=medians.get)
    return medians[name], name


def measure(tools, case, count, folders):
    models.install(tools, case, folders)
    if case.file:
        models.file(tools, case.file)
    ours, theirs = [], []
    other = case.theirs
    if case.folder:
        other = partial(other, model=models.folder(case, folders))
    for number in range(count):
        print(f"\r{case.name}: round {number + 1} of {count} ", end="", file=sys.stderr, flush=True)
        ours.append(case.ours(tools))
        if other:
            theirs.append(other(tools))
    print("\r\033[K", end="", file=sys.stderr, flush=True)
    return [ratio(case, row, ours, theirs) for row in case.rows]


def ratio(case, row, ours, theirs):
    own, _ = median_of(ours, row.ours)
    told = {"what": row.what, "models": case.what, "peer": case.peer, "ours": own}
    value = own
    if row.theirs:
        other, variant = median_of(theirs, row.theirs)
        value = own / other
        told |= {"theirs": other, "their_variant": variant, "their_file": case.file or "the same folder"}
    met = None
    if row.target is not None:
        met = value <= row.target if row.at_most else value >= row.target
    told |= {"our_package": case.package, "ratio": value, "target": row.target}
    told |= {"at_most": row.at_most, "met": met, "rounds": len(ours)}
    told["our_rounds"] = [one[row.ours] for one in ours]
    if row.theirs:
        told["their_rounds"] = [one[told["their_variant"]] for one in theirs]
    return told


def keep(path, name, rows):
    """Adds a case's figures to what the file holds already."""
    known = json.loads(path.read_text()) if path.exists() else {"machine": platform.processor()}
    known[name] = rows
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known, indent=1) + "\n")


HEAD = f"{'case':<11} {'what':<62} {'ours':>9} {'theirs':>9} {'ratio':>6}  {'wanted':>7}"


def line(name, row):
    digits = 1 if "theirs" in row else 3
    theirs = f"{row['theirs']:9.1f}" if "theirs" in row else f"{'–':>9}"
    wanted = ""
    if row["met"] is not None:
        sign, mark = "≤" if row["at_most"] else "≥", "✓" if row["met"] else "✗"
        wanted = f"{sign} {row['target']:<4g} {mark}"
    figures = f"{row['ours']:9.{digits}f} {theirs} {row['ratio']:6.2f}"
    return f"{name:<11} {row['what']:<62} {figures}  {wanted}".rstrip()


def about(case):
    other = f"; {case.peer}: {case.file or 'the same folder'}" if case.theirs else ""
    return f"{'':<11} (Endcap: {case.package}{other}; {case.what.split(', ', 1)[-1]})"


def main():
    asked = arguments()
    names = [name for name in asked.case.split(",") if name]
    unknown = set(names) - {case.name for case in CASES}
    if unknown:
        sys.exit(f"no such case: {', '.join(sorted(unknown))}")
    chosen = [case for case in CASES if not names or case.name in names]
    if asked.list:
        for case in chosen:
            for row in case.rows:
                print(f"{case.name:<11} {row.what}, against {case.peer}: {case.what}")
        return 0
    place = asked.place.resolve()
    tools = Tools(
        endcap=asked.endcap.resolve(),
        data=place / "data",
        llama=asked.llama.resolve(),
        models=(asked.models or place / "models").resolve(),
        activation=["--activation", asked.activation] if asked.activation else [],
    )
    results = asked.json or place / "results.json"
    folders = {name: given and given.resolve() for name, given in
               (("genai", asked.genai), ("nbits", asked.nbits))}
    failed = 0
    print(HEAD)
    for case in chosen:
        try:
            rows = measure(tools, case, asked.rounds, folders)
        except (sides.Failed, models.Missing) as fault:
            failed += 1
            print(f"\r\033[K{case.name:<11} left out: {fault}", flush=True)
            continue
        keep(results, case.name, rows)
        for row in rows:
            print(line(case.name, row))
        print(about(case), flush=True)
    print(f"figures of every round: {results}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
