"""Vectors of texts, asked by the openai Python client.

    ENDCAP_URL=… ENDCAP_TOKEN=… ENDCAP_MODEL=encoder python embeddings.py REFERENCE.json

REFERENCE has texts with their tokens and the vectors that another runtime made of them.
Every function below is one check. All run; the exit code is 1 if one failed.
"""

import base64
import json
import os
import struct
import sys

import openai

import checks

URL, TOKEN, MODEL = (os.environ[name] for name in ("ENDCAP_URL", "ENDCAP_TOKEN", "ENDCAP_MODEL"))
# Single floats in another order of sums.
TOLERANCE = float(os.environ.get("ENDCAP_TOLERANCE", "2e-6"))
REFERENCE = json.load(open(sys.argv[1], encoding="utf-8"))
TEXTS = [entry["text"] for entry in REFERENCE]
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0, timeout=60)


def ask(texts, **fields):
    answer = client.embeddings.create(model=MODEL, input=texts, **fields)
    assert [entry.index for entry in answer.data] == list(range(len(answer.data)))
    return answer


def vectors(texts, **fields):
    return [entry.embedding for entry in ask(texts, **fields).data]


def near(vector, wanted):
    assert len(vector) == len(wanted), (len(vector), len(wanted))
    off = max(abs(a - b) for a, b in zip(vector, wanted))
    assert off <= TOLERANCE, off


def refused(act):
    try:
        act()
    except openai.BadRequestError as fault:
        return fault.body
    raise AssertionError("no refusal")


def vectors_are_those_of_another_runtime():
    # The client asks for base64 unless it is told otherwise, so this is both forms.
    for made in (vectors(TEXTS), vectors(TEXTS, encoding_format="float")):
        assert len(made) == len(REFERENCE)
        for vector, entry in zip(made, REFERENCE):
            near(vector, entry["vector"])


def base64_is_the_bytes_of_the_numbers():
    raw = client.embeddings.with_raw_response.create(model=MODEL, input=TEXTS[0], encoding_format="base64")
    (entry,) = json.loads(raw.text)["data"]
    bytes_ = base64.b64decode(entry["embedding"])
    numbers = vectors(TEXTS[0], encoding_format="float")[0]
    # In JSON stands the shortest number that is this one in 32 bits.
    assert bytes_ == struct.pack(f"<{len(numbers)}f", *numbers)


def a_vector_does_not_depend_on_what_else_is_asked():
    assert vectors(TEXTS) == [vectors(text)[0] for text in TEXTS]


def tokens_are_taken_as_they_are():
    tokens = [entry["tokens"] for entry in REFERENCE]
    assert vectors(tokens) == vectors(TEXTS)
    assert vectors(tokens[0]) == vectors(TEXTS[0])


def usage_counts_tokens():
    usage = ask(TEXTS).usage
    assert usage.prompt_tokens == usage.total_tokens == sum(len(entry["tokens"]) for entry in REFERENCE)


def dimensions_shorten_a_vector():
    (whole,), (short,) = vectors(TEXTS[0]), vectors(TEXTS[0], dimensions=8)
    length = sum(value * value for value in whole[:8]) ** 0.5
    near(short, [value / length for value in whole[:8]])
    assert vectors(TEXTS[0], dimensions=len(whole)) == [whole]
    assert refused(lambda: vectors(TEXTS[0], dimensions=len(whole) + 1))["param"] == "dimensions"
    assert refused(lambda: vectors(TEXTS[0], dimensions=0))["param"] == "dimensions"


def bad_input_is_refused_by_name():
    assert refused(lambda: vectors("a " * 5000))["param"] == "input[0]"
    assert refused(lambda: vectors([[2, 3], [10**6]]))["param"] == "input[1]"
    assert refused(lambda: vectors([[2], []]))["param"] == "input[1]"
    assert refused(lambda: vectors([]))["param"] == "input"
    assert refused(lambda: client.embeddings.create(model="tiny", input="a"))["code"] == "not_a_network"
    assert refused(lambda: client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "a"}]))[
        "code"
    ] == "not_a_language_model"


checks.run(checks.found(globals(), ("ask", "vectors", "near", "refused")))
