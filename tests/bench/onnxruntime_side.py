"""ONNX Runtime on a decoder with past and present: onnxruntime_side.py FOLDER THREADS PROMPT TOKENS."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

folder, threads, prompt, tokens = sys.argv[1], *map(int, sys.argv[2:])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
options.inter_op_num_threads = 1
path = str(Path(folder) / "model.onnx")
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
inputs = {each.name: each for each in session.get_inputs()}
outputs = [each.name for each in session.get_outputs()]
pasts = [name for name in inputs if name.startswith("past")]


def step(ids, known, past):
    """Runs tokens after `known` others; returns the next token and the new past, kept in place."""
    binding = session.io_binding()
    positions = np.arange(known, known + len(ids), dtype=np.int64)[None]
    given = {
        "input_ids": np.array([ids], np.int64),
        "position_ids": positions,
        "attention_mask": np.ones((1, known + len(ids)), np.int64),
    }
    for name, value in given.items():
        if name in inputs:
            binding.bind_cpu_input(name, value)
    for name, value in zip(pasts, past):
        binding.bind_ortvalue_input(name, value)
    for name in outputs:
        binding.bind_output(name, "cpu")
    session.run_with_iobinding(binding)
    made = binding.get_outputs()
    return int(made[0].numpy()[0, -1].argmax()), made[1:]


def nothing(name):
    batch, heads, _, size = inputs[name].shape
    heads, size = int(heads), int(size)
    return ort.OrtValue.ortvalue_from_numpy(np.zeros((1, heads, 0, size), np.float32))


def measure(prompt, tokens):
    ids = [1000 + (37 * at) % 20000 for at in range(prompt)]
    start = time.perf_counter()
    token, past = step(ids, 0, [nothing(name) for name in pasts])
    first = time.perf_counter()
    for made in range(tokens - 1):
        token, past = step([token], prompt + made, past)
    end = time.perf_counter()
    return {"prefill": prompt / (first - start), "decode": (tokens - 1) / (end - first)}


measure(16, 4)
print(json.dumps(measure(prompt, tokens)))
