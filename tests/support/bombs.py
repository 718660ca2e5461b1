"""Graphs made to do harm, and some that are harmless, each written into a folder of its own.

bombs.py FOLDER
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def port(name, shape, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def stored(name, values, kind=np.int64):
    return numpy_helper.from_array(np.array(values, kind), name)


def graph(nodes, inputs=(("x", ["n"]),), outputs=(("y", None),), tensors=(), kinds=None):
    ports = lambda pairs: [port(name, shape, (kinds or {}).get(name, FLOAT)) for name, shape in pairs]
    return helper.make_graph(nodes, "bomb", ports(inputs), ports(outputs), list(tensors))


def node(operator, inputs, outputs=("y",), **attributes):
    return helper.make_node(operator, list(inputs), list(outputs), name=f"the {operator}", **attributes)


def harmless():
    return graph([node("Relu", ["x"])])


def a_constant_of_a_terabyte():
    return graph([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"])], tensors=[stored("s", [1 << 20, 1 << 18])])


def a_constant_of_half_the_memory():
    return graph([node("ConstantOfShape", ["s"], ["c"]), node("Add", ["x", "c"])], tensors=[stored("s", [1 << 31])])


def an_expansion():
    return graph([node("Expand", ["x", "s"])], inputs=[("x", [1])], tensors=[stored("s", [1 << 20, 1 << 20])])


def a_tiling():
    return graph([node("Tile", ["x", "s"])], inputs=[("x", [1 << 10])], tensors=[stored("s", [1 << 30])])


def an_endless_range():
    tensors = [stored("from", 0), stored("to", 1 << 40), stored("step", 1)]
    return graph([node("Range", ["from", "to", "step"])], tensors=tensors, kinds={"y": INT64})


def a_padding():
    return graph([node("Pad", ["x", "p"])], tensors=[stored("p", [0, 1 << 40])])


def an_identity_matrix():
    return graph([node("EyeLike", ["x"])], inputs=[("x", [1 << 20, 1 << 20])])


def one_of_many_classes():
    tensors = [stored("depth", 1 << 40), stored("values", [0, 1], np.float32)]
    return graph([node("OneHot", ["x", "depth", "values"])], tensors=tensors, kinds={"x": INT64})


def random_numbers():
    return graph([node("RandomNormal", [], shape=[1 << 20, 1 << 20])], inputs=[])


def a_magnifier():
    tensors = [stored("scales", [1, 1, 1e6, 1e6], np.float32)]
    return graph([node("Resize", ["x", "", "scales"])], inputs=[("x", [1, 1, 64, 64])], tensors=tensors)


def an_outer_product():
    return graph([node("Einsum", ["x", "x", "x", "x"], equation="i,j,k,l->ijkl")], inputs=[("x", [4096])])


def doublings():
    names = ["x"] + [f"t{at}" for at in range(60)] + ["y"]
    return graph([node("Concat", [a, a], [b], axis=0) for a, b in zip(names, names[1:])], inputs=[("x", [1024])])


def doublings_of_a_constant():
    names = ["c"] + [f"t{at}" for at in range(60)]
    nodes = [node("Concat", [a, a], [b], axis=0) for a, b in zip(names, names[1:])]
    return graph([*nodes, node("Add", ["x", names[-1]])], tensors=[stored("c", [1.0] * 1024, np.float32)])


def a_window_of_padding():
    tensors = [stored("w", np.ones((1, 1, 1, 1)), np.float32)]
    pads = [1 << 20] * 4
    return graph([node("Conv", ["x", "w"], pads=pads)], inputs=[("x", [1, 1, 8, 8])], tensors=tensors)


def weights_that_are_not_there():
    weights = TensorProto(name="w", data_type=FLOAT, dims=[1 << 20, 1 << 20])
    return graph([node("MatMul", ["x", "w"])], inputs=[("x", ["n", 1 << 20])], tensors=[weights])


def lengths_that_overflow():
    weights = TensorProto(name="w", data_type=FLOAT, dims=[1 << 62, 4])
    return graph([node("MatMul", ["x", "w"])], inputs=[("x", ["n", 4])], tensors=[weights])


def a_negative_length():
    weights = TensorProto(name="w", data_type=FLOAT, dims=[-3, 4], raw_data=bytes(16))
    return graph([node("MatMul", ["x", "w"])], inputs=[("x", ["n", 3])], tensors=[weights])


def a_long_chain():
    names = ["x"] + [f"t{at}" for at in range(200_000)] + ["y"]
    return graph([helper.make_node("Relu", [a], [b]) for a, b in zip(names, names[1:])])


def harmless_chain_within_the_limit():
    names = ["x"] + [f"t{at}" for at in range(5_000)] + ["y"]
    return graph([helper.make_node("Relu", [a], [b]) for a, b in zip(names, names[1:])])


def many_ranges():
    tensors = [stored("from", 0), stored("to", 1 << 22), stored("step", 1)]
    sums, last = [], "x"
    for at in range(400):
        tensors.append(stored(f"from{at}", at))
        sums += [node("Range", [f"from{at}", "to", "step"], [f"c{at}"]), node("ReduceSum", [f"c{at}"], [f"s{at}"])]
        sums += [node("Add", [last, f"s{at}"], [f"a{at}"])]
        last = f"a{at}"
    ports = {"x": INT64, "y": INT64}
    return graph([*sums, node("Identity", [last])], tensors=tensors, kinds=ports)


def body(nodes):
    return helper.make_graph(nodes, "body", [], [port("y", None)])


def choice(one, other):
    return body([node("If", ["c"], then_branch=body(one), else_branch=body(other))])


def deep_nests():
    inner = [node("Identity", ["x"])]
    for _ in range(24):
        inner = list(choice(inner, [node("Identity", ["x"])]).node)
    return graph(inner, inputs=[("x", ["n"]), ("c", [])], kinds={"c": TensorProto.BOOL})


def nests_that_double():
    inner = [node("Identity", ["x"])]
    for _ in range(15):
        inner = list(choice(inner, inner).node)
    return graph(inner, inputs=[("x", ["n"]), ("c", [])], kinds={"c": TensorProto.BOOL})


def a_circle():
    return graph([node("Relu", ["b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"])])


def outside(location):
    weights = TensorProto(name="w", data_type=FLOAT, dims=[4, 4], data_location=TensorProto.EXTERNAL)
    weights.external_data.add(key="location", value=location)
    return graph([node("MatMul", ["x", "w"])], inputs=[("x", ["n", 4])], tensors=[weights])


def data_above_the_folder():
    return outside("../../../../etc/passwd")


def data_by_a_whole_path():
    return outside("/etc/passwd")


def data_of_a_device():
    return outside("/dev/zero")


def data_beyond_the_files_end():
    made = outside("model.onnx")
    made.initializer[0].external_data.add(key="offset", value=str(1 << 60))
    made.initializer[0].external_data.add(key="length", value=str(1 << 60))
    return made


BOMBS = [made for made in list(globals().values()) if callable(made) and made.__module__ == __name__]
BOMBS = [made for made in BOMBS if made not in (port, stored, graph, node, outside, body, choice)]


def write(folder):
    for made in BOMBS:
        model = helper.make_model(made(), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        place = Path(folder) / made.__name__
        place.mkdir()
        (place / "model.onnx").write_bytes(model.SerializeToString())


if __name__ == "__main__":
    write(sys.argv[1])
