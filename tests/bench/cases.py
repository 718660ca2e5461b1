"""What is compared, and what is wanted of it."""

from dataclasses import dataclass
from functools import partial
from typing import Callable

import sides

Q4_0, Q4_1, QWEN = "smollm2-q4_0", "smollm2-q4_1", "qwen-0.5b-q4_k_m"
INT4, NBITS = "smollm2-int4", "smollm2-nbits"


@dataclass
class Row:
    """A ratio: our figure over theirs; with no other side, our figure itself."""

    what: str
    ours: str
    theirs: str | None
    # None where nothing is wanted of it.
    target: float | None
    at_most: bool = False


@dataclass
class Case:
    name: str
    what: str
    # Installed package, and the other side's file.
    package: str
    file: str
    ours: Callable
    rows: list[Row]
    theirs: Callable | None = None
    peer: str = "llama.cpp"
    # Name of the folder, among those given on the command line, that both sides run.
    folder: str | None = None


def gguf(name):
    return f"{name}.gguf"


def plain(name, threads, model, rows, share=False, **llama):
    """Prefill and decode of one stream with a prompt of 128."""
    return Case(
        name,
        f"{model}, threads: {threads}",
        model,
        gguf(model),
        partial(sides.endcap, model=model, threads=threads, limits=share),
        rows,
        partial(sides.llama, file=gguf(model), threads=threads, **llama),
    )


def q4_0(threads, decode, empty):
    rows = [
        Row("decode at a context of 128", "decode", "decode@128", decode),
        Row("decode, llama.cpp's context empty", "decode", "decode@0", empty),
        Row("prefill 128", "prefill", "prefill@0", 2.5),
        Row("share of the streaming-read limit", "share", None, 0.8),
    ]
    return plain(f"q4_0-{threads}", threads, Q4_0, rows, share=True, depths=(0, 128))


def q4_1(threads, decode):
    rows = [
        Row("decode at a context of 128", "decode", "decode@128", decode),
        Row("prefill 128", "prefill", "prefill@0", 6.0),
    ]
    return plain(f"q4_1-{threads}", threads, Q4_1, rows, depths=(0, 128))


def qwen(threads):
    rows = [
        Row("decode at a context of 128", "decode", "decode@128", 1.2),
        Row("prefill 128", "prefill", "prefill@0", 2.5),
    ]
    return plain(f"qwen-{threads}", threads, QWEN, rows, depths=(0, 128))


def prefill_512(threads):
    return Case(
        f"prefill-{threads}",
        f"{Q4_0}, threads: {threads}",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap, model=Q4_0, threads=threads, prompt=512, tokens=2),
        [Row("prefill 512", "prefill", "prefill@0", 2.5)],
        partial(sides.llama, file=gguf(Q4_0), threads=threads, prompt=512, tokens=0),
    )


def context_2000(threads):
    return Case(
        f"context-{threads}",
        f"{Q4_0}, threads: {threads}",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap, model=Q4_0, threads=threads, prompt=2000, tokens=32),
        [Row("decode at a context of 2,000", "decode", "decode@2000", 2.0)],
        partial(sides.llama, file=gguf(Q4_0), threads=threads, prompt=0, tokens=32, depths=(2000,)),
    )


def streams(count):
    return Case(
        f"streams-{count}",
        f"{Q4_0}, threads: 2",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap, model=Q4_0, threads=2, streams=count),
        [Row(f"decode of {count} streams together", "decode", "decode", 3.0)],
        partial(sides.llama_batched, file=gguf(Q4_0), threads=2, prompt=128, tokens=64, streams=count),
    )


def onnx(name, package, folder, script, peer, threads, decode, prefill):
    """The same ONNX folder on both sides."""
    return Case(
        f"{name}-{threads}",
        f"{peer}'s form of the model, threads: {threads}",
        package,
        "",
        partial(sides.endcap, model=package, threads=threads),
        [
            Row("decode at a context of 128", "decode", "decode", decode),
            Row("prefill 128", "prefill", "prefill", prefill),
        ],
        partial(sides.python_side, script=script, threads=threads),
        peer=peer,
        folder=folder,
    )


def int4(threads):
    return onnx("int4", INT4, "genai", "genai_side.py", "onnxruntime-genai", threads, 2.0, 4.0)


def nbits(threads):
    return onnx("nbits", NBITS, "nbits", "onnxruntime_side.py", "onnxruntime", threads, None, None)


def openvino(threads):
    return Case(
        f"openvino-{threads}",
        f"{Q4_0}, threads: {threads}",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap, model=Q4_0, threads=threads),
        [
            Row("decode at a context of 128", "decode", "decode", None),
            Row("prefill 128", "prefill", "prefill", None),
        ],
        partial(sides.openvino, file=gguf(Q4_0), threads=threads),
        peer="openvino-genai",
    )


def ourselves(name, what, target, **options):
    return Case(
        name,
        f"{Q4_0}, threads: 2",
        Q4_0,
        "",
        partial(sides.endcap_case, model=Q4_0, threads=2, case=name, **options),
        [Row(what, "ratio", None, target, at_most=True)],
        peer="ourselves",
    )


CASES = [
    q4_0(1, 1.4, 1.2),
    q4_0(2, 1.5, 1.25),
    q4_1(1, 2.2),
    q4_1(2, 1.8),
    qwen(2),
    prefill_512(1),
    prefill_512(2),
    streams(8),
    streams(16),
    context_2000(1),
    context_2000(2),
    int4(1),
    int4(2),
    nbits(2),
    openvino(2),
    ourselves("prefix", "first token, 500 of 600 tokens known, over unknown", 0.25, prompt=600),
    Case(
        "start",
        f"{Q4_0}, threads: 2, a prompt of {sides.START_TOKENS}",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap_case, model=Q4_0, threads=2, case="start", prompt=sides.START_TOKENS),
        [Row("start of the process to first token", "start", "start", 0.5, at_most=True)],
        partial(sides.llama_start, file=gguf(Q4_0), threads=2),
    ),
    Case(
        "memory",
        f"{Q4_0}, threads: 2",
        Q4_0,
        gguf(Q4_0),
        partial(sides.endcap, model=Q4_0, threads=2, prompt=960, tokens=64, streams=8),
        [Row("peak memory, 8 streams of 1,024, KV in f16", "memory", "memory", 1.0, at_most=True)],
        partial(sides.llama_batched, file=gguf(Q4_0), threads=2, prompt=960, tokens=64, streams=8),
    ),
    ourselves(
        "arrival",
        "p99 between tokens of 4 streams while 1,500 arrive, over quiet",
        2.0,
        streams=4,
        prompt=1500,
    ),
]
