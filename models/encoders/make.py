#!/usr/bin/env python3
"""Writes tiny graphs in every form that quantised products and encoders come in, and what ONNX
Runtime computes with each.

    python models/encoders/make.py [FOLDER]

needs `pip install numpy onnx onnxruntime`. README.md lists the forms. The files are committed, so
nobody has to run this.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

MS = "com.microsoft"
BATCH, TOKENS, WIDTH, WIDE, HEADS, WORDS = 2, 5, 32, 48, 4, 30
random = np.random.default_rng(11)


def floats(*shape, size=1.0):
    return (size * random.standard_normal(shape)).astype(np.float32)


def quantized(w, axis=None, unsigned=False):
    """Bytes, scales and zero points of weights, with one scale for all or for each along an axis."""
    other = None if axis is None else 1 - axis
    low, high = w.min(axis=other), w.max(axis=other)
    if unsigned:
        scale = (np.maximum(high, 0) - np.minimum(low, 0)) / 255
        zero = np.clip(np.round(-low / scale), 0, 255).astype(np.uint8)
    else:
        scale = np.maximum(np.abs(low), np.abs(high)) / 127
        zero = np.zeros_like(scale, dtype=np.int8)
    spread = lambda v: v if axis is None else np.expand_dims(v, other)
    q = np.round(w / spread(scale)) + spread(zero).astype(np.float32)
    limits = (0, 255) if unsigned else (-127, 127)
    return np.clip(q, *limits).astype(zero.dtype), np.float32(scale), zero


class Graph:
    """A graph under construction."""

    def __init__(self, opset=17):
        self.opset, self.nodes, self.constants, self.inputs, self.feeds = opset, [], [], [], {}
        self.count = 0

    def input(self, name, value, shape=None):
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape or list(value.shape)))
        self.feeds[name] = value
        return name

    def const(self, value, name=None):
        self.count += 1
        name = name or f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def node(self, operator, *inputs, outputs=1, domain="", **attributes):
        self.count += 1
        inputs = [i if isinstance(i, str) else self.const(i) for i in inputs]
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        node = helper.make_node(
            operator, inputs, names, name=f"{operator}_{self.count}", domain=domain, **attributes
        )
        self.nodes.append(node)
        return names[0] if outputs == 1 else names

    def model(self, outputs):
        infos = [helper.make_empty_tensor_value_info(name) for name in outputs]
        graph = helper.make_graph(self.nodes, "form", self.inputs, infos, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MS, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        return typed(model)


def typed(model):
    """Gives outputs the types that ONNX Runtime finds."""
    names = [output.name for output in model.graph.output]
    del model.graph.output[:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    for name in names:
        model.graph.output.append(helper.make_empty_tensor_value_info(name))
    inferred = onnx.shape_inference.infer_shapes(model)
    known = {info.name: info for info in inferred.graph.value_info}
    known |= {o.name: o for o in inferred.graph.output if o.type.HasField("tensor_type")}
    del model.graph.output[:]
    for name in names:
        kind = known[name].type.tensor_type.elem_type if name in known else TensorProto.FLOAT
        model.graph.output.append(helper.make_tensor_value_info(name, kind, None))
    return model


def rows(graph, width=WIDTH):
    return graph.input("x", floats(BATCH, TOKENS, width), ["batch", "tokens", width])


# Integers that are visible: they keep ONNX's meaning exactly.


def dynamic_quantize():
    g = Graph()
    return g, g.node("DynamicQuantizeLinear", rows(g), outputs=3)


def matmul_integer(unsigned):
    g = Graph()
    w, _, zero = quantized(floats(WIDTH, 20), axis=1 if unsigned else None, unsigned=unsigned)
    x = g.input("x", random.integers(0, 255, (BATCH, TOKENS, WIDTH)).astype(np.uint8))
    return g, [g.node("MatMulInteger", x, w, np.uint8(113), zero)]


def qlinear_matmul(axis):
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2), axis=axis)
    x = g.input("x", random.integers(0, 255, (TOKENS, WIDTH)).astype(np.uint8))
    own = np.float32(0.02), np.uint8(120)
    return g, [g.node("QLinearMatMul", x, *own, w, scale, zero, np.float32(0.05), np.uint8(101))]


def quantize(signed):
    g = Graph()
    zero = np.int8(-7) if signed else np.uint8(130)
    return g, [g.node("QuantizeLinear", rows(g), np.float32(0.017), zero)]


def dequantize(axis):
    g = Graph()
    q, scale, zero = quantized(floats(WIDTH, 20), axis=axis, unsigned=True)
    x = g.input("x", q)
    attributes = {} if axis is None else {"axis": axis}
    return g, [g.node("DequantizeLinear", x, scale, zero, **attributes)]


def conv_integer():
    g = Graph()
    x = g.input("x", random.integers(0, 255, (1, 3, 8, 8)).astype(np.uint8))
    w = random.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    return g, [g.node("ConvInteger", x, w, np.uint8(100), pads=[1, 1, 1, 1])]


def qlinear_conv():
    g = Graph()
    x = g.input("x", random.integers(0, 255, (1, 3, 8, 8)).astype(np.uint8))
    w = random.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8)
    scales = np.abs(floats(4, size=0.01)) + np.float32(0.001)
    zeros = np.zeros(4, np.int8)
    own, out = (np.float32(0.02), np.uint8(120)), (np.float32(0.3), np.uint8(90))
    return g, [g.node("QLinearConv", x, *own, w, scales, zeros, *out, pads=[1, 1, 1, 1])]


# Products that go back to floats at once.


def dynamic(axis, unsigned, visible=False):
    """As `quantize_dynamic` writes a product; `visible` shows the integers on the way, too."""
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2), axis=axis, unsigned=unsigned)
    q, own, middle = g.node("DynamicQuantizeLinear", rows(g), outputs=3)
    product = g.node("MatMulInteger", q, w, middle, zero)
    cast = g.node("Cast", product, to=TensorProto.FLOAT)
    out = g.node("Mul", cast, g.node("Mul", own, scale))
    out = g.node("Add", out, floats(20))
    return g, [out, q, product] if visible else [out]


def dynamic_one_row():
    """A single row has the scale that its tensor has, so that even these are equal."""
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2), axis=1, unsigned=True)
    x = g.input("x", floats(1, WIDTH), ["rows", WIDTH])
    q, own, middle = g.node("DynamicQuantizeLinear", x, outputs=3)
    cast = g.node("Cast", g.node("MatMulInteger", q, w, middle, zero), to=TensorProto.FLOAT)
    return g, [g.node("Mul", cast, g.node("Mul", scale, own))]


def dynamic_contributed(whole):
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2))
    x = rows(g)
    if whole:
        return g, [g.node("DynamicQuantizeMatMul", x, w, scale, zero, floats(20), domain=MS)]
    q, own, middle = g.node("DynamicQuantizeLinear", x, outputs=3)
    inputs = q, w, own, scale, middle, zero, floats(20)
    return g, [g.node("MatMulIntegerToFloat", *inputs, domain=MS)]


def fake(g, x, scale=0.021, zero=np.uint8(118)):
    """Through bytes and back."""
    scale = np.float32(scale)
    return g.node("DequantizeLinear", g.node("QuantizeLinear", x, scale, zero), scale, zero)


def qdq(axis, signed=False):
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2), axis=axis)
    attributes = {} if axis is None else {"axis": axis}
    w = g.node("DequantizeLinear", w, scale, zero, **attributes)
    x = fake(g, rows(g), zero=np.int8(-9) if signed else np.uint8(118))
    out = g.node("Add", g.node("MatMul", x, w), floats(20))
    return g, [fake(g, out)]


def qdq_gemm():
    g = Graph()
    w, scale, zero = quantized(floats(20, WIDTH, size=0.2), axis=0)
    w = g.node("DequantizeLinear", w, scale, zero, axis=0)
    x = fake(g, g.input("x", floats(TOKENS, WIDTH), ["rows", WIDTH]))
    return g, [g.node("Gemm", x, w, floats(20), transB=1)]


def qdq_conv():
    g = Graph()
    w, scale, zero = quantized(floats(4, 27, size=0.2), axis=0)
    w = g.node("DequantizeLinear", w.reshape(4, 3, 3, 3), scale, zero, axis=0)
    x = fake(g, g.input("x", floats(1, 3, 8, 8)))
    return g, [fake(g, g.node("Conv", x, w, floats(4), pads=[1, 1, 1, 1]))]


def weights_only(cast):
    """Weights of bytes, floats otherwise: by `DequantizeLinear`, or by `Cast` and `Mul`."""
    g = Graph()
    w, scale, zero = quantized(floats(WIDTH, 20, size=0.2), axis=1)
    if cast:
        w = g.node("Mul", g.node("Cast", w, to=TensorProto.FLOAT), scale[None])
    else:
        w = g.node("DequantizeLinear", w, scale, zero, axis=1)
    return g, [g.node("MatMul", rows(g), w)]


def turned():
    g = Graph()
    w, scale, _ = quantized(floats(20, WIDTH, size=0.2), axis=0)
    w = g.node("Mul", g.node("Cast", w, to=TensorProto.FLOAT), scale[:, None])
    return g, [g.node("MatMul", rows(g), g.node("Transpose", w, perm=[1, 0]))]


def gemm(**attributes):
    g = Graph()
    turned = attributes.get("transB", 0)
    w = floats(20, WIDTH) if turned else floats(WIDTH, 20)
    x = g.input("x", floats(TOKENS, WIDTH), ["rows", WIDTH])
    return g, [g.node("Gemm", x, w, floats(20), **attributes)]


def table(form):
    """Rows of a quantised table, counted from the start and from the end."""
    g = Graph()
    ids = np.array([[0, 3, -1], [WORDS - 1, -WORDS, 7]], np.int64)
    ids = g.input("ids", ids, ["batch", "tokens"])
    w = floats(WORDS, WIDTH)
    if form == "blocks":
        q = random.integers(0, 255, (WORDS, WIDTH // 2)).astype(np.uint8)
        scales = np.abs(floats(WORDS, WIDTH // 16)) + np.float32(0.01)
        attributes = {"gather_axis": 0, "quantize_axis": 1, "block_size": 16}
        return g, [g.node("GatherBlockQuantized", q, ids, scales, domain=MS, **attributes)]
    if form == "rows":
        q, scale, _ = quantized(w, axis=0)
        w = g.node("Mul", g.node("Cast", q, to=TensorProto.FLOAT), scale[:, None])
    else:
        q, scale, zero = quantized(w, unsigned=True)
        w = g.node("DequantizeLinear", q, scale, zero)
    return g, [g.node("Gather", w, ids)]


# Encoders.


class Encoder:
    """One layer of a BERT, as exporters spell it."""

    def __init__(self, norm="whole", gelu="erf", attention="plain", opset=17, numbers="floats"):
        self.norm, self.gelu, self.attention, self.numbers = norm, gelu, attention, numbers
        self.g = Graph(opset)

    def linear(self, x, inputs, outputs):
        g, w = self.g, floats(inputs, outputs, size=1 / np.sqrt(inputs))
        if self.numbers == "dynamic":
            w, scale, zero = quantized(w, axis=1)
            q, own, middle = g.node("DynamicQuantizeLinear", x, outputs=3)
            cast = g.node("Cast", g.node("MatMulInteger", q, w, middle, zero), to=TensorProto.FLOAT)
            product = g.node("Mul", cast, g.node("Mul", own, scale))
        else:
            product = g.node("MatMul", x, w)
        return g.node("Add", product, floats(outputs, size=0.1))

    def normalised(self, x):
        g, gain, bias = self.g, 1 + floats(WIDTH, size=0.1), floats(WIDTH, size=0.1)
        if self.norm == "whole":
            return g.node("LayerNormalization", x, gain, bias, epsilon=1e-6, axis=-1)
        d = g.node("Sub", x, g.node("ReduceMean", x, axes=[-1]))
        variance = g.node("ReduceMean", g.node("Pow", d, np.float32(2)), axes=[-1])
        root = g.node("Sqrt", g.node("Add", variance, np.float32(1e-6)))
        return g.node("Add", g.node("Mul", g.node("Div", d, root), gain), bias)

    def activated(self, x):
        g, half, one = self.g, np.float32(0.5), np.float32(1)
        if self.gelu == "erf":
            inner = g.node("Erf", g.node("Div", x, np.float32(np.sqrt(2))))
            return g.node("Mul", g.node("Mul", x, g.node("Add", inner, one)), half)
        if self.gelu == "tanh":
            cube = g.node("Mul", np.float32(0.044715), g.node("Pow", x, np.float32(3)))
            inner = g.node("Mul", g.node("Add", x, cube), np.float32(np.sqrt(2 / np.pi)))
            inner = g.node("Add", g.node("Tanh", inner), one)
            return g.node("Mul", g.node("Mul", half, x), inner)
        return g.node("Relu", x)

    def heads(self, x, perm=(0, 2, 1, 3)):
        g = self.g
        cut = g.node("Reshape", x, np.array([0, 0, HEADS, WIDTH // HEADS], np.int64))
        return g.node("Transpose", cut, perm=list(perm))

    def attended(self, x, mask):
        g, size = self.g, np.float32(WIDTH // HEADS)
        q, k, v = (self.linear(x, WIDTH, WIDTH) for _ in range(3))
        if self.attention == "turned":
            # As exporters decompose `scaled_dot_product_attention`.
            root = np.float32(size**-0.25)
            q = g.node("Mul", self.heads(q), root)
            k = g.node("Transpose", g.node("Mul", self.heads(k), root), perm=[0, 1, 3, 2])
            scores = g.node("MatMul", q, k)
        else:
            scores = g.node("MatMul", self.heads(q), self.heads(k, (0, 2, 3, 1)))
            scores = g.node("Div", scores, np.float32(np.sqrt(size)))
        if self.attention == "hidden":
            shape = g.node("Shape", scores)
            seen = g.node("Expand", g.node("Equal", mask, np.int64(0)), shape)
            scores = g.node("Where", seen, np.float32(np.finfo(np.float32).min), scores)
        else:
            hidden = g.node("Sub", np.float32(1), g.node("Cast", mask, to=TensorProto.FLOAT))
            scores = g.node("Add", scores, g.node("Mul", hidden, np.float32(-10000)))
        weights = g.node("Softmax", scores, axis=-1)
        if self.attention == "turned":
            nan = g.node("IsNaN", weights)
            weights = g.node("Where", nan, np.float32(0), weights)
        out = g.node("Transpose", g.node("MatMul", weights, self.heads(v)), perm=[0, 2, 1, 3])
        return g.node("Reshape", out, np.array([0, 0, WIDTH], np.int64))

    def inputs(self):
        g = self.g
        ids = random.integers(0, WORDS, (BATCH, TOKENS)).astype(np.int64)
        mask = np.ones((BATCH, TOKENS), np.int64)
        mask[1, 3:] = 0
        ids = g.input("input_ids", ids, ["batch", "tokens"])
        return ids, g.input("attention_mask", mask, ["batch", "tokens"])

    def whole(self):
        g = self.g
        ids, mask = self.inputs()
        wide = g.node("Unsqueeze", mask, np.array([1, 2], np.int64))
        x = self.normalised(g.node("Gather", floats(WORDS, WIDTH), ids))
        a = self.linear(self.attended(x, wide), WIDTH, WIDTH)
        x = self.normalised(g.node("Add", a, x))
        h = self.linear(self.activated(self.linear(x, WIDTH, WIDE)), WIDE, WIDTH)
        return g, [self.normalised(g.node("Add", h, x))]


def encoder(**form):
    return Encoder(**form).whole()


def n_bits(bits):
    """Blocks of few bits in an encoder."""
    g, outputs = encoder()
    return MatMulNBitsQuantizer, bits, g, outputs


def contributed(kind):
    """An encoder as ONNX Runtime's optimiser leaves it."""
    e = Encoder()
    g = e.g
    x = rows(g)
    norm = lambda: (1 + floats(WIDTH, size=0.1), floats(WIDTH, size=0.1))
    mask = np.ones((BATCH, TOKENS), np.int32)
    mask[1, 3:] = 0
    if kind == "separate":
        mask = g.input("mask", mask, ["batch", "tokens"])
        q, k, v = (g.node("MatMul", x, floats(WIDTH, WIDTH, size=0.2)) for _ in range(3))
        inputs = q, k, v, floats(3 * WIDTH), mask
        a = g.node("MultiHeadAttention", *inputs, num_heads=HEADS, domain=MS)
    elif kind == "lengths":
        lengths = g.input("mask", np.array([TOKENS, 3], np.int32), ["batch"])
        inputs = x, floats(WIDTH, 3 * WIDTH, size=0.2), floats(3 * WIDTH), lengths
        a = g.node("Attention", *inputs, num_heads=HEADS, domain=MS)
    elif kind == "bytes":
        mask = g.input("mask", mask, ["batch", "tokens"])
        w, scale, zero = quantized(floats(WIDTH, 3 * WIDTH, size=0.2))
        q, own, middle = g.node("DynamicQuantizeLinear", x, outputs=3)
        inputs = q, w, floats(3 * WIDTH), own, scale, mask, middle, zero
        a = g.node("QAttention", *inputs, num_heads=HEADS, domain=MS)
    else:
        mask = g.input("mask", mask, ["batch", "tokens"])
        inputs = x, floats(WIDTH, 3 * WIDTH, size=0.2), floats(3 * WIDTH), mask
        a = g.node("Attention", *inputs, num_heads=HEADS, domain=MS)
    a = g.node("MatMul", a, floats(WIDTH, WIDTH, size=0.2))
    gain, beta = norm()
    y = g.node("SkipLayerNormalization", a, x, gain, beta, floats(WIDTH), epsilon=1e-6, domain=MS)
    h = g.node("MatMul", y, floats(WIDTH, WIDE, size=0.2))
    gelu = "FastGelu" if kind == "lengths" else "BiasGelu"
    h = g.node("MatMul", g.node(gelu, h, floats(WIDE), domain=MS), floats(WIDE, WIDTH, size=0.2))
    gain, beta = norm()
    return g, [g.node("SkipLayerNormalization", h, y, gain, beta, epsilon=1e-6, domain=MS)]


