"""Writes the node tests of the ONNX project, as the installed `onnx` package has them.

usage: onnx_cases.py FOLDER

Each case gets a folder with its model.onnx; cases.json tells of all of them what goes in and what is
to come out, elements little-endian in base64.
"""

import base64
import json
import os
import sys
import warnings

import numpy
from onnx import TensorProto, numpy_helper
from onnx.backend.test.loader import load_node_model_tests

# Open Inference Protocol's names of the element types it has.
TYPES = {
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
    TensorProto.UINT16: "UINT16",
    TensorProto.UINT32: "UINT32",
    TensorProto.UINT64: "UINT64",
    TensorProto.INT8: "INT8",
    TensorProto.INT16: "INT16",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.FLOAT16: "FP16",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.FLOAT: "FP32",
    TensorProto.DOUBLE: "FP64",
    TensorProto.STRING: "BYTES",
}


def array(value, port):
    """One tensor as JSON; its element type is null where the protocol has none for it."""
    if isinstance(value, TensorProto):
        value = numpy_helper.to_array(value)
    if not port.type.HasField("tensor_type") or isinstance(value, (list, dict)) or value is None:
        return {"name": port.name, "type": None, "shape": [], "data": ""}
    element = TYPES.get(port.type.tensor_type.elem_type)
    value = numpy.asarray(value)
    if element == "BYTES":
        texts = [v if isinstance(v, bytes) else str(v).encode() for v in value.ravel().tolist()]
        data = [base64.b64encode(text).decode() for text in texts]
    else:
        data = base64.b64encode(numpy.ascontiguousarray(value).tobytes()).decode()
    return {"name": port.name, "type": element, "shape": list(value.shape), "data": data}


def operator(case, cases):
    """What the case is about: its one node, or that of the case whose function body it is."""
    nodes = case.model.graph.node
    whole = case.name.split("_expanded")[0]
    if whole != case.name and whole in cases:
        nodes = cases[whole].model.graph.node
    names = [node.op_type for node in nodes if node.op_type not in ("Constant", "Identity")]
    return names[0] if names else nodes[0].op_type


def main(folder):
    warnings.simplefilter("ignore")
    numpy.seterr(all="ignore")
    cases = {case.name: case for case in load_node_model_tests()}
    told = []
    for case in cases.values():
        place = os.path.join(folder, case.name)
        os.makedirs(place)
        with open(os.path.join(place, "model.onnx"), "wb") as file:
            file.write(case.model.SerializeToString())
        graph = case.model.graph
        sets = [
            {
                "inputs": [array(v, p) for v, p in zip(inputs, graph.input)],
                "outputs": [array(v, p) for v, p in zip(outputs, graph.output)],
            }
            for inputs, outputs in case.data_sets
        ]
        told.append(
            {
                "name": case.name,
                "operator": operator(case, cases),
                "expanded": "_expanded" in case.name,
                "rtol": case.rtol,
                "atol": case.atol,
                "sets": sets,
            }
        )
    with open(os.path.join(folder, "cases.json"), "w") as file:
        json.dump(told, file)


main(sys.argv[1])
