#!/usr/bin/env python3
"""Writes the tiny models of this folder: random weights, a real tokeniser, no sense.

    python models/tiny/make.py [FOLDER]

needs `pip install gguf numpy`. The same versions of both write the same bytes; the files are
committed, so nobody has to run this. Each model is small enough to run in a debugger and has every
part of a real one: byte-level BPE, a ChatML template, grouped-query attention, and one way of
storing weights each; `qwen2` has that architecture and all the others.
"""

import sys
from collections import Counter
from pathlib import Path

import gguf
import numpy as np

import k_quants

SEED = 20
CONTEXT = 512
VOCABULARY = 512
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
# The merges are made from this, so ordinary text does not fall into single bytes.
TEXT = """
The shop opens at eight in the morning and closes at nine in the evening. The price of the bread is
on the shelf, and the offer of the week stands at the end of the aisle. You are a helpful assistant
of the shop. Where can I find the milk? The milk is in the cooler at the back of the store, next to
the butter and the cheese. Is there anything else that I can help you with today? Please show me
the way to the shoes and the shirts; the shirts are on the second floor, to the left of the stairs.
What does this cost? This one costs three and a half, and with the card of the house it is less.
The assistant answers the user, and the user asks the system what the capital of France is.
Fresh fruit and vegetables arrive every weekday before breakfast; ask our colleagues about recipes.
"""

Q = gguf.GGMLQuantizationType


class Shape:
    def __init__(self, hidden, feed_forward, heads, kv_heads, layers=2, head_width=16):
        self.hidden, self.feed_forward, self.layers = hidden, feed_forward, layers
        self.heads, self.kv_heads, self.head_width = heads, kv_heads, head_width


# The same type for every matrix but the embedding.
def all_of(kind):
    return lambda layer, part: kind


# Each type that the others do not have, and each part in one with a minimum or without.
MIXED = [
    {"q": Q.Q5_0, "k": Q.Q5_1, "v": Q.Q8_0, "output": Q.Q5_0,
     "gate": Q.Q4_K, "up": Q.Q5_K, "down": Q.Q6_K},
    {"q": Q.Q4_K, "k": Q.BF16, "v": Q.Q5_K, "output": Q.Q5_1,
     "gate": Q.Q6_K, "up": Q.Q5_0, "down": Q.Q4_K},
]

LLAMA = Shape(64, 128, 4, 2)
# name: architecture, shape, types of the matrices, type of the embedding, whether the head is a
# matrix of its own
VARIANTS = {
    "q4_1": ("llama", LLAMA, all_of(Q.Q4_1), Q.Q8_0, False),
    "q4_0": ("llama", LLAMA, all_of(Q.Q4_0), Q.Q8_0, False),
    "f16": ("llama", Shape(64, 96, 4, 2), all_of(Q.F16), Q.F16, True),
    "f32": ("llama", Shape(32, 64, 2, 1), all_of(Q.F32), Q.F32, True),
    "qwen2": (
        "qwen2",
        Shape(256, 256, 4, 2, head_width=32),
        lambda layer, part: MIXED[layer][part],
        Q.Q4_K,
        False,
    ),
}


def byte_characters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    kept = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in kept]
    table = {byte: chr(byte) for byte in kept}
    table.update({byte: chr(256 + i) for i, byte in enumerate(others)})
    return [table[byte] for byte in range(256)]


def make_vocabulary():
    characters = byte_characters()
    words = Counter()
    for i, word in enumerate(TEXT.split()):
        words[("" if i == 0 else " ") + word] += 1
    parts = {word: [characters[b] for b in word.encode()] for word in words}
    tokens, merges = SPECIAL + characters, []
    while len(tokens) < VOCABULARY:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(parts[word], parts[word][1:]):
                pairs[pair] += count
        if not pairs:
            raise SystemExit(f"the text gives {len(tokens)} tokens only")
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(" ".join(best))
        joined = "".join(best)
        # Two ways may lead to one token; it is listed once.
        if joined not in tokens:
            tokens.append(joined)
        for word, symbols in parts.items():
            merged, i = [], 0
            while i < len(symbols):
                pair = tuple(symbols[i : i + 2])
                merged.append(joined if pair == best else symbols[i])
                i += 2 if pair == best else 1
            parts[word] = merged
    return tokens, merges


def write_metadata(writer, name, shape, tokens, merges):
    writer.add_name(f"Tiny {name}")
    writer.add_license("MIT OR Apache-2.0")
    writer.add_organization("Endcap")
    writer.add_languages(["en"])
    writer.add_block_count(shape.layers)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(shape.hidden)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_key_length(shape.head_width)
    writer.add_value_length(shape.head_width)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if writer.arch == "qwen2" else "smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] * len(SPECIAL) + [1] * (len(tokens) - len(SPECIAL)))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_add_bos_token(False)
    writer.add_chat_template(TEMPLATE)


def write_tensors(writer, shape, types, embedding, own_head, random):
    def matrix(name, rows, columns, gain, kind):
        values = random.normal(0.0, gain / np.sqrt(columns), (rows, columns))
        add(writer, name, values.astype(np.float32), kind)

    def norm(name, level):
        values = level * (1.0 + 0.1 * random.normal(0.0, 1.0, shape.hidden))
        add(writer, name, values.astype(np.float32), Q.F32)

    def bias(name, width):
        if writer.arch == "qwen2":
            add(writer, name, random.normal(0.0, 0.3, width).astype(np.float32), Q.F32)

    query, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    # The residual stream starts small, so that what the layers say outweighs the token itself:
    # with a shared head the model would repeat its input otherwise.
    matrix("token_embd.weight", VOCABULARY, shape.hidden, 0.6, embedding)
    for layer in range(shape.layers):
        block = f"blk.{layer}"
        kind = lambda part: types(layer, part)
        norm(f"{block}.attn_norm.weight", 1.0)
        for part, rows, gain in [("q", query, 1.6), ("k", keys, 1.6), ("v", keys, 1.5)]:
            matrix(f"{block}.attn_{part}.weight", rows, shape.hidden, gain, kind(part))
            bias(f"{block}.attn_{part}.bias", rows)
        matrix(f"{block}.attn_output.weight", shape.hidden, query, 1.5, kind("output"))
        norm(f"{block}.ffn_norm.weight", 1.0)
        for part, rows, columns in [
            ("gate", shape.feed_forward, shape.hidden),
            ("up", shape.feed_forward, shape.hidden),
            ("down", shape.hidden, shape.feed_forward),
        ]:
            matrix(f"{block}.ffn_{part}.weight", rows, columns, 1.5, kind(part))
    norm("output_norm.weight", 5.0)
    if own_head:
        matrix("output.weight", VOCABULARY, shape.hidden, 0.6, types(0, "head"))


def add(writer, name, values, kind):
    if kind == Q.F32:
        writer.add_tensor(name, values)
    elif kind == Q.F16:
        writer.add_tensor(name, values.astype(np.float16))
    elif kind in (Q.Q4_K, Q.Q5_K, Q.Q6_K):
        writer.add_tensor(name, k_quants.quantise(values, kind.name), raw_dtype=kind)
    else:
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    tokens, merges = make_vocabulary()
    for name, (architecture, shape, types, embedding, own_head) in VARIANTS.items():
        writer = gguf.GGUFWriter(folder / f"{name}.gguf", architecture)
        write_metadata(writer, name, shape, tokens, merges)
        random = np.random.Generator(np.random.PCG64(SEED))
        write_tensors(writer, shape, types, embedding, own_head, random)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


if __name__ == "__main__":
    main()
