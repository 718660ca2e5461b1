"""Triton's Python client, unchanged, against a running server.

    ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny python check_inference.py

The server has the graphs of models/tiny/identity.py under their names, in version 7, and a language
model of the name ENDCAP_MODEL.

Every function below is one check. All run; the exit code is 1 if one failed.
"""

import json
import os
import urllib.request

import ml_dtypes
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

import checks

URL = os.environ["ENDCAP_URL"]
TOKEN = {"Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}"}
MODEL = os.environ["ENDCAP_MODEL"]
client = triton.InferenceServerClient(URL.removeprefix("http://"), concurrency=4)
generator = np.random.default_rng(7)

EDGES = {
    "bool": np.array([[True, False]]),
    "fp16": np.array([[-65504, 6e-8], [0.1, -0.0]], np.float16),
    "fp32": np.array([[-3.4028235e38, 1e-45], [0.1, -0.0]], np.float32),
    "fp64": np.array([[-1.7976931348623157e308, 5e-324], [0.1, -0.0]], np.float64),
    "bytes": np.array([[b"", "Käse 🧀".encode()], [b"\0", b'"\\\n']], np.object_),
}
for width in (8, 16, 32, 64):
    for name in (f"int{width}", f"uint{width}"):
        limits = np.iinfo(name)
        EDGES[name] = np.array([[limits.min, limits.max], [0, 1]], name)
# As many as take some time to write and to read.
MANY = {
    **{name: generator.integers(0, 100, (500, 2)).astype(name) for name in EDGES if "int" in name},
    "bool": generator.random((500, 2)) > 0.5,
    "fp16": generator.normal(size=(500, 2)).astype(np.float16),
    "fp32": generator.normal(size=(500, 2)).astype(np.float32),
    "fp64": generator.normal(size=(500, 2)),
    "bytes": np.array([[b"x" * i, b"y"] for i in range(500)], np.object_),
}


def given(name, array, binary=True):
    value = triton.InferInput(name, list(array.shape), np_to_triton_dtype(array.dtype))
    return value.set_data_from_numpy(array, binary_data=binary)


def wanted(name, **fields):
    return triton.InferRequestedOutput(name, **fields)


def infer(model, inputs, outputs=None, **fields):
    return client.infer(model, inputs, outputs=outputs, headers=dict(TOKEN), **fields)


def terms(binary=True):
    a = np.array([[1, 2, 3, 4.5]], np.float32)
    b = np.array([[4, 0.5, -3, 1.5]], np.float32)
    return a, b, [given("a", a, binary), given("b", b, binary)]


def same(model, array, binary_in, binary_out):
    answer = infer(
        model, [given("x", array, binary_in)], [wanted("y", binary_data=binary_out)]
    ).as_numpy("y")
    if array.dtype == np.object_ and not binary_out:
        answer = np.vectorize(lambda text: text.encode(), otypes=[np.object_])(answer)
    assert answer.dtype == array.dtype and answer.shape == array.shape, answer
    # Signs of zeros are part of it.
    equal = answer.tobytes() == array.tobytes()
    assert np.array_equal(answer, array) if array.dtype == np.object_ else equal, (array, answer)


def every_type_comes_back_bit_for_bit_in_every_form():
    for arrays in (EDGES, MANY):
        for model, array in arrays.items():
            for binary_in in (True, False):
                for binary_out in (True, False):
                    same(model, array, binary_in, binary_out)
    for model, array in EDGES.items():
        none = array[:0]
        same(model, none, True, True)


def binary_outputs_need_not_be_named():
    a, b, inputs = terms()
    answer = infer("add_sub", inputs)
    np.testing.assert_array_equal(answer.as_numpy("sum"), a + b)
    np.testing.assert_array_equal(answer.as_numpy("difference"), a - b)
    parameters = answer.get_output("sum")["parameters"]
    assert parameters == {"binary_data_size": 16}, parameters


