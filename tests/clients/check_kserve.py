"""KServe's Python client, unchanged, against a running server.

    ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny python check_kserve.py

The server has what `check_inference.py` asks for. Every function below is one check. All run; the
exit code is 1 if one failed.
"""

import asyncio
import os
import sys
import traceback

import httpx
import numpy as np
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig

URL = os.environ["ENDCAP_URL"]
TOKEN = {"Authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}"}
A = np.array([[1, 2, 3, 4.5]], np.float32)
B = np.array([[4, 0.5, -3, 1.5]], np.float32)


def request(binary, **parameters):
    inputs = []
    for name, array in (("a", A), ("b", B)):
        value = InferInput(name, list(array.shape), "FP32")
        value.set_data_from_numpy(array, binary_data=binary)
        inputs.append(value)
    return InferRequest("add_sub", inputs, request_id="kiosk-7", parameters=parameters)


async def infer(client, asked, model="add_sub", token=TOKEN):
    return await client.infer(URL, asked, model_name=model, headers=dict(token))


async def refused(client, status, says, **fields):
    try:
        await infer(client, request(False), **fields)
    except httpx.HTTPStatusError as fault:
        assert fault.response.status_code == status and says in str(fault), fault
        return
    raise AssertionError(f"{says}: it was not refused")


async def the_server_and_its_models_are_ready(client):
    assert await client.is_server_live(URL)
    assert await client.is_server_ready(URL)
    assert await client.is_model_ready(URL, "add_sub", headers=dict(TOKEN))


async def arrays_are_computed_in_every_form(client):
    for binary_in in (False, True):
        for binary_out in (False, True):
            asked = request(binary_in, binary_data_output=binary_out)
            answer = await infer(client, asked)
            assert answer.id == "kiosk-7" and answer.model_name == "add_sub", answer
            outputs = {output.name: output.as_numpy() for output in answer.outputs}
            np.testing.assert_array_equal(outputs["sum"], A + B)
            np.testing.assert_array_equal(outputs["difference"], A - B)


async def errors_name_what_is_wrong(client):
    await refused(client, 404, "`nobody` is not served here", model="nobody")
    await refused(client, 400, "the path asks for `int8`", model="int8")
    await refused(client, 401, "Bearer", token={})


CHECKS = [
    the_server_and_its_models_are_ready,
    arrays_are_computed_in_every_form,
    errors_name_what_is_wrong,
]


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=60))
    failed = 0
    for check in CHECKS:
        try:
            await check(client)
            print(f"ok      {check.__name__}")
        except Exception:
            failed += 1
            print(f"FAILED  {check.__name__}")
            traceback.print_exc()
    sys.exit(1 if failed else 0)


asyncio.run(main())
