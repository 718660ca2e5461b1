#!/usr/bin/env python3
"""Compares an imported package with the GGUF file that it was made of.

    python models/reference/imported.py FILE.gguf PACKAGE [--tokens N]

Weights: each matrix of the package, as its ONNX operators define it, with what the `gguf` package
makes of the stored blocks: within 2 f32 ulp of the largest weight that shares the scale. Logits:
ONNX Runtime on the package with a forward pass in numpy that knows GGUF only. Exit code 1 where
either is apart.

needs `pip install gguf numpy onnx onnxruntime tokenizers`.
"""

import argparse
import sys
from pathlib import Path

import gguf
import numpy as np
import onnx
from onnx import numpy_helper
from tokenizers import Tokenizer

from make import TEXT, Decoder

# Names in the package and in the file.
MATRICES = {
    "attn/q_proj": "attn_q",
    "attn/k_proj": "attn_k",
    "attn/v_proj": "attn_v",
    "attn/o_proj": "attn_output",
    "mlp/gate_proj": "ffn_gate",
    "mlp/up_proj": "ffn_up",
    "mlp/down_proj": "ffn_down",
}
# Of the logits' spread; sums of f32 in another order come to a tenth of it.
LOGITS_APART = 2e-4


class File:
    """A GGUF file: metadata by name, tensors as f32."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.fields = {key: field.contents() for key, field in reader.fields.items()}
        self.tensors = {tensor.name: tensor for tensor in reader.tensors}
        self.architecture = self.fields["general.architecture"]

    def __getitem__(self, key):
        return self.fields[f"{self.architecture}.{key}"]

    def get(self, key, default):
        return self.fields.get(f"{self.architecture}.{key}", default)

    def weights(self, name):
        tensor = self.tensors[name]
        return gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)

    def head_width(self):
        width = self["embedding_length"] // self["attention.head_count"]
        return self.get("attention.key_length", width)

    def turned(self):
        """Whether the two of a rotary pair lie beside each other."""
        return self.architecture == "llama"

    def in_order(self, name, values):
        """Rows of Q and K as ONNX has them: pairs half a head apart."""
        if not (self.turned() and ("attn_q." in name or "attn_k." in name)):
            return values
        width = self.head_width()
        split = values.reshape(-1, width // 2, 2, *values.shape[1:])
        return split.swapaxes(1, 2).reshape(values.shape)


def check_weights(file, package):
    model = onnx.load(package / "model.onnx")
    nodes = {node.name: node for node in model.graph.node}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}

    def read(name):
        return numpy_helper.to_array(tensors[name], str(package))

    pairs = {
        f"/model/layers.{layer}/{scope}": f"blk.{layer}.{part}.weight"
        for layer in range(file["block_count"])
        for scope, part in MATRICES.items()
    }
    own_head = "output.weight" in file.tensors
    pairs["/lm_head"] = "output.weight" if own_head else "token_embd.weight"
    pairs["/model/embed_tokens"] = "token_embd.weight"
    worst, wrong = {}, 0
    for scope, name in pairs.items():
        wanted = file.in_order(name, file.weights(name))
        found, group = package_matrix(nodes, read, scope)
        groups = np.abs(wanted).reshape(-1, group).max(axis=1, keepdims=True)
        ulp = np.spacing(np.broadcast_to(groups, (groups.size, group)).reshape(wanted.shape))
        apart = float((np.abs(found - wanted) / ulp).max())
        kind = file.tensors[name].tensor_type.name
        worst[kind] = max(worst.get(kind, 0.0), apart)
        wrong += apart > 2.0
    for layer in range(file["block_count"]):
        for part in "qkv":
            name = f"blk.{layer}.attn_{part}.bias"
            if name in file.tensors:
                wanted = file.in_order(name, file.weights(name))
                wrong += not np.array_equal(read(f"model.layers.{layer}.attn.{part}_proj.bias"), wanted)
    print(f"{len(pairs)} matrices, ulp apart by type: {worst}")
    return wrong == 0


def package_matrix(nodes, read, scope):
    """A matrix by the text of the operators, and how many weights share a scale."""
    for op in ["MatMulNBits", "GatherBlockQuantized"]:
        if f"{scope}/{op}" not in nodes:
            continue
        node = nodes[f"{scope}/{op}"]
        attributes = {attribute.name: attribute.i for attribute in node.attribute}
        bits, group = attributes["bits"], attributes["block_size"]
        first = 1 if op == "MatMulNBits" else 0
        inputs = [name for name in node.input if name != "input_ids"]
        quants, scales = read(inputs[first]), read(inputs[first + 1])
        quants = unpack(quants.reshape(scales.shape[0], -1), bits)
        points = np.full_like(scales, 1 << (bits - 1))
        if len(inputs) > first + 2:
            points = read(inputs[first + 2])
            points = points if points.dtype == np.float32 else unpack(points, bits)
        # An odd number of points leaves half a byte over.
        points = points.reshape(scales.shape[0], -1)[:, : scales.shape[1]].astype(np.float32)
        wide = [values.repeat(group, axis=1) for values in (points, scales)]
        weights = (quants.astype(np.float32) - wide[0]) * wide[1]
        if f"{scope}/minimums/Gather" in nodes:
            weights += read(nodes[f"{scope}/minimums/Gather"].input[0]).repeat(group, axis=1)
        return weights, group
    if f"{scope}/Gather" in nodes:
        return read(nodes[f"{scope}/Gather"].input[0]).astype(np.float32), 1
    if f"{scope}/Transpose" in nodes:
        return read(nodes[f"{scope}/Transpose"].input[0]).astype(np.float32), 1
    weight = nodes[f"{scope}/MatMul"].input[1]
    if weight == f"{scope}/Cast/output_0":
        weight = nodes[f"{scope}/Cast"].input[0]
    return read(weight).T.astype(np.float32), 1


def unpack(quants, bits):
    if bits == 8:
        return quants
    return np.stack([quants & 15, quants >> 4], axis=-1).reshape(quants.shape[0], -1)


def forward(file, tokens):
    """Logits of each token, from the file's own numbers alone."""
    heads, kv_heads = file["attention.head_count"], file["attention.head_count_kv"]
    width = file.head_width()
    epsilon = np.float32(file["attention.layer_norm_rms_epsilon"])
    base = file.get("rope.freq_base", 10000.0)
    angles = np.outer(np.arange(len(tokens)), base ** (-np.arange(0, width, 2) / width))
    cos, sin = np.cos(angles)[:, None].astype(np.float32), np.sin(angles)[:, None].astype(np.float32)

    def norm(x, name):
        scale = 1 / np.sqrt((x * x).mean(axis=-1, keepdims=True) + epsilon)
        return x * scale * file.weights(name)

    def product(x, name):
        y = x @ file.weights(f"{name}.weight").T
        return y + file.weights(f"{name}.bias") if f"{name}.bias" in file.tensors else y

    def rotate(x):
        a, b = (x[..., ::2], x[..., 1::2]) if file.turned() else np.split(x, 2, axis=-1)
        parts = a * cos - b * sin, a * sin + b * cos
        return np.stack(parts, -1).reshape(x.shape) if file.turned() else np.concatenate(parts, -1)

    future = np.triu(np.full((len(tokens), len(tokens)), -np.inf, np.float32), 1)
    x = file.weights("token_embd.weight")[tokens]
    for layer in range(file["block_count"]):
        block = f"blk.{layer}"
        h = norm(x, f"{block}.attn_norm.weight")
        q, k, v = (product(h, f"{block}.attn_{part}") for part in "qkv")
        q = rotate(q.reshape(-1, heads, width))
        k = rotate(k.reshape(-1, kv_heads, width)).repeat(heads // kv_heads, axis=1)
        v = v.reshape(-1, kv_heads, width).repeat(heads // kv_heads, axis=1)
        scores = np.einsum("qhd,khd->hqk", q, k) / np.sqrt(np.float32(width)) + future
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended = np.einsum("hqk,khd->qhd", scores, v).reshape(len(tokens), -1)
        x = x + product(attended, f"{block}.attn_output")
        h = norm(x, f"{block}.ffn_norm.weight")
        gate = product(h, f"{block}.ffn_gate")
        x = x + product(gate / (1 + np.exp(-gate)) * product(h, f"{block}.ffn_up"), f"{block}.ffn_down")
    x = norm(x, "output_norm.weight")
    head = "output.weight" if "output.weight" in file.tensors else "token_embd.weight"
    return x @ file.weights(head).T


def check_logits(file, package, count):
    tokenizer = Tokenizer.from_file(str(package / "tokenizer.json"))
    tokens = tokenizer.encode(TEXT, add_special_tokens=False).ids[:count]
    found, wanted = Decoder(package).step(tokens), forward(file, tokens)
    apart = float(np.abs(found - wanted).max())
    same = int((found.argmax(axis=-1) == wanted.argmax(axis=-1)).sum())
    spread = float(wanted.std())
    print(f"logits of {len(tokens)} tokens: {apart:.2g} apart at most, of a spread of {spread:.3g};"
          f" best token the same in {same} rows")
    return apart <= LOGITS_APART * spread and same == len(tokens)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("package", type=Path)
    parser.add_argument("--tokens", type=int, default=48)
    args = parser.parse_args()
    file = File(args.file)
    results = [check_weights(file, args.package), check_logits(file, args.package, args.tokens)]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
