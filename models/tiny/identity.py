"""Graphs that say nothing of their own: each output is what came in.

    python models/tiny/identity.py      # writes models/tiny/identity/

One graph for each type of elements: input `x`, output `y = x`, both of shape [n, 2]. Beside them
`add_sub.onnx`, of two inputs and two outputs: `sum = a + b` and `difference = a - b`, floats of
shape [n, 4].
"""

from pathlib import Path

import onnx
from onnx import TensorProto, helper

FOLDER = Path(__file__).parent / "identity"
TYPES = [
    ("bool", TensorProto.BOOL),
    ("uint8", TensorProto.UINT8),
    ("uint16", TensorProto.UINT16),
    ("uint32", TensorProto.UINT32),
    ("uint64", TensorProto.UINT64),
    ("int8", TensorProto.INT8),
    ("int16", TensorProto.INT16),
    ("int32", TensorProto.INT32),
    ("int64", TensorProto.INT64),
    ("fp16", TensorProto.FLOAT16),
    ("fp32", TensorProto.FLOAT),
    ("fp64", TensorProto.DOUBLE),
    ("bytes", TensorProto.STRING),
]


def write(name, nodes, inputs, outputs):
    graph = helper.make_graph(nodes, name, inputs, outputs)
    opset = [helper.make_operatorsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8, producer_name="endcap")
    onnx.checker.check_model(model, full_check=True)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))


def main():
    FOLDER.mkdir(exist_ok=True)
    for name, element in TYPES:
        value = lambda port: helper.make_tensor_value_info(port, element, ["n", 2])
        write(name, [helper.make_node("Identity", ["x"], ["y"])], [value("x")], [value("y")])
    value = lambda port: helper.make_tensor_value_info(port, TensorProto.FLOAT, ["n", 4])
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Sub", ["a", "b"], ["difference"]),
    ]
    write("add_sub", nodes, [value("a"), value("b")], [value("sum"), value("difference")])


main()
