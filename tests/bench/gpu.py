#!/usr/bin/env python3
"""Everything that is to be known of a graphics processor, in one run.

    tests/bench/gpu.py smollm2-135m-instruct qwen2.5-1.5b-instruct --encoders all-minilm-l6-v2 \\
        --gguf DIR --llama DIR --json figures.json

Nothing else should run on the machine. In this order:

1. what `endcap doctor` finds: adapters, limits, what runs where and why;
2. the tests of the kernels and of the engine on a device, on this device;
3. for each MODEL (an installed package, or a folder): tokens/s of prefill and decode on the processor
   and on the device, the share of the device's bandwidth (against copying, measured in the same run),
   kernels a token, and which of the ways to compute the trial at start took, in interleaved rounds;
4. for each ENCODER (likewise): texts/s and how long a text alone takes, on the processor and on the
   device, for several numbers of texts of several lengths, in interleaved rounds;
5. llama.cpp's llama-bench on MODEL.gguf of DIR, all layers on the device, in the same rounds, where
   both folders are named. Built with its Vulkan backend it is the peer that runs wherever we do.

The medians and their ratios are printed and kept as JSON.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).parent.parent.parent
PROMPT, TOKENS = 512, 128
# Texts at once, and tokens of each: a question, a page of search results, passages.
TEXTS = [(1, 16), (8, 64), (32, 128), (4, 256)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--encoders", nargs="+", default=[], metavar="ENCODER")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--endcap", type=pathlib.Path, default=ROOT / "target/release/endcap")
    parser.add_argument("--data", type=pathlib.Path, help="data folder of the packages")
    parser.add_argument("--gguf", type=pathlib.Path, help="folder of MODEL.gguf files")
    parser.add_argument("--llama", type=pathlib.Path, help="folder of llama.cpp's tools")
    parser.add_argument("--skip-tests", action="store_true")
    parser.add_argument("--json", type=pathlib.Path)
    return parser.parse_args()


def run(command):
    done = subprocess.run([str(part) for part in command], cwd=ROOT, text=True, stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"failed with {done.returncode}: {' '.join(map(str, command))}\n{done.stdout}")
    return done.stdout


def bench(options, model, backend):
    data = ["--data", options.data] if options.data else []
    shape = ["--prompt", PROMPT, "--tokens", TOKENS, "--streams", "1,4,16", "--rounds", 1]
    return json.loads(run([options.endcap, "bench", model, "--backend", backend, "--json", *shape, *data]))


def folder(options, name):
    """Of an installed package, or as it is."""
    path = pathlib.Path(name)
    data = options.data or pathlib.Path.home() / ".local/share/endcap"
    return path if path.exists() else data / "models" / name


def encoded(options, encoder, backend, texts, tokens):
    """What `models check` measured with so many texts."""
    checked = [options.endcap, "models", "check", folder(options, encoder), "--json"]
    ports = json.loads(run([*checked, "--no-run"]))["report"]["inputs"]
    shapes = [f"--shape={port.split()[0]}={texts}x{tokens}" for port in ports]
    report = json.loads(run([*checked, "--backend", backend, *shapes]))["report"]
    if not report["measured"]:
        sys.exit(f"{encoder}: {report['not_measured']}")
    if backend == "gpu" and not report["device"]:
        sys.exit(f"{encoder}: only the processor runs it ({report['device_fault']})")
    return report


def encoder_figures(options, encoder):
    told = {"encoder": encoder, "texts": []}
    for texts, tokens in TEXTS:
        rounds = {"gpu": [], "cpu": []}
        for _ in range(options.rounds):
            for backend, reports in rounds.items():
                reports.append(encoded(options, encoder, backend, texts, tokens))
        told["device"] = rounds["gpu"][0]["device"]
        one = {"texts": texts, "tokens": tokens}
        for backend, reports in rounds.items():
            measured = [report["measured"] for report in reports]
            one[backend] = {
                "texts_per_s": statistics.median(each["rows_per_s"] for each in measured),
                "median_ms": statistics.median(each["median_ms"] for each in measured),
            }
        told["texts"].append(one)
    return told


def show_encoder(told):
    device = told["device"]
    print(f"== {told['encoder']} on {device['name']} ({device['kind']}, {device['driver']})")
    for one in told["texts"]:
        gpu, cpu = one["gpu"]["texts_per_s"], one["cpu"]["texts_per_s"]
        print(
            f"   {one['texts']:3} of {one['tokens']:3} tokens: gpu {gpu:9.1f}  cpu {cpu:9.1f} texts/s  "
            f"ratio {gpu / cpu:.2f}  ({one['gpu']['median_ms']:.2f} and {one['cpu']['median_ms']:.2f} ms)"
        )


def peer(options, model):
    """Tokens/s of prefill and decode of llama.cpp with everything on the device."""
    name = pathlib.Path(model).name
    command = [options.llama / "llama-bench", "-m", options.gguf / f"{name}.gguf", "-ngl", 99, "-fa", 1]
    rows = json.loads(run([*command, "-p", PROMPT, "-n", TOKENS, "-r", 1, "-o", "json"]))
    speeds = {"prefill": 0.0, "decode": 0.0}
    for row in rows:
        speeds["decode" if row["n_gen"] else "prefill"] = row["avg_ts"]
    return speeds


def figures(options, model):
    rounds = {"cpu": [], "gpu": [], "peer": []}
    for _ in range(options.rounds):
        for backend in ("gpu", "cpu"):
            rounds[backend].append(bench(options, model, backend))
        if options.llama and options.gguf:
            rounds["peer"].append(peer(options, model))
    def middle(backend, of):
        return statistics.median(of(one) for one in rounds[backend]) if rounds[backend] else None
    first = rounds["gpu"][0]
    told = {"model": model, "device": first["device"], "dispatches": first["nodes"], "ways": first["kernel"]}
    for backend in ("gpu", "cpu"):
        told[backend] = {
            "prefill": middle(backend, lambda one: one["prefill_tokens_per_s"]),
            "decode": middle(backend, lambda one: one["decode_tokens_per_s"]),
            "decode_of_16": middle(backend, lambda one: one["results"][2]["decode_tokens_per_s"]),
            "first_token_ms": middle(backend, lambda one: one["time_to_first_token_ms"]),
        }
    limits = [one["device_limits"] for one in rounds["gpu"] if one["device_limits"]]
    told["copy_gb_per_s"] = statistics.median(one["copy_bytes_per_s"] for one in limits) / 1e9 if limits else None
    told["share_of_copy"] = statistics.median(one["share_of_copy_limit"] for one in limits) if limits else None
    if rounds["peer"]:
        told["llama.cpp"] = {name: middle("peer", lambda one: one[name]) for name in ("prefill", "decode")}
    return told


def show(told):
    device = told["device"]
    print(f"== {told['model']} on {device['name']} ({device['kind']}, {device['driver']})")
    for name in ("gpu", "cpu", "llama.cpp"):
        if name in told:
            speeds = told[name]
            print(f"   {name:10} prefill {speeds['prefill']:9.1f}  decode {speeds['decode']:8.1f} tokens/s")
    if told["share_of_copy"] is not None:
        share, copy = told["share_of_copy"], told["copy_gb_per_s"]
        print(f"   decode reads at {share:.2f} of the {copy:.0f} GB/s of copying; the target is 0.5 for a 1B-class model")
    print(f"   kernels a token: {told['dispatches']}, {told['ways']}")
    for name in ("cpu", "llama.cpp"):
        if name in told:
            ratio = {what: told["gpu"][what] / told[name][what] for what in ("prefill", "decode")}
            print(f"   against {name}: prefill {ratio['prefill']:.2f}, decode {ratio['decode']:.2f}")


def main():
    options = arguments()
    if not options.models and not options.encoders:
        sys.exit("name a MODEL or, behind --encoders, an ENCODER")
    data = ["--data", options.data] if options.data else []
    found = json.loads(run([options.endcap, "doctor", "--json", *data]))
    found = [one for one in found if one["what"] == "graphics processor" or one["what"].startswith("model ")]
    for one in found:
        print(f"{one['what']}: {one['text']}")
    if not options.skip_tests:
        # By itself the engine is built without graphics processors, and has no such tests.
        engine = ["--features", "gpu", "--", "backend::"]
        for package, more in (("endcap-gpu", []), ("endcap-engine", engine)):
            done = run(["cargo", "test", "--release", "--locked", "--package", package, "--lib", *more])
            if "running 0 tests" in done:
                sys.exit(f"there are no tests of {package} on a device")
            print(f"tests of {package} on this device: passed")
    all_told = []
    for model in options.models:
        told = figures(options, model)
        show(told)
        all_told.append(told)
    for encoder in options.encoders:
        told = encoder_figures(options, encoder)
        show_encoder(told)
        all_told.append(told)
    if options.json:
        options.json.write_text(json.dumps({"found": found, "figures": all_told}, indent=1) + "\n")


if __name__ == "__main__":
    os.environ.setdefault("RUST_BACKTRACE", "0")
    main()
