"""Makes encoder/: a text encoder of a few kilobytes with everything a real one has.

    python models/tiny/encoder.py        (needs numpy, onnx, onnxruntime, tokenizers)

WordPiece tokens become vectors, look at each other once by attention under a mask, and are
normalised. The numbers come from a fixed seed; nothing is trained. reference.json has what ONNX
Runtime makes of some texts: their tokens, and the means of their tokens' vectors at length 1.
"""

import json
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

PLACE = pathlib.Path(__file__).parent / "encoder"
WIDTH = 16
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS += "the a is where milk oat bread butter gluten free price of in aisle one two shelf red".split()
WORDS += list("abcdefghijklmnopqrstuvwxyz0123456789.,?!") + [f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz0123456789"]
# More tokens than the tokeniser's own limit; the same text twice; another of the same length.
TEXTS = [
    "oat milk",
    "Where is the gluten free bread, and what is the price of it?",
    "oat milk",
    "red shelf",
    "[SEP] of the aisle",
]
WORDS = list(dict.fromkeys(WORDS))


def tokenizer():
    made = Tokenizer(models.WordPiece({word: at for at, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(WORDS[:5])
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    # As real ones come: what is too long is cut and what is short filled up, unless it is turned off.
    made.enable_truncation(8)
    made.enable_padding(length=8)
    made.save(str(PLACE / "tokenizer.json"))


def graph():
    random = np.random.default_rng(7)
    weights = {
        "words": random.normal(size=(len(WORDS), WIDTH)),
        "kinds": random.normal(size=(2, WIDTH)),
        **{name: random.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5 for name in ("q", "k", "v", "o")},
        "gain": random.normal(size=WIDTH) * 0.1 + 1.0,
        "shift": random.normal(size=WIDTH) * 0.1,
        "one": np.array(1.0),
        "far": np.array(-10000.0),
        "scale": np.array(WIDTH**-0.5),
    }
    node = helper.make_node
    nodes = [
        node("Gather", ["words", "input_ids"], ["word"]),
        node("Gather", ["kinds", "token_type_ids"], ["kind"]),
        node("Add", ["word", "kind"], ["x"]),
        node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT),
        node("Sub", ["one", "seen"], ["unseen"]),
        node("Mul", ["unseen", "far"], ["low"]),
        node("Unsqueeze", ["low", "axis"], ["mask"]),
        *[node("MatMul", ["x", name], [f"x{name}"]) for name in "qkv"],
        node("Transpose", ["xk"], ["xkt"], perm=[0, 2, 1]),
        node("MatMul", ["xq", "xkt"], ["raw"]),
        node("Mul", ["raw", "scale"], ["scaled"]),
        node("Add", ["scaled", "mask"], ["masked"]),
        node("Softmax", ["masked"], ["attention"], axis=-1),
        node("MatMul", ["attention", "xv"], ["mixed"]),
        node("MatMul", ["mixed", "o"], ["projected"]),
        node("Add", ["x", "projected"], ["sum"]),
        node("LayerNormalization", ["sum", "gain", "shift"], ["last_hidden_state"], axis=-1, epsilon=1e-12),
    ]
    shape = ["batch", "tokens"]
    inputs = ["input_ids", "attention_mask", "token_type_ids"]
    stored = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    stored.append(numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"))
    made = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in inputs],
        [helper.make_tensor_value_info("last_hidden_state", TensorProto.FLOAT, [*shape, WIDTH])],
        stored,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, PLACE / "model.onnx")


def reference():
    session = onnxruntime.InferenceSession(PLACE / "model.onnx", providers=["CPUExecutionProvider"])
    words = Tokenizer.from_file(str(PLACE / "tokenizer.json"))
    words.no_truncation()
    words.no_padding()
    # What somebody types is text, whatever it looks like.
    words.encode_special_tokens = True
    made = []
    for text in TEXTS:
        tokens = words.encode(text).ids
        ids = np.array([tokens], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        (hidden,) = session.run(None, inputs)
        mean = hidden[0].astype(np.float64).mean(axis=0)
        vector = [round(float(value), 7) for value in mean / np.linalg.norm(mean)]
        made.append({"text": text, "tokens": tokens, "vector": vector})
    (PLACE / "reference.json").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    PLACE.mkdir(exist_ok=True)
    tokenizer()
    graph()
    reference()
