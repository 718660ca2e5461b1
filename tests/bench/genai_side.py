"""onnxruntime-genai on a folder: genai_side.py FOLDER THREADS PROMPT TOKENS; prints JSON."""

import json
import sys
import time

import onnxruntime_genai as og

folder, threads, prompt, tokens = sys.argv[1], *map(int, sys.argv[2:])
config = og.Config(folder)
options = {"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}
config.overlay(json.dumps(options))
model = og.Model(config)


def measure(prompt, tokens):
    length = prompt + tokens
    parameters = og.GeneratorParams(model)
    parameters.set_search_options(max_length=length, min_length=length, do_sample=False)
    generator = og.Generator(model, parameters)
    ids = [1000 + (37 * at) % 20000 for at in range(prompt)]
    start = time.perf_counter()
    generator.append_tokens(ids)
    generator.generate_next_token()
    first = time.perf_counter()
    made = 0
    while made < tokens - 1 and not generator.is_done():
        generator.generate_next_token()
        made += 1
    end = time.perf_counter()
    return {"prefill": prompt / (first - start), "decode": made / (end - first)}


measure(16, 2)
print(json.dumps(measure(prompt, tokens)))
