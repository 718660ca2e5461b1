#!/usr/bin/env python3
"""Compares the time that a text or a picture takes: ours, ONNX Runtime's and rten's.

    tests/bench/encoders.py MODEL.onnx[=SHAPE,…]… [--rten PROGRAM] [--rounds 7] [--threads 1,2]

SHAPE is that of the inputs: 8x32 are eight texts of 32 tokens, 1x3x320x320 is a picture. It
needs `pip install -r tests/bench/requirements.txt` and the test program of this repository (`cargo
test --release --no-run`). rten is a crate; PROGRAM is built beside from `rten_side.rs`, which says
how. A round runs each program once in a process of its own, one after the other; figures are medians
of rounds, and a ratio is the faster peer's time by ours.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def test_program():
    """The program of the tests, built if it is not there."""
    command = ["cargo", "test", "--release", "--test", "journeys", "--no-run"]
    command += ["--message-format", "json"]
    text = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    told = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    programs = [one["executable"] for one in told if one.get("executable")]
    return programs[-1]


def figure(text):
    found = re.search(r"median ([0-9.]+) ms", text)
    if not found:
        sys.exit(f"no figure in: {text[-500:]}")
    return float(found[1])


def ours(program, model, shape, threads, seconds):
    command = [program, "--ignored", "--nocapture", "--exact", "encoders::an_encoders_time"]
    env = {"ENDCAP_ENCODER": str(model), "ENDCAP_SHAPE": shape}
    env |= {"ENDCAP_THREADS": threads, "ENDCAP_SECONDS": str(seconds)}
    done = subprocess.run(command, env=os.environ | env, capture_output=True, text=True)
    return figure(done.stdout + done.stderr)


def theirs(command, *case):
    command = [str(part) for part in [*command, *case]]
    done = subprocess.run(command, capture_output=True, text=True)
    # A peer may not know a model; then there is nothing to compare with.
    return figure(done.stdout) if done.returncode == 0 else None


def onnxruntime_side(model, shape, threads, seconds):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(threads)
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    shape = tuple(map(int, shape.split("x")))
    at, tokens = numpy.arange(numpy.prod(shape)).reshape(shape), shape[-1]
    row, column = at // tokens, at % tokens
    feeds = {}
    for port in session.get_inputs():
        value, number = 1000 + (row * 31 + column * 17) % 1000, numpy.int64
        if port.type == "tensor(float)":
            value, number = at * 37 % 255 / 127.5 - 1, numpy.float32
        elif "mask" in port.name:
            value = (row == 0) | (column < tokens - row % 3)
        elif "type" in port.name:
            value = numpy.zeros(shape)
        feeds[port.name] = value.astype(number)
    session.run(None, feeds)
    times, end = [], time.perf_counter() + float(seconds)
    while time.perf_counter() < end:
        start = time.perf_counter()
        session.run(None, feeds)
        times.append((time.perf_counter() - start) * 1e3)
    print(f"median {statistics.median(times):.3f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", metavar="MODEL[=SHAPE,…]")
    parser.add_argument("--rten", type=Path)
    parser.add_argument("--program", type=Path, help="the test program, where it is built already")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each program in a round")
    parser.add_argument("--shapes", default="1x32,8x32", help="for models that come without")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    program = options.program or test_program()
    peers = {"onnxruntime": [sys.executable, __file__, "--side"]}
    if options.rten:
        peers["rten"] = [options.rten]
    cases = []
    for told in options.models:
        model, _, shapes = told.partition("=")
        for shape in (shapes or options.shapes).split(","):
            for threads in options.threads.split(","):
                cases.append((Path(model).resolve(), shape, threads, options.seconds))
    rounds = {case: [] for case in cases}
    for _ in range(options.rounds):
        for case in cases:
            one = {"ours": ours(program, *case)}
            one |= {name: theirs(command, *case) for name, command in peers.items()}
            rounds[case].append(one)
    for (model, shape, threads, _), figures in rounds.items():
        name = model.parent.name if model.stem == "model" else model.stem
        report(f"{name} {shape}, {threads} threads", figures)


def report(case, rounds):
    known = {name for one in rounds for name, time in one.items() if time is not None}
    medians = {name: statistics.median(one[name] for one in rounds) for name in known}
    told = ", ".join(f"{name} {medians[name]:.2f} ms" for name in sorted(medians))
    best = min(time for name, time in medians.items() if name != "ours")
    print(f"{case}: {told}; ratio {best / medians['ours']:.2f}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--side"]:
        onnxruntime_side(*sys.argv[2:])
    else:
        main()
