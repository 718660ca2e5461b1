"""The programs under comparison: how each is run, and the figures that it tells.

A side is a function that runs one process and returns its figures by name. Speeds are tokens a
second. Of llama.cpp every figure comes twice, with flash attention off and on (`decode/fa0`,
`decode/fa1`); the better median counts.
"""

import json
import os
import selectors
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
# Of prompts where only the start of a process matters.
START_PROMPT = "The shop opens at nine and the first customers ask for bread, milk and the price of apples."
START_TOKENS = 20


class Failed(Exception):
    """A process ended without figures."""


def run(command, env=None):
    """Runs a command; returns its output, its peak memory in MB and the seconds to its first byte."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
    )
    out, err, first = [], [], None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, out)
        selector.register(process.stderr, selectors.EVENT_READ, err)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                if not data:
                    selector.unregister(key.fileobj)
                    continue
                if key.data is out and first is None:
                    first = time.perf_counter() - start
                key.data.append(data)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode != 0:
        last = b"".join(err).decode(errors="replace").strip().splitlines()[-3:]
        raise Failed(f"{Path(command[0]).name} ended with {process.returncode}: {' / '.join(last)}")
    return b"".join(out).decode(), usage.ru_maxrss * 1024 / 1e6, first


def endcap(tools, model, threads, prompt=128, tokens=64, streams=1, limits=False):
    command = [tools.endcap, "bench", model, "--data", tools.data, "--json", "--rounds", 1]
    command += ["--threads", threads, "--prompt", prompt, "--tokens", tokens, "--streams", streams]
    command += tools.activation + ([] if limits else ["--no-limits"])
    text, memory, _ = run(command)
    told = json.loads(text)
    result = told["results"][0]
    figures = {"prefill": told["prefill_tokens_per_s"], "decode": told["decode_tokens_per_s"]}
    if limits:
        figures["share"] = result["share_of_read_limit"]
    else:
        figures["memory"] = memory
    return figures


def endcap_case(tools, model, threads, case, **options):
    command = [tools.endcap, "bench", model, "--data", tools.data, "--rounds", 1]
    command += ["--threads", threads, "--case", case] + tools.activation
    for name, value in options.items():
        command += [f"--{name}", value]
    text, _, first = run(command)
    told = json.loads(text)
    return {"ratio": told["ratio"]} if "ratio" in told else {"start": first * 1e3}


def llama(tools, file, threads, prompt=128, tokens=64, depths=(0,)):
    figures = {}
    for attention in (0, 1):
        command = [tools.llama / "llama-bench", "-m", tools.models / file, "-t", threads, "-r", 1]
        command += ["-fa", attention, "-b", 512, "-ub", 512, "-o", "json"]
        command += ["-p", prompt, "-n", tokens, "-d", ",".join(map(str, depths))]
        for test in json.loads(run(command)[0]):
            depth = test["n_depth"]
            if test["n_prompt"] and test["n_gen"]:
                continue
            what = "prefill" if test["n_prompt"] else "decode"
            figures[f"{what}@{depth}/fa{attention}"] = test["avg_ts"]
    return figures


def llama_batched(tools, file, threads, prompt, tokens, streams):
    figures = {}
    for attention in ("off", "on"):
        command = [tools.llama / "llama-batched-bench", "-m", tools.models / file]
        command += ["-t", threads, "-tb", threads, "-c", streams * (prompt + tokens)]
        command += ["-b", 512, "-ub", 512, "-fa", attention, "--output-format", "jsonl"]
        command += ["-npp", prompt, "-ntg", tokens, "-npl", streams]
        text, memory, _ = run(command)
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        if not lines:
            raise Failed("llama-batched-bench told nothing")
        number = int(attention == "on")
        figures[f"decode/fa{number}"] = lines[-1]["speed_tg"]
        figures[f"prefill/fa{number}"] = lines[-1]["speed_pp"]
        figures[f"memory/fa{number}"] = memory
    return figures


def llama_start(tools, file, threads):
    command = [tools.llama / "llama-completion", "-m", tools.models / file, "-t", threads]
    command += ["-p", START_PROMPT, "-n", 1, "-c", 512, "--temp", 0, "-no-cnv", "--no-warmup"]
    command += ["--no-display-prompt"]
    return {"start": run(command)[2] * 1e3}


def python_side(tools, script, model, threads, prompt=128, tokens=64):
    """A peer that is a Python package, measured by a script of ours."""
    command = [sys.executable, HERE / script, model, threads, prompt, tokens]
    return json.loads(run(command)[0].splitlines()[-1])


def openvino(tools, file, threads):
    return python_side(tools, "openvino_side.py", tools.models / file, threads)