def embedded():
    e = Encoder()
    g = e.g
    ids = g.input("ids", random.integers(0, WORDS, (BATCH, TOKENS)).astype(np.int32), ["b", "t"])
    kinds = g.input("kinds", random.integers(0, 2, (BATCH, TOKENS)).astype(np.int32), ["b", "t"])
    mask = np.ones((BATCH, TOKENS), np.int32)
    mask[1, 3:] = 0
    mask = g.input("mask", mask, ["b", "t"])
    tables = floats(WORDS, WIDTH), floats(9, WIDTH), floats(2, WIDTH)
    inputs = ids, kinds, *tables, floats(WIDTH), floats(WIDTH), mask
    x, lengths = g.node("EmbedLayerNormalization", *inputs, outputs=2, domain=MS, epsilon=1e-6)
    inputs = x, floats(WIDTH, 3 * WIDTH, size=0.2), floats(3 * WIDTH), lengths
    return g, [g.node("Attention", *inputs, num_heads=HEADS, domain=MS)]


# How a form is compared: `exact`, `near` (the rounding of other orders of sums), `byte` (the same,
# and one step where a sum lies between two), or `cosine` (rows are quantised one by one here).
FORMS = {
    "dynamic-quantize": (dynamic_quantize, "exact"),
    "matmul-integer": (lambda: matmul_integer(False), "exact"),
    "matmul-integer-unsigned": (lambda: matmul_integer(True), "exact"),
    "qlinear-matmul": (lambda: qlinear_matmul(None), "byte"),
    "qlinear-matmul-columns": (lambda: qlinear_matmul(1), "byte"),
    "quantize": (lambda: quantize(False), "exact"),
    "quantize-signed": (lambda: quantize(True), "exact"),
    "dequantize": (lambda: dequantize(None), "exact"),
    "dequantize-columns": (lambda: dequantize(1), "exact"),
    "conv-integer": (conv_integer, "exact"),
    "qlinear-conv": (qlinear_conv, "byte"),
    "dynamic": (lambda: dynamic(None, False), "cosine"),
    "dynamic-columns": (lambda: dynamic(1, True), "cosine"),
    "dynamic-visible": (lambda: dynamic(None, True, visible=True), "exact"),
    "dynamic-one-row": (dynamic_one_row, "near"),
    "dynamic-whole": (lambda: dynamic_contributed(True), "cosine"),
    "dynamic-to-float": (lambda: dynamic_contributed(False), "cosine"),
    "qdq": (lambda: qdq(None), "byte"),
    "qdq-columns": (lambda: qdq(1, signed=True), "byte"),
    "qdq-gemm": (qdq_gemm, "near"),
    "qdq-conv": (qdq_conv, "byte"),
    "weights-dequantized": (lambda: weights_only(False), "near"),
    "weights-cast": (lambda: weights_only(True), "near"),
    "weights-turned": (turned, "near"),
    "gemm": (gemm, "near"),
    "gemm-turned": (lambda: gemm(transB=1), "near"),
    "gemm-factors": (lambda: gemm(alpha=0.5, beta=2.0), "near"),
    "table-rows": (lambda: table("rows"), "exact"),
    "table-whole": (lambda: table("whole"), "exact"),
    "table-blocks": (lambda: table("blocks"), "near"),
    "encoder": (encoder, "near"),
    "encoder-spelled": (lambda: encoder(norm="spelled", gelu="tanh"), "near"),
    "encoder-turned": (lambda: encoder(attention="turned", gelu="relu"), "near"),
    "encoder-hidden": (lambda: encoder(attention="hidden"), "near"),
    "encoder-dynamic": (lambda: encoder(numbers="dynamic"), "cosine"),
    "encoder-nibbles": (lambda: n_bits(4), "near"),
    "encoder-blocks": (lambda: n_bits(8), "near"),
    "contributed": (lambda: contributed("packed"), "near"),
    "contributed-separate": (lambda: contributed("separate"), "near"),
    "contributed-lengths": (lambda: contributed("lengths"), "near"),
    "contributed-bytes": (lambda: contributed("bytes"), "cosine"),
    "contributed-embedding": (embedded, "near"),
}


