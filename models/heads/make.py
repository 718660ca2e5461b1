"""Makes the files of this folder; see README.md beside it."""

import json
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

HERE = Path(__file__).parent
FLOAT = TensorProto.FLOAT


def save(name, nodes, input_shape, output_shape, constants=(), metadata=()):
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", FLOAT, input_shape)],
        [helper.make_tensor_value_info("y", FLOAT, output_shape)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    for key, value in metadata:
        model.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


def floats(values):
    return np.asarray(values, np.float32)


def graphs():
    node = helper.make_node
    save(
        "colour",
        [node("GlobalAveragePool", ["x"], ["mean"]), node("Flatten", ["mean"], ["y"])],
        ["N", 3, 8, 8],
        ["N", 3],
    )
    third = floats(np.full((1, 3, 1, 1), 1 / 3))
    save("light", [node("Conv", ["x", "w"], ["y"])], ["N", 3, 16, 16], ["N", 1, 16, 16], [("w", third)])
    # White is 1, so that 1 - mean is 0 there; above 0.3 the logistic function rises steeply.
    save(
        "find",
        [node("Conv", ["x", "w", "b"], ["z"]), node("Sigmoid", ["z"], ["y"])],
        ["N", 3, "H", "W"],
        ["N", 1, "H", "W"],
        [("w", third * -40), ("b", floats([28]))],
    )
    save(
        "turn",
        [
            node("Conv", ["x", "w"], ["light"]),
            node("AveragePool", ["light"], ["halves"], kernel_shape=[24, 192], strides=[24, 192]),
            node("Flatten", ["halves"], ["two"]),
            node("Softmax", ["two"], ["y"], axis=1),
        ],
        ["N", 3, 48, 192],
        ["N", 2],
        [("w", third * 30)],
    )
    # Rows: no character, red, green, blue. White is a little of each, and none of them enough.
    weights = floats([[0, 0, 0], [40, -20, -20], [-20, 40, -20], [-20, -20, 40]]).reshape(4, 3, 1, 1)
    save(
        "read",
        [
            node("AveragePool", ["x"], ["columns"], kernel_shape=[48, 8], strides=[48, 8]),
            node("Conv", ["columns", "w", "b"], ["four"]),
            node("Squeeze", ["four", "axis"], ["flat"]),
            node("Transpose", ["flat"], ["steps"], perm=[0, 2, 1]),
            node("Softmax", ["steps"], ["y"], axis=2),
        ],
        ["N", 3, 48, "W"],
        ["N", "T", 4],
        [("w", weights), ("b", floats([5, 0, 0, 0])), ("axis", np.array([2], np.int64))],
        [("character", "r\ng\nb")],
    )


def pictures():
    sides = np.zeros((16, 32, 3), np.uint8)
    sides[:, :16, 0] = 255
    sides[:, 16:, 2] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(sides).save(HERE / "sides.jpg", quality=95, exif=exif)
    green = Image.new("CMYK", (16, 16), (255, 0, 255, 0))
    green.save(HERE / "cmyk.jpg", quality=95)
    frames = [Image.new("RGB", (16, 16), colour) for colour in ["red", "blue"]]
    frames[0].save(HERE / "moving.webp", save_all=True, append_images=frames[1:], duration=100)


def bomb():
    """A picture of 100 million pixels, all of them white, in one bit each."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 10_000
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * (side // 8)) * side, 9)
    chunks = chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    (HERE / "bomb.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def resampled():
    random = np.random.default_rng(7)
    source = random.integers(0, 256, (9, 13, 3), np.uint8)
    pillow = {"nearest": Image.NEAREST, "area": Image.BOX, "bilinear": Image.BILINEAR,
              "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
    opencv = {"nearest": cv2.INTER_NEAREST, "bilinear": cv2.INTER_LINEAR, "bicubic": cv2.INTER_CUBIC}
    cases = []
    for width, height in [(5, 4), (13, 3), (6, 9), (20, 14), (1, 1)]:
        for name, filter in pillow.items():
            pixels = np.asarray(Image.fromarray(source).resize((width, height), filter))
            cases.append((name, True, width, height, pixels))
        for name, filter in opencv.items():
            if (width, height) != (1, 1):
                pixels = cv2.resize(source, (width, height), interpolation=filter)
                cases.append((name, False, width, height, pixels))
    line = '    {{"filter": "{}", "antialias": {}, "width": {}, "height": {}, "rgb": {}}}'
    lines = [
        line.format(name, str(antialias).lower(), width, height, pixels.ravel().tolist())
        for name, antialias, width, height, pixels in cases
    ]
    text = '{{"width": 13, "height": 9, "rgb": {},\n "cases": [\n{}\n]}}\n'
    text = text.format(source.ravel().tolist(), ",\n".join(lines))
    json.loads(text)
    (HERE / "resampled.json").write_text(text)


graphs()
pictures()
bomb()
resampled()
