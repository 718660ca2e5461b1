"""For schemathesis: some bodies as the model `fp32` takes them, else none would be computed.

The others stay as they were generated.
"""

import schemathesis

TAKEN = {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [[0.5, -1]]}


@schemathesis.hook
def map_body(context, body):
    """Chooses by what was generated, so that a case comes again."""
    choice = sum(repr(body).encode()) % 4
    graphs = context.operation is None or context.operation.path.startswith("/v2")
    if graphs and isinstance(body, dict) and choice < 2:
        body["inputs"] = [dict(TAKEN)]
        if choice == 0:
            body.pop("outputs", None)
            body.pop("parameters", None)
    return body