def told(name, value):
    # The shortest decimal that is the same single float.
    values = [float(str(v)) if value.dtype == np.float32 else int(v) for v in value.ravel()]
    return {"name": name, "type": str(value.dtype), "shape": list(value.shape), "values": values}


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    table = {}
    for name, (make, compare) in FORMS.items():
        made = make()
        if len(made) == 4:
            quantizer, bits, graph, outputs = made
            model = graph.model(outputs)
            quantizer = quantizer(model, block_size=16, is_symmetric=False, bits=bits)
            quantizer.process()
            model = quantizer.model.model
        else:
            graph, outputs = made
            model = graph.model(outputs)
        onnx.save(model, folder / f"{name}.onnx")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # As ONNX defines each node, not as ONNX Runtime joins them.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        session = onnxruntime.InferenceSession(model.SerializeToString(), options)
        names = [output.name for output in session.get_outputs()]
        values = session.run(names, graph.feeds)
        table[name] = {
            "compare": compare,
            "inputs": [told(name, value) for name, value in graph.feeds.items()],
            "outputs": [told(name, value) for name, value in zip(names, values)],
        }
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(form)}" for name, form in table.items())
    (folder / "forms.json").write_text(f"{{\n{text}\n}}\n")


if __name__ == "__main__":
    main()
