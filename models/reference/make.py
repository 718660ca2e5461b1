#!/usr/bin/env python3
"""Writes what ONNX Runtime computes with a package, for the engine to be compared with.

    python models/reference/make.py PACKAGE OUT.json [--text TEXT | --text-file FILE]
        [--prompt-tokens N] [--steps N] [--rows all|last]
    python models/reference/make.py --tiny PACKAGES

The first form takes one package folder. The second takes a folder with the imported tiny models,
tiny-q4_1 and so on, and writes this folder's files anew.

needs `pip install numpy onnx onnxruntime tokenizers`. The format is described in README.md.
"""

import argparse
import hashlib
import json
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from tokenizers import Tokenizer

TINY = ["q4_1", "q4_0", "f32", "f16", "qwen2"]
TINY_TEXT = (
    "<|im_start|>user\nWhere can I find the milk? It costs 3.50 \u2014 na\u00efve \U0001f95b<|im_end|>\n"
    "<|im_start|>assistant\n"
)
TEXT = (
    "<|im_start|>system\nYou are a helpful assistant of a shop.<|im_end|>\n<|im_start|>user\n"
    "The store opens at eight in the morning and closes at nine in the evening, from Monday to "
    "Saturday. On Sunday it is closed. The bakery stands to the left of the entrance; fruit and "
    "vegetables are in the middle, and milk, butter, cheese and yoghurt are in the coolers along "
    "the back wall. Shoes and shirts are on the second floor, reached by the stairs or the lift "
    "beside the tills. Gift cards can be bought at every till. Whoever has the card of the house "
    "gets ten per cent off everything but books and newspapers, and a free coffee on their "
    "birthday. Returns are taken within thirty days with the receipt, at the desk near the exit; "
    "food cannot be returned unless something is wrong with it. A customer comes in at half past "
    "seven in the evening on a Friday, looks for oat milk, a birthday card and a white shirt, and "
    "wants to know whether there is enough time, where to go first and what the card of the house "
    "would save on each of them. Please answer in full sentences.<|im_end|>\n"
    "<|im_start|>assistant\n"
)


def without_refused(model):
    """The model with the same meaning: ONNX Runtime's CPU kernel of MatMulNBits refuses zero points
    with a fraction where weights have 8 bits, so these become plain products."""
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def refused(node):
        bits = [attribute.i for attribute in node.attribute if attribute.name == "bits"]
        points = tensors.get(node.input[3]) if len(node.input) > 3 else None
        fractional = points is not None and points.data_type == onnx.TensorProto.FLOAT
        return node.op_type == "MatMulNBits" and bits == [8] and fractional

    for at, node in enumerate(model.graph.node):
        if refused(node):
            quants, scales, points = (
                numpy_helper.to_array(tensors[name]) for name in node.input[1:4]
            )
            weights = (quants.astype(np.float32) - points[..., None]) * scales[..., None]
            weights = weights.reshape(len(weights), -1).T.copy()
            name = f"{node.input[1]}.plain"
            model.graph.initializer.append(numpy_helper.from_array(weights, name))
            plain = helper.make_node("MatMul", [node.input[0], name], node.output, node.name)
            model.graph.node[at].CopyFrom(plain)
    used = {name for node in model.graph.node for name in node.input}
    for tensor in [tensor for tensor in model.graph.initializer if tensor.name not in used]:
        model.graph.initializer.remove(tensor)
    return model


class Decoder:
    """A decoder with its KV cache passed in and out, as the graph has it."""

    def __init__(self, package):
        model = without_refused(onnx.load(package / "model.onnx"))
        for node in model.graph.node:
            for attribute in node.attribute:
                # Products as they are written, not with activations rounded to bytes for speed.
                if attribute.name == "accuracy_level":
                    attribute.i = 1
        options = onnxruntime.SessionOptions()
        # As the file has it: no fusions beyond the folding of constants, one thread for one order
        # of sums.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.intra_op_num_threads = 1
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.onnx"
            onnx.save(model, path, save_as_external_data=True, location="data")
            self.session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.inputs = [i.name for i in self.session.get_inputs()]
        self.past = {
            i.name: np.zeros((1, i.shape[1], 0, head_size(package, i.shape[3])), np.float32)
            for i in self.session.get_inputs()
            if i.name.startswith("past_key_values.")
        }
        self.length = 0

    def step(self, tokens):
        """Logits of each of the tokens, which follow those of earlier steps."""
        self.length += len(tokens)
        feeds = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, self.length), np.int64),
            "position_ids": np.arange(self.length - len(tokens), self.length)[None],
            **self.past,
        }
        feeds = {name: value for name, value in feeds.items() if name in self.inputs}
        results = dict(zip(self.outputs, self.session.run(None, feeds)))
        self.past = {
            name: results[name.replace("past_key_values", "present")] for name in self.past
        }
        return results["logits"][0]


def head_size(package, written):
    """Builders leave it open in the graph and write it beside."""
    if isinstance(written, int):
        return written
    return json.loads((package / "genai_config.json").read_text())["model"]["decoder"]["head_size"]


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else None


def write(package, out, text, prompt_tokens, steps, rows):
    tokenizer = Tokenizer.from_file(str(package / "tokenizer.json"))
    prompt = tokenizer.encode(text, add_special_tokens=False).ids[:prompt_tokens]
    decoder = Decoder(package)
    logits = decoder.step(prompt)
    if rows == "last":
        logits = logits[-1:]
    # Each further token is the best one, so the run is also the greedy answer.
    chosen, table = [], [logits]
    for _ in range(steps):
        chosen.append(int(table[-1][-1].argmax()))
        table.append(decoder.step(chosen[-1:]))
    table = np.concatenate(table).astype("<f4")
    data = out.with_suffix(".f32")
    data.write_bytes(table.tobytes())
    description = {
        "format": 1,
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "model_sha256": hashlib.sha256((package / "model.onnx").read_bytes()).hexdigest(),
        "data_sha256": digest(package / "model.onnx.data"),
        "logits": data.name,
        "rows": rows,
        "vocabulary": int(table.shape[1]),
        "text": text,
        "prompt": prompt,
        "forced": chosen,
    }
    out.write_text(json.dumps(description, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{out}: {len(prompt)} prompt tokens, {steps} steps, {table.shape[0]} rows of logits")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("package", type=Path)
    parser.add_argument("out", type=Path, nargs="?")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--text", default=TEXT)
    parser.add_argument("--text-file", type=Path)
    parser.add_argument("--prompt-tokens", type=int, default=200)
    parser.add_argument("--steps", type=int, default=64)
    parser.add_argument("--rows", choices=["all", "last"], default="all")
    args = parser.parse_args()
    if args.tiny:
        for name in TINY:
            out = Path(__file__).parent / f"tiny-{name}.json"
            write(args.package / f"tiny-{name}", out, TINY_TEXT, 32, 16, "all")
        return
    if args.out is None:
        parser.error("OUT.json is missing")
    text = args.text_file.read_text(encoding="utf-8") if args.text_file else args.text
    write(args.package, args.out, text, args.prompt_tokens, args.steps, args.rows)


if __name__ == "__main__":
    main()