def forms_may_be_mixed_in_one_request():
    a, b, _ = terms()
    inputs = [given("b", b, binary=False), given("a", a)]
    outputs = [wanted("difference", binary_data=True), wanted("sum", binary_data=False)]
    answer = infer("add_sub", inputs, outputs, request_id="kiosk-7")
    np.testing.assert_array_equal(answer.as_numpy("sum"), a + b)
    np.testing.assert_array_equal(answer.as_numpy("difference"), a - b)
    response = answer.get_response()
    assert response["id"] == "kiosk-7" and response["model_version"] == "7", response
    assert [output["name"] for output in response["outputs"]] == ["difference", "sum"]


def what_json_cannot_say_leaves_as_binary_data():
    odd = np.array([[np.nan, np.inf]], np.float32)
    answer = infer("fp32", [given("x", odd)]).as_numpy("y")
    np.testing.assert_array_equal(answer, odd)
    fault = refused(lambda: infer("fp32", [given("x", odd)], [wanted("y", binary_data=False)]))
    assert "`y`" in fault.message() and "ask for its binary_data" in fault.message(), fault


def the_highest_classes_are_told():
    _, _, inputs = terms()
    for binary in (True, False):
        outputs = [wanted("sum", binary_data=binary, class_count=2)]
        classes = infer("add_sub", inputs, outputs).as_numpy("sum")
        classes = [text if isinstance(text, str) else text.decode() for text in classes.flat]
        assert classes == ["6:3", "5:0"], classes


def compressed_requests_are_taken():
    a, b, _ = terms()
    for algorithm in ("gzip", "deflate"):
        for binary in (True, False):
            _, _, inputs = terms(binary)
            answer = infer(
                "add_sub",
                inputs,
                request_compression_algorithm=algorithm,
                response_compression_algorithm=algorithm,
            )
            np.testing.assert_array_equal(answer.as_numpy("sum"), a + b)


def many_are_answered_at_once():
    a, b, inputs = terms()
    asked = [client.async_infer("add_sub", inputs, headers=dict(TOKEN)) for _ in range(32)]
    for one in asked:
        np.testing.assert_array_equal(one.get_result().as_numpy("sum"), a + b)


def the_server_describes_itself_and_its_models():
    assert client.is_server_live() and client.is_server_ready()
    assert client.get_server_metadata()["name"] == "endcap"
    assert client.is_model_ready("add_sub", headers=dict(TOKEN))
    assert client.is_model_ready("add_sub", "7", headers=dict(TOKEN))
    assert not client.is_model_ready("add_sub", "8", headers=dict(TOKEN))
    assert not client.is_model_ready("nobody", headers=dict(TOKEN))
    for model, array in EDGES.items():
        told = client.get_model_metadata(model, headers=dict(TOKEN))
        assert told["versions"] == ["7"], told
        for port, name in (told["inputs"][0], "x"), (told["outputs"][0], "y"):
            expected = {"name": name, "datatype": np_to_triton_dtype(array.dtype), "shape": [-1, 2]}
            assert port == expected, port


def what_was_computed_is_counted():
    told = client.get_inference_statistics("add_sub", "7", headers=dict(TOKEN))["model_stats"]
    assert [stat["name"] for stat in told] == ["add_sub"] and told[0]["inference_count"] > 0, told
    everything = client.get_inference_statistics(headers=dict(TOKEN))["model_stats"]
    assert {"add_sub", *EDGES} <= {stat["name"] for stat in everything}, everything


def a_time_limit_is_honoured():
    _, _, inputs = terms()
    infer("add_sub", inputs, timeout=30_000_000)
    fault = refused(lambda: infer("add_sub", inputs, timeout=1))
    assert fault.status() == "504", fault


def logits(tokens):
    ids = given("input_ids", np.array([tokens], np.int64))
    return infer(MODEL, [ids], [wanted("logits")]).as_numpy("logits")


