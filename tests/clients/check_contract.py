"""Requests made from a description, by the hundred: no answer may be a fault of the server or
another than described.

    ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny ENDCAP_EXAMPLES=10 \\
        python check_contract.py

Three descriptions: the server's own of /v2 and of the shop's facts, and the protocol's as Seldon
publishes it with its server (the `mlserver` package, Apache-2.0; only the document is read). ENDCAP_EXAMPLES is how many requests of
each kind are made; ENDCAP_SEED chooses them. The server has what `check_inference.py` asks for.
"""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.request

URL = os.environ["ENDCAP_URL"]
TOKEN = os.environ["ENDCAP_TOKEN"]
EXAMPLES = os.environ["ENDCAP_EXAMPLES"]
SEED = os.environ.get("ENDCAP_SEED", "7")
HERE = pathlib.Path(__file__).parent
MODEL = os.environ["ENDCAP_MODEL"]
MODELS = ["fp32", "add_sub", "int8", "bytes"]
CHECKS = [
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
]


def described():
    """What the server says of itself."""
    with urllib.request.urlopen(f"{URL}/openapi.json") as answer:
        return json.load(answer)


def own():
    """The server's own description of the protocol's paths."""
    document = described()
    kept = {path: item for path, item in document["paths"].items() if path.startswith("/v2")}
    assert len(kept) >= 8, list(kept)
    for path in kept.values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    there = ["7", "8"] if parameter["name"] == "version" else [*MODELS, MODEL]
                    parameter["schema"] = {"enum": there}
    return {**document, "paths": kept}


def facts():
    """The server's own description of the shop's facts, but for those that are no plain JSON."""
    document = described()
    streams = ("/changes", "/batch")
    kept = {
        path: item
        for path, item in document["paths"].items()
        if path.startswith("/store/v1/facts") and not path.endswith(streams)
    }
    assert sum(len(item) for item in kept.values()) == 6, list(kept)
    there = {"table": ["products", "prices", "stock", "nothing"], "id": ["0041", "0042", "a b"]}
    for path in kept.values():
        for operation in path.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    parameter["schema"] = {"enum": there[parameter["name"]]}
    return {**document, "paths": kept}


def public():
    """The protocol's description, without paths that are Seldon's own."""
    package = importlib.util.find_spec("mlserver").submodule_search_locations[0]
    document = json.loads(pathlib.Path(package, "rest/openapi/dataplane.json").read_text())
    # It says `bytes` where OpenAPI has no such type.
    document["components"]["schemas"]["TensorData"] = {"type": "array", "items": {}}
    foreign = ("infer_stream", "generate", "generate_stream")
    paths = document["paths"].items()
    document["paths"] = {path: item for path, item in paths if not path.endswith(foreign)}
    assert len(document["paths"]) == 9, list(document["paths"])
    # It has no word for models that are not there.
    for path in document["paths"].values():
        for parameter in path.get("parameters", []):
            there = ["7"] if parameter["name"] == "model_version" else MODELS
            parameter["schema"] = {"enum": there}
    return document


def conforms(name, document, mode):
    """Whether every answer is one that the document has."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "openapi.json")
        path.write_text(json.dumps(document))
        command = [
            *[sys.executable, "-m", "schemathesis.cli", "run", str(path), "--url", URL],
            *["--header", f"Authorization: Bearer {TOKEN}", "--checks", ",".join(CHECKS)],
            *["--mode", mode, "--max-examples", EXAMPLES, "--seed", SEED, "--warnings", "off"],
            *["--phases", "examples,coverage,fuzzing", "--continue-on-failure"],
        ]
        hooks = {"SCHEMATHESIS_HOOKS": "contract_hooks", "PYTHONPATH": str(HERE)}
        environment = {**os.environ, **hooks}
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    print(f"{'ok     ' if ran.returncode == 0 else 'FAILED '} {name}")
    if ran.returncode != 0:
        print(ran.stdout[-20000:], ran.stderr[-5000:])
    return ran.returncode == 0


def main():
    results = [
        conforms("its own description", own(), "all"),
        conforms("its own description of facts", facts(), "all"),
        # It has no word for content that is none of its own.
        conforms("the protocol's description", public(), "positive"),
    ]
    sys.exit(0 if all(results) else 1)


main()
