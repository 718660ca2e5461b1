"""Compares the catalogue's models of text with ONNX Runtime on real sentences.

check.py ENDCAP DATA: pulls the models into DATA with the program ENDCAP, serves them, and compares
vectors and labels with what ONNX Runtime makes of the same graphs, and 8 bits with 32.
"""

import sys
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
from serving import Server

FLOAT, BYTES, TOXICITY = "all-minilm-l6-v2", "all-minilm-l6-v2-int8", "bert-tiny-toxicity-int8"
SENTENCES = [
    "Where do I find the oat milk?",
    "The oat milk stands in aisle four, on the lowest shelf.",
    "Do you have this coat in green, size 40?",
    "Is the coat also there in another colour?",
    "I want my money back.",
    "My receipt is lost; can I still return the shoes I bought last Thursday?",
    "Opening hours on Sundays and on public holidays",
    "This jacket keeps the rain out and can be washed at 30 degrees.",
    "Yes.",
    "Which of these two detergents is without perfume, and does the cheaper one come in a refill pack "
    "that fits the dispenser of the brand you stopped selling in spring? My daughter has sensitive skin.",
    "You are stupid and everybody hates you.",
    "Thank you so much, you have been a great help today!",
]
# Of vectors of length 1. Dynamic 8 bits are rounded by row here and by tensor there.
CLOSE = {FLOAT: 0.99999, BYTES: 0.99}
QUESTIONS = Path(__file__).parent.parent.parent / "models" / "questions"
# Of the labelled pairs of questions, one in so many is looked at.
ONE_IN = 20
# How far a score may be from ONNX Runtime's, whose steps are coarser.
SCORE = 0.03


class Reference:
    """One package's graph in ONNX Runtime."""

    def __init__(self, data, name):
        folder = Path(data) / "models" / name
        self.session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def run(self, text):
        ids = np.array([self.tokenizer.encode(text).ids], np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        wanted = [port.name for port in self.session.get_inputs()]
        return self.session.run(None, {name: given[name] for name in wanted})[0][0]


def length_one(rows):
    return rows / np.linalg.norm(rows, axis=-1, keepdims=True)


def vectors(server, name, texts=SENTENCES):
    answer = server.ask_json("/v1/embeddings", {"model": name, "input": texts})
    return np.array([entry["embedding"] for entry in answer["data"]])


def check_vectors(server, data):
    made = {name: vectors(server, name) for name in (FLOAT, BYTES)}
    for name, found in made.items():
        reference = Reference(data, name)
        wanted = length_one(np.stack([reference.run(text).mean(axis=0) for text in SENTENCES]))
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        cosines = (found * wanted).sum(axis=1)
        print(f"{name}: cosine to ONNX Runtime {cosines.min():.6f} at least, {cosines.mean():.6f} in the middle")
        assert cosines.min() >= CLOSE[name], cosines
        made[name] = (found, wanted)
    floats, ours, theirs = made[FLOAT][0], made[BYTES][0], made[BYTES][1]
    near = lambda rows: (rows * floats).sum(axis=1)
    print(f"8 bits against 32: cosine {near(ours).min():.4f} at least here, {near(theirs).min():.4f} in ONNX Runtime")
    assert near(ours).mean() >= near(theirs).mean() - 0.001
    # What means the same is nearest, in 8 bits too.
    for found in (floats, ours):
        likeness = found @ found.T - 2 * np.eye(len(found))
        assert likeness[0].argmax() == 1 and likeness[2].argmax() == 3, likeness


def check_kept_cosines(server):
    """What is kept beside the labelled pairs of questions is what the model gives."""
    for half in ("calibration", "test"):
        pairs = QUESTIONS / f"{half}.tsv"
        if not pairs.exists():
            continue
        kept = np.loadtxt(QUESTIONS / f"{half}.cosines")[::ONE_IN]
        rows = [line.split("\t")[4:] for line in pairs.read_text().splitlines()][::ONE_IN]
        for start in range(0, len(rows), 32):
            first, second = (vectors(server, FLOAT, list(texts)) for texts in zip(*rows[start : start + 32]))
            found = (first * second).sum(axis=1)
            assert np.abs(found - kept[start : start + 32]).max() < 0.001, (half, start * ONE_IN)
        print(f"{half}: {len(rows)} kept cosines of questions are the model's")


def check_labels(server, data):
    reference = Reference(data, TOXICITY)
    answer = server.ask_json("/store/v1/text/classify", {"model": TOXICITY, "input": SENTENCES})
    for text, result in zip(SENTENCES, answer["results"]):
        logits = reference.run(text).astype(np.float64)
        wanted = (np.exp(logits) / np.exp(logits).sum())[1]
        found = {label["label"]: label["score"] for label in result["labels"]}
        print(f"toxic {found['toxic']:.4f}, ONNX Runtime {wanted:.4f}: {text[:50]}")
        assert abs(found["toxic"] - wanted) <= SCORE, text
        assert abs(sum(found.values()) - 1) < 1e-5
    assert max(answer["results"][10]["labels"], key=lambda label: label["score"])["label"] == "toxic"


def main(program, data):
    with Server(program, data, [FLOAT, BYTES, TOXICITY]) as server:
        check_vectors(server, data)
        check_kept_cosines(server)
        check_labels(server, data)


if __name__ == "__main__":
    main(*sys.argv[1:])
