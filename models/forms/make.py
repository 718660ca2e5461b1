#!/usr/bin/env python3
"""Writes tiny decoders in the forms that exporters give them, and what ONNX Runtime computes.

    python models/forms/make.py [FOLDER]

needs `pip install numpy onnx onnxruntime`. One set of random weights, many spellings: attention as
operators of ONNX Runtime, as ONNX's own operator, or spelled out; rotation inside attention, before
it, or computed from the positions; weights as floats, halves, bytes or nibbles. README.md lists them.
The files are committed, so nobody has to run this.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

SEED = 7
HIDDEN, FEED_FORWARD, VOCABULARY, LAYERS = 32, 32, 128, 2
HEADS, KV_HEADS, SIZE = 4, 2, 16
CONTEXT, BASE, EPSILON = 64, 10000.0, 1e-5
PROMPT, STEPS = 12, 12
MS = "com.microsoft"


def weights():
    random = np.random.default_rng(SEED)

    def matrix(inputs, outputs):
        return (random.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(np.float32)

    def gain():
        return (1 + 0.1 * random.standard_normal(HIDDEN)).astype(np.float32)

    table = {"embed": random.standard_normal((VOCABULARY, HIDDEN)).astype(np.float32) / 2}
    for layer in range(LAYERS):
        table |= {
            f"{layer}.q": 2 * matrix(HIDDEN, HEADS * SIZE),
            f"{layer}.k": 2 * matrix(HIDDEN, KV_HEADS * SIZE),
            f"{layer}.v": matrix(HIDDEN, KV_HEADS * SIZE),
            f"{layer}.o": matrix(HEADS * SIZE, HIDDEN),
            f"{layer}.gate": matrix(HIDDEN, FEED_FORWARD),
            f"{layer}.up": matrix(HIDDEN, FEED_FORWARD),
            f"{layer}.down": matrix(FEED_FORWARD, HIDDEN),
            f"{layer}.norm": gain(),
            f"{layer}.norm2": gain(),
        }
    norms = {"norm": gain(), "q_norm": 2 * gain()[:SIZE], "k_norm": 2 * gain()[:SIZE]}
    return table | norms


def angles():
    frequencies = BASE ** (-np.arange(0, SIZE, 2, dtype=np.float32) / SIZE)
    return np.arange(CONTEXT, dtype=np.float32)[:, None] * frequencies[None]


class Exporter:
    """Writes one decoder, node by node."""

    def __init__(
        self,
        attention="plain",
        rotary="computed",
        norm="decomposed",
        packed=False,
        past=True,
        opset=17,
        activation="sigmoid",
        mask="where",
        interleaved=False,
        head_norms=False,
    ):
        self.attention, self.rotary, self.norm = attention, rotary, norm
        self.packed, self.past, self.opset = packed, past, opset
        self.activation, self.mask, self.interleaved = activation, mask, interleaved
        self.head_norms = head_norms
        self.nodes, self.constants, self.count = [], [], 0
        self.table = weights()

    def op(self, kind, *inputs, outputs=1, domain="", **attributes):
        self.count += 1
        names = [f"t{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), names, name=f"/{kind}_{self.count}", domain=domain, **attributes)
        )
        return names[0] if outputs == 1 else names

    def constant(self, value, name=None):
        self.count += 1
        name = name or f"c{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def ints(self, *values):
        return self.constant(np.array(values, np.int64))

    def number(self, value):
        return self.constant(np.float32(value))

    def weight(self, name):
        if not any(tensor.name == name for tensor in self.constants):
            self.constant(self.table[name], name)
        return name

    # -- what computes each token by itself

    def normalise(self, x, gain, skip=None):
        gain = self.weight(gain)
        if self.norm == "skip":
            if skip is None:
                return self.op("SimplifiedLayerNormalization", x, gain, axis=-1, epsilon=EPSILON), x
            out = self.op(
                "SkipSimplifiedLayerNormalization", x, skip, gain, outputs=4, domain=MS, epsilon=EPSILON
            )
            self.nodes[-1].output[1] = self.nodes[-1].output[2] = ""
            return out[0], out[3]
        if skip is not None:
            x = self.op("Add", x, skip)
        if self.norm == "operator":
            return self.op("RMSNormalization", x, gain, axis=-1, epsilon=EPSILON), x
        square = self.op("Pow", x, self.number(2))
        mean = self.op("ReduceMean", square, axes=[-1], keepdims=1) if self.opset < 18 else self.op(
            "ReduceMean", square, self.ints(-1), keepdims=1
        )
        root = self.op("Sqrt", self.op("Add", mean, self.number(EPSILON)))
        if self.norm == "divided":
            return self.op("Mul", gain, self.op("Div", x, root)), x
        inverse = self.op("Div", self.number(1), root)
        return self.op("Mul", gain, self.op("Mul", x, inverse)), x

    def linear(self, x, name):
        return self.op("MatMul", x, self.weight(name))

    def feed_forward(self, x, layer):
        gate, up = self.linear(x, f"{layer}.gate"), self.linear(x, f"{layer}.up")
        if self.activation == "swish":
            gate = self.op("Swish", gate)
        elif self.activation == "quick":
            gate = self.op("QuickGelu", gate, domain=MS, alpha=1.0)
        else:
            gate = self.op("Mul", gate, self.op("Sigmoid", gate))
        return self.linear(self.op("Mul", gate, up), f"{layer}.down")

    # -- what looks at positions

    def length(self, x, axis):
        return self.op("Gather", self.op("Shape", x), self.constant(np.int64(axis)), axis=0)

    def prepare(self):
        """What all layers share: rotation and mask."""
        if self.past:
            self.total = self.length("attention_mask", 1)
        else:
            self.total = self.length("input_ids", 1)
        self.tokens = self.length("input_ids", 1)
        if self.rotary == "computed":
            inverse = self.constant(angles()[1][None, :, None])
            positions = self.op("Cast", self.op("Unsqueeze", self.positions(), self.ints(1)), to=1)
            turns = self.op("Transpose", self.op("MatMul", inverse, positions), perm=[0, 2, 1])
            both = self.op("Unsqueeze", self.op("Concat", turns, turns, axis=-1), self.ints(1))
            self.cos, self.sin = self.op("Cos", both), self.op("Sin", both)
        elif self.rotary == "gathered":
            both = np.concatenate([angles(), angles()], -1)
            tables = [self.constant(table) for table in (np.cos(both), np.sin(both))]
            rows = [self.op("Gather", table, self.positions(), axis=0) for table in tables]
            self.cos, self.sin = [self.op("Unsqueeze", row, self.ints(1)) for row in rows]
        else:
            self.cos = self.constant(np.cos(angles()), "cos_cache")
            self.sin = self.constant(np.sin(angles()), "sin_cache")
        if self.attention in ("plain", "mha", "attention_heads", "attention_mask"):
            self.visible = self.make_mask()
        if self.attention == "gqa":
            ones = self.op("ReduceSum", "attention_mask", self.ints(1), keepdims=0)
            lengths = self.op("Sub", ones, self.ints(1))
            self.lengths = self.op("Cast", lengths, to=TensorProto.INT32)
            self.all = self.op("Cast", self.total, to=TensorProto.INT32)

    def positions(self):
        if self.past:
            return "position_ids"
        steps = self.op("Range", self.constant(np.int64(0)), self.tokens, self.constant(np.int64(1)))
        return self.op("Unsqueeze", steps, self.ints(0))

    def make_mask(self):
        zero, one = self.constant(np.int64(0)), self.constant(np.int64(1))
        keys = self.op("Range", zero, self.total, one)
        queries = self.op("Range", self.op("Sub", self.total, self.tokens), self.total, one)
        seen = self.op("LessOrEqual", keys, self.op("Unsqueeze", queries, self.ints(1)))
        seen = self.op("Unsqueeze", seen, self.ints(0, 1))
        if self.past:
            there = self.op("Cast", self.op("Unsqueeze", "attention_mask", self.ints(1, 2)), to=9)
            seen = self.op("And", seen, there)
        if self.mask == "boolean":
            return seen
        return self.op("Where", seen, self.number(0), self.number(np.finfo(np.float32).min))

    def heads(self, rows, count, norm=None):
        apart = self.op("Reshape", rows, self.ints(0, 0, count, SIZE))
        if norm:
            apart, _ = self.normalise(apart, norm)
        return self.op("Transpose", apart, perm=[0, 2, 1, 3])

    def turned(self, x):
        half = SIZE // 2
        if self.interleaved:
            pairs = self.op("Reshape", x, self.ints(0, 0, 0, half, 2))
            a, b = [self.op("Gather", pairs, self.constant(np.int64(i)), axis=4) for i in (0, 1)]
            cos, sin = [self.cut(table, 0, half) for table in (self.cos, self.sin)]
            x = self.op("Sub", self.op("Mul", a, cos), self.op("Mul", b, sin))
            y = self.op("Add", self.op("Mul", b, cos), self.op("Mul", a, sin))
            both = self.op("Concat", *[self.op("Unsqueeze", v, self.ints(4)) for v in (x, y)], axis=4)
            return self.op("Reshape", both, self.ints(0, 0, 0, SIZE))
        crossed = self.op("Concat", self.op("Neg", self.cut(x, half, SIZE)), self.cut(x, 0, half), axis=-1)
        return self.op("Add", self.op("Mul", x, self.cos), self.op("Mul", crossed, self.sin))

    def cut(self, x, start, end):
        return self.op("Slice", x, self.ints(start), self.ints(end), self.ints(3))

    def repeated(self, heads):
        wide = self.op("Unsqueeze", heads, self.ints(2))
        wide = self.op("Expand", wide, self.ints(1, 1, HEADS // KV_HEADS, 1, 1))
        shape = [self.ints(0), self.ints(HEADS), self.ints(-1), self.ints(SIZE)]
        return self.op("Reshape", wide, self.op("Concat", *shape, axis=0))

    # -- attention

    def attend(self, x, layer):
        q, k, v = [self.linear(x, f"{layer}.{part}") for part in "qkv"]
        past = [f"past_key_values.{layer}.{part}" for part in ("key", "value")]
        present = [f"present.{layer}.{part}" for part in ("key", "value")]
        out = getattr(self, self.attention)(q, k, v, past, present)
        return self.linear(out, f"{layer}.o")

    def joined(self, past, new, present):
        if not self.past:
            return new
        self.nodes.append(helper.make_node("Concat", [past, new], [present], name=f"/Join_{present}", axis=2))
        return present

    def rows(self, heads):
        return self.op("Reshape", self.op("Transpose", heads, perm=[0, 2, 1, 3]), self.ints(0, 0, HEADS * SIZE))

    def plain(self, q, k, v, past, present):
        norms = ["q_norm", "k_norm"] if self.head_norms else [None, None]
        q, k = self.turned(self.heads(q, HEADS, norms[0])), self.turned(self.heads(k, KV_HEADS, norms[1]))
        v = self.heads(v, KV_HEADS)
        k, v = [self.repeated(self.joined(*three)) for three in zip(past, (k, v), present)]
        root = self.number(SIZE**-0.25)
        q = self.op("Mul", q, root)
        k = self.op("Mul", self.op("Transpose", k, perm=[0, 1, 3, 2]), root)
        scores = self.op("MatMul", q, k)
        if self.mask == "boolean":
            scores = self.op("Where", self.visible, scores, self.number(-1e9))
        else:
            scores = self.op("Add", scores, self.visible)
        return self.rows(self.op("MatMul", self.op("Softmax", scores, axis=-1), v))

    def gqa(self, q, k, v, past, present):
        inside = self.rotary == "inside"
        if not inside:
            q, k = [
                self.op("RotaryEmbedding", x, "position_ids", self.cos, self.sin, domain=MS, num_heads=n,
                        rotary_embedding_dim=0, interleaved=int(self.interleaved))
                for x, n in ((q, HEADS), (k, KV_HEADS))
            ]
        if self.packed:
            q, k, v = self.op("Concat", q, k, v, axis=-1), "", ""
        tables = [self.cos, self.sin] if inside else ["", ""]
        inputs = [q, k, v, *past, self.lengths, self.all, *tables]
        out = self.op("GroupQueryAttention", *inputs, outputs=3, domain=MS, num_heads=HEADS,
                      kv_num_heads=KV_HEADS, do_rotary=int(inside), rotary_interleaved=int(self.interleaved))
        self.nodes[-1].output[1:] = present
        return out[0]

    def mha(self, q, k, v, past, present):
        """Heads repeated and caches joined before it, as builders do for models with few KV heads."""
        q = self.op("RotaryEmbedding", q, "position_ids", self.cos, self.sin, domain=MS, num_heads=HEADS)
        k = self.op("RotaryEmbedding", k, "position_ids", self.cos, self.sin, domain=MS, num_heads=KV_HEADS)
        k, v = self.heads(k, KV_HEADS), self.heads(v, KV_HEADS)
        k, v = [self.repeated(self.joined(*three)) for three in zip(past, (k, v), present)]
        k, v = self.rows(k), self.rows(v)
        mask = self.op("Expand", self.visible, self.op("Concat", self.ints(1, 1), self.op(
            "Reshape", self.tokens, self.ints(1)), self.op("Reshape", self.total, self.ints(1)), axis=0))
        return self.op("MultiHeadAttention", q, k, v, "", "", mask, domain=MS, num_heads=HEADS)

    def attention_rows(self, q, k, v, past, present):
        """ONNX's operator on rows; it joins the caches and is causal."""
        q, k = [self.op("RotaryEmbedding", x, self.cos, self.sin, self.positions(), num_heads=n)
                for x, n in ((q, HEADS), (k, KV_HEADS))]
        if not self.past:
            return self.op("Attention", q, k, v, is_causal=1, q_num_heads=HEADS, kv_num_heads=KV_HEADS)
        out = self.op("Attention", q, k, v, "", *past, outputs=3, is_causal=1,
                      q_num_heads=HEADS, kv_num_heads=KV_HEADS)
        self.nodes[-1].output[1:] = present
        return out[0]

    def attention_heads(self, q, k, v, past, present):
        """ONNX's operator on heads, with a mask and caches that are joined before."""
        q, k, v = self.heads(q, HEADS), self.heads(k, KV_HEADS), self.heads(v, KV_HEADS)
        q, k = [self.op("RotaryEmbedding", x, self.cos, self.sin, self.positions()) for x in (q, k)]
        k, v = [self.joined(*three) for three in zip(past, (k, v), present)]
        return self.rows(self.op("Attention", q, k, v, self.visible))

    # -- the whole

    def model(self):
        self.prepare()
        x, skip = self.op("Gather", self.weight("embed"), "input_ids"), None
        for layer in range(LAYERS):
            h, x = self.normalise(x, f"{layer}.norm", skip)
            h, x = self.normalise(x, f"{layer}.norm2", self.attend(h, layer))
            skip = self.feed_forward(h, layer)
        h, _ = self.normalise(x, "norm", skip)
        head = self.op("Transpose", self.weight("embed"), perm=[1, 0])
        self.nodes.append(helper.make_node("MatMul", [h, head], ["logits"], name="/lm_head/MatMul"))
        inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])]
        outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", VOCABULARY])]
        if self.past:
            used = {name for node in self.nodes for name in node.input}
            for name, length in (("attention_mask", "total"), ("position_ids", "sequence")):
                if name in used:
                    inputs.append(helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", length]))
            for layer in range(LAYERS):
                for part in ("key", "value"):
                    for side, ports, length in (("past_key_values", inputs, "past"), ("present", outputs, "total")):
                        shape = ["batch", KV_HEADS, length, SIZE]
                        name = f"{side}.{layer}.{part}"
                        ports.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        graph = helper.make_graph(self.nodes, "decoder", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(MS, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=10, producer_name="endcap")
        return model


def bytes_of(model, **options):
    quantize_dynamic(model, "/tmp/endcap_bytes.onnx", weight_type=options.pop("weight_type"), **options)
    return onnx.load("/tmp/endcap_bytes.onnx")


def nibbles_of(model, symmetric):
    quantizer = MatMulNBitsQuantizer(model, bits=4, block_size=32, is_symmetric=symmetric, accuracy_level=1)
    quantizer.process()
    return quantizer.model.model


def halves_of(model):
    """As converters do it: every float a half, logits cast back."""
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            value = np.clip(numpy_helper.to_array(tensor), -65504, 65504).astype(np.float16)
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.FLOAT16
        node.output[:] = ["logits/half" if name == "logits" else name for name in node.output]
    model.graph.node.append(helper.make_node("Cast", ["logits/half"], ["logits"], name="/Cast_logits", to=1))
    for port in [*model.graph.input, *model.graph.output]:
        if port.type.tensor_type.elem_type == TensorProto.FLOAT and port.name != "logits":
            port.type.tensor_type.elem_type = TensorProto.FLOAT16
    return model


def merged(with_past):
    """One `If` over a graph with a past and one without, as optimum merges them."""
    inner = with_past.graph
    outputs = [port.name for port in inner.output]
    inputs = list(inner.input)
    def branch(name, suffix):
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in inner.node]
        kept = {port.name for port in inputs} | {tensor.name for tensor in inner.initializer}
        for node in nodes:
            node.name += suffix
            for names in (node.input, node.output):
                names[:] = [n if n in kept or not n else n + suffix for n in names]
        ports = [helper.make_tensor_value_info(p.name + suffix, p.type.tensor_type.elem_type, None) for p in inner.output]
        return helper.make_graph(nodes, name, [], ports)
    node = helper.make_node("If", ["use_cache_branch"], outputs, name="optimum::if",
                            then_branch=branch("then", "_then"), else_branch=branch("else", "_else"))
    inputs.append(helper.make_tensor_value_info("use_cache_branch", TensorProto.BOOL, [1]))
    graph = helper.make_graph([node], "merged", inputs, inner.output, inner.initializer)
    return helper.make_model(graph, opset_imports=with_past.opset_import, ir_version=10)


def forms():
    plain = dict(opset=17)
    genai = dict(attention="gqa", rotary="inside", norm="skip", opset=21)
    yield "plain", Exporter(**plain).model()
    yield "plain-gathered", Exporter(rotary="gathered", norm="divided", mask="boolean", opset=13).model()
    yield "plain-interleaved", Exporter(interleaved=True, opset=18).model()
    yield "plain-uncached", Exporter(past=False, opset=18).model()
    yield "plain-head-norms", Exporter(head_norms=True, opset=18).model()
    yield "plain-half", halves_of(Exporter(**plain).model())
    yield "plain-merged", merged(Exporter(**plain).model())
    yield "plain-int8", bytes_of(Exporter(**plain).model(), weight_type=QuantType.QInt8, per_channel=True)
    yield "plain-uint8", bytes_of(Exporter(**plain).model(), weight_type=QuantType.QUInt8, per_channel=False)
    yield "plain-nbits", nibbles_of(Exporter(**plain).model(), True)
    yield "gqa", nibbles_of(Exporter(**genai).model(), False)
    yield "gqa-packed", nibbles_of(Exporter(**genai, packed=True).model(), True)
    yield "gqa-rotary-before", nibbles_of(Exporter(**{**genai, "rotary": "operator"}).model(), True)
    yield "gqa-interleaved", nibbles_of(Exporter(**genai, interleaved=True, activation="quick").model(), True)
    yield "mha", nibbles_of(Exporter(attention="mha", rotary="operator", norm="skip", opset=21).model(), True)
    modern = dict(rotary="operator", norm="operator", opset=23)
    yield "attention-rows", Exporter(attention="attention_rows", **modern).model()
    yield "attention-heads", Exporter(attention="attention_heads", **modern).model()
    yield "attention-boolean", Exporter(attention="attention_heads", mask="boolean", **modern).model()
    yield "attention-uncached", Exporter(attention="attention_rows", past=False, **modern).model()


def reference(path):
    """Logits of a prompt computed whole and of tokens that follow it one by one."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {i.name: i for i in session.get_inputs()}
    random = np.random.default_rng(SEED + 1)
    tokens = [int(t) for t in random.integers(0, VOCABULARY, PROMPT + STEPS)]
    cached = any(name.startswith("past") for name in inputs)
    if not cached:
        (logits,) = session.run(["logits"], {"input_ids": np.array([tokens], np.int64)})
        return tokens, logits[0]
    kind = np.float16 if "float16" in inputs["past_key_values.0.key"].type else np.float32
    past = {n: np.zeros((1, KV_HEADS, 0, SIZE), kind) for n in inputs if n.startswith("past")}
    names = [o.name for o in session.get_outputs()]
    rows, done = [], 0
    for part in [tokens[:PROMPT], *([t] for t in tokens[PROMPT:])]:
        total = done + len(part)
        feeds = {
            "input_ids": np.array([part], np.int64),
            "attention_mask": np.ones((1, total), np.int64),
            "position_ids": np.arange(done, total, dtype=np.int64)[None],
            "use_cache_branch": np.array([True]),
            **past,
        }
        results = dict(zip(names, session.run(None, {n: v for n, v in feeds.items() if n in inputs})))
        past = {n: results[n.replace("past_key_values", "present")] for n in past}
        rows.append(results["logits"][0])
        done = total
    return tokens, np.concatenate(rows)


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    descriptions = {}
    for name, model in forms():
        path = folder / f"{name}.onnx"
        onnx.save(model, path)
        tokens, logits = reference(path)
        (folder / f"{name}.f32").write_bytes(logits.astype("<f4").tobytes())
        descriptions[name] = {"rows": len(tokens), "largest": round(float(np.abs(logits).max()), 3)}
        print(name, path.stat().st_size, len(model.graph.node), descriptions[name])
    about = {
        "runtime": f"onnxruntime {onnxruntime.__version__}",
        "context": CONTEXT,
        "vocabulary": VOCABULARY,
        "tokens": tokens,
        "forms": descriptions,
    }
    (folder / "forms.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    main()