def a_language_model_gives_logits():
    ports = client.get_model_metadata(MODEL, headers=dict(TOKEN))
    assert [port["name"] for port in ports["inputs"]] == ["input_ids"], ports
    vocabulary = ports["outputs"][0]["shape"][-1]
    tokens = [7, 300, 41, 5, 99]
    whole = logits(tokens)
    assert whole.shape == (1, len(tokens), vocabulary) and whole.dtype == np.float32
    # What comes later changes nothing before it.
    assert np.array_equal(logits(tokens[:3]), whole[:, :3])
    # What the model would say next is what it says.
    ask = {"model": MODEL, "prompt": tokens, "max_tokens": 1, "temperature": 0, "logprobs": 1}
    request = urllib.request.Request(
        f"{URL}/v1/completions",
        json.dumps(ask).encode(),
        {**TOKEN, "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        (told,) = json.load(answer)["choices"][0]["logprobs"]["token_logprobs"]
    last = whole[0, -1].astype(np.float64)
    best = last.max() - np.log(np.exp(last - last.max()).sum()) - last.max()
    assert abs(told - best) < 1e-4, (told, best)


def errors_name_what_is_wrong():
    a, b, inputs = terms()
    half = np.array([[1, 2, 3, 4]], np.float16)
    brain = np.array([[1, 2, 3, 4]], ml_dtypes.bfloat16)
    shared = triton.InferInput("a", [1, 4], "FP32").set_shared_memory("region", 16)
    for status, says, act in [
        ("404", "`nobody` is not served here", lambda: infer("nobody", inputs)),
        ("404", "in version `7`, not `9`", lambda: infer("add_sub", inputs, model_version="9")),
        ("400", "there is no input a; the inputs are input_ids", lambda: infer(MODEL, inputs)),
        ("400", "is no token", lambda: logits([-1])),
        ("400", "outside the vocabulary", lambda: logits([1 << 20])),
        ("400", "input b is missing", lambda: infer("add_sub", inputs[:1])),
        ("400", "input a is given twice", lambda: infer("add_sub", [inputs[0], inputs[0]])),
        ("400", "there is no input c", lambda: infer("add_sub", [given("c", a), *inputs])),
        ("400", "input a is FP16", lambda: infer("add_sub", [given("a", half), inputs[1]])),
        ("400", "input a is BF16", lambda: infer("add_sub", [given("a", brain), inputs[1]])),
        ("400", "input a has shape", lambda: infer("add_sub", [given("a", a[0]), inputs[1]])),
        ("400", "there is no output p", lambda: infer("add_sub", inputs, [wanted("product")])),
        ("400", "shared_memory_region", lambda: infer("add_sub", [shared, inputs[1]])),
        ("400", "parameters.priority", lambda: infer("add_sub", inputs, priority=1)),
        ("400", "parameters.sequence_id", lambda: infer("add_sub", inputs, sequence_id=5)),
        ("400", "parameters.mood", lambda: infer("add_sub", inputs, parameters={"mood": "good"})),
        ("401", "Bearer", lambda: client.infer("add_sub", inputs)),
        ("404", "/v2/models/add_sub/config", lambda: client.get_model_config("add_sub")),
    ]:
        fault = refused(act)
        assert fault.status() == status and says in fault.message(), (says, fault)


def refused(act):
    try:
        act()
    except InferenceServerException as fault:
        return fault
    raise AssertionError("it was not refused")


CHECKS = [
    a_language_model_gives_logits,
    every_type_comes_back_bit_for_bit_in_every_form,
    binary_outputs_need_not_be_named,
    forms_may_be_mixed_in_one_request,
    what_json_cannot_say_leaves_as_binary_data,
    the_highest_classes_are_told,
    compressed_requests_are_taken,
    many_are_answered_at_once,
    the_server_describes_itself_and_its_models,
    what_was_computed_is_counted,
    a_time_limit_is_honoured,
    errors_name_what_is_wrong,
]


checks.run(CHECKS)
