"""openvino-genai on a GGUF file or folder: openvino_side.py MODEL THREADS PROMPT TOKENS; prints JSON."""

import json
import sys

import numpy as np
import openvino
import openvino_genai as genai

model, threads, prompt, tokens = sys.argv[1], *map(int, sys.argv[2:])
pipeline = genai.LLMPipeline(model, "CPU", INFERENCE_NUM_THREADS=threads)


def measure(prompt, tokens, first):
    settings = genai.GenerationConfig(max_new_tokens=tokens, min_new_tokens=tokens)
    settings.do_sample = False
    settings.ignore_eos = True
    # Another start than before: what is known of a prompt is not computed again.
    ids = [[first + (37 * at) % 20000 for at in range(prompt)]]
    metrics = pipeline.generate(openvino.Tensor(np.array(ids, np.int64)), settings).perf_metrics
    ttft_ms, gap_ms = metrics.get_ttft().mean, metrics.get_tpot().mean
    return {"prefill": 1e3 * prompt / ttft_ms, "decode": 1e3 / gap_ms}


measure(prompt, 4, 500)
print(json.dumps(measure(prompt, tokens, 1000)))
