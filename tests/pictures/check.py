"""Compares the catalogue's picture models with other programs on real pictures.

check.py ENDCAP DATA: pulls the models into DATA with the program ENDCAP, serves them, and compares
masks with Pillow and ONNX Runtime (as rembg does it), scores with the same, pages with RapidOCR and
with what was written on them. The fonts are Debian's fonts-dejavu-core.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import skimage
import sklearn.datasets
from PIL import Image
from rapidocr_onnxruntime import RapidOCR

from invoice import invoice

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
from serving import Server

MODELS = [
    "pp-ocrv6-det",
    "pp-ocrv6-rec",
    "pp-ocrv4-det",
    "pp-ocrv4-rec",
    "pp-ocr-turn",
    "u2netp",
    "open-nsfw",
]
SHOWN = Path(skimage.__file__).parent / "data"
SCENES = Path(sklearn.datasets.__file__).parent / "images"
PICTURES = [SHOWN / "astronaut.png", SHOWN / "coffee.png", SHOWN / "rocket.jpg", SCENES / "flower.jpg"]


def kind(path):
    return "png" if path.suffix == ".png" else "jpeg"


def ask(server, path, form, body):
    return server.ask(f"/store/v1/vision/{path}", f"image/{form}", body)


def session(data, name):
    return onnxruntime.InferenceSession(str(Path(data) / "models" / name / "model.onnx"))


def run(session, values):
    return session.run(None, {session.get_inputs()[0].name: values.astype(np.float32)})[0]


def check_masks(server, data):
    model = session(data, "u2netp")
    for path in PICTURES:
        image = Image.open(path).convert("RGB")
        pixels = np.asarray(image.resize((320, 320), Image.LANCZOS)).astype(float)
        pixels = (pixels / pixels.max() - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        wanted = run(model, pixels.transpose(2, 0, 1)[None])[0, 0]
        wanted = (wanted - wanted.min()) / (wanted.max() - wanted.min())
        wanted = Image.fromarray((wanted * 255).astype(np.uint8)).resize(image.size, Image.LANCZOS)
        found = Image.open(io.BytesIO(ask(server, "segment", kind(path), path.read_bytes())))
        gaps = np.abs(np.asarray(found).astype(int) - np.asarray(wanted).astype(int))
        print(f"mask {path.name}: {gaps.mean():.3f} of 255 apart, {gaps.max()} at most")
        # JPEG decoders differ by a step or two.
        assert gaps.mean() < 0.5 and gaps.max() <= 32, path


def check_scores(server, data):
    model = session(data, "open-nsfw")
    for path in PICTURES:
        pixels = Image.open(path).convert("RGB").resize((256, 256), Image.BILINEAR)
        pixels = np.asarray(pixels)[16:240, 16:240, ::-1] - np.array([104.0, 117.0, 123.0])
        wanted = run(model, pixels[None])[0]
        found = json.loads(ask(server, "classify", kind(path), path.read_bytes()))["results"]
        found = {result["label"]: result["score"] for result in found}
        print(f"score {path.name}: {found['unsafe']:.4f}, ONNX Runtime {wanted[1]:.4f}")
        assert abs(found["unsafe"] - wanted[1]) < 0.01, path


def distance(one, other):
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        above, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


def check_pages(server):
    for german in [False, True]:
        image, wanted = invoice(german)
        file = io.BytesIO()
        image.save(file, "png")
        page = json.loads(ask(server, "ocr?model=pp-ocrv6-det", "png", file.getvalue()))
        errors = distance(wanted, page["text"]) / len(wanted)
        print(f"page, version 6, German {german}: {errors:.2%} of {len(wanted)} characters wrong")
        assert errors <= 0.02
    image, wanted = invoice(False)
    file = io.BytesIO()
    image.save(file, "png")
    page = json.loads(ask(server, "ocr?model=pp-ocrv4-det", "png", file.getvalue()))
    letters = lambda text: "".join(text.split())
    errors = distance(letters(wanted), letters(page["text"])) / len(letters(wanted))
    print(f"page, version 4, without spaces: {errors:.2%} wrong")
    assert errors <= 0.02
    others, _ = RapidOCR()(np.asarray(image)[:, :, ::-1])
    assert len(page["lines"]) == len(others)
    for line in page["lines"]:
        gap = lambda other: np.abs(np.array(line["box"]) - np.array(other[0])).max()
        nearest = min(others, key=gap)
        assert gap(nearest) <= 3, (line, nearest)
        apart = distance(letters(line["text"]), letters(nearest[1]))
        assert apart <= max(1, len(line["text"]) // 20), (line, nearest)
    print(f"page, version 4: {len(others)} boxes within 3 pixels of RapidOCR's")


def main(program, data):
    with Server(program, data, MODELS) as server:
        check_masks(server, data)
        check_scores(server, data)
        check_pages(server)


if __name__ == "__main__":
    main(*sys.argv[1:])
