"""The openai Python client against a running server.

    ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny ENDCAP_LONG=100000 python check.py

ENDCAP_LONG is how many tokens an answer has that is not over before it is abandoned.

Every function below is one check. All run; the exit code is 1 if one failed.
"""

import os
import re
import time
import urllib.request

import openai
import pydantic

import checks

URL = os.environ["ENDCAP_URL"]
TOKEN = os.environ["ENDCAP_TOKEN"]
MODEL = os.environ["ENDCAP_MODEL"]
LONG = int(os.environ["ENDCAP_LONG"])
# Made for people: a client that retries would hide what the server said.
client = openai.OpenAI(base_url=f"{URL}/v1", api_key=TOKEN, max_retries=0, timeout=60)

MESSAGES = [
    {"role": "system", "content": "You are a helpful assistant of the shop."},
    {"role": "user", "content": "Where can I find the milk?"},
]
# The special tokens of the tiny model: an answer is then as long as it was asked to be.
ENDLESS = {"0": -100, "1": -100, "2": -100}


def ask(**fields):
    fields = {"max_tokens": 24, "temperature": 1.0, "seed": 7, "logit_bias": ENDLESS, **fields}
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, **fields)


def text(answer):
    return answer.choices[0].message.content


def plain_part(text):
    """Four ASCII characters from beyond the middle, wherever tokens begin and end."""
    for at in range(len(text) // 2, len(text) - 4):
        part = text[at : at + 4]
        if part.isascii() and part.isprintable() and text.index(part) > 0:
            return part
    raise AssertionError(f"no plain text in {text!r}")


def refused(kind, act):
    try:
        act()
    except kind as fault:
        return fault
    raise AssertionError(f"no {kind.__name__}")


def models_are_listed():
    assert MODEL in [model.id for model in client.models.list()]
    assert client.models.retrieve(MODEL).id == MODEL
    refused(openai.NotFoundError, lambda: client.models.retrieve("nobody"))


def a_chat_is_answered():
    answer = ask()
    assert answer.object == "chat.completion" and answer.model == MODEL
    assert answer.choices[0].message.role == "assistant" and text(answer)
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + 24


def an_answer_keeps_to_its_schema():
    class Offer(pydantic.BaseModel):
        sku: str = pydantic.Field(pattern="^[A-Z]{2}[0-9]{3}$")
        count: int = pydantic.Field(ge=1, le=9)
        fresh: bool

    free = {"logit_bias": {}, "max_tokens": 400, "temperature": 0.5}
    parsed = client.chat.completions.parse(
        model=MODEL, messages=MESSAGES, response_format=Offer, seed=3, max_tokens=400
    )
    assert isinstance(parsed.choices[0].message.parsed, Offer), parsed
    some = ask(response_format={"type": "regex", "regex": "aisle [0-9]{1,2}"}, **free)
    assert re.fullmatch("aisle [0-9]{1,2}", text(some)) and some.choices[0].finish_reason == "stop"
    streamed = ask(response_format={"type": "json_object"}, stream=True, **free)
    whole = "".join(c.choices[0].delta.content or "" for c in streamed if c.choices)
    assert whole.startswith("{"), whole
    fault = refused(
        openai.BadRequestError,
        lambda: ask(response_format={"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "strin"}}}),
    )
    assert fault.param == "response_format" and fault.code == "unsupported_schema", fault


def a_stream_says_what_the_whole_says():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    streamed = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert streamed == text(ask()), streamed
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    assert not chunks[-1].choices and chunks[-1].usage.completion_tokens == 24
    assert all(c.usage is None for c in chunks[:-1])
    assert len({c.id for c in chunks}) == 1
    assert all(c.usage is None for c in ask(stream=True))


def the_same_seed_says_the_same():
    assert text(ask(seed=1)) == text(ask(seed=1))
    assert len({text(ask(seed=seed)) for seed in range(4)}) > 1
    assert text(ask(temperature=0, seed=1)) == text(ask(temperature=0, seed=2))


def a_stop_text_ends_the_answer():
    whole = text(ask())
    middle = plain_part(whole)
    expected = whole[: whole.index(middle)]
    answer = ask(stop=[middle])
    assert text(answer) == expected and answer.choices[0].finish_reason == "stop", text(answer)
    streamed = "".join(c.choices[0].delta.content or "" for c in ask(stop=middle, stream=True))
    assert streamed == expected, streamed


def n_answers_are_n_choices():
    answer = ask(n=3)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    texts = [choice.message.content for choice in answer.choices]
    assert len(set(texts)) > 1, texts
    assert [choice.message.content for choice in ask(n=3).choices] == texts
    assert answer.usage.completion_tokens == 3 * 24
    streamed = ["", "", ""]
    for chunk in ask(n=3, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert streamed == texts, streamed


def logprobs_are_reported():
    choice = ask(logprobs=True, top_logprobs=3).choices[0]
    tokens = choice.logprobs.content
    assert len(tokens) == 24
    spelt = b"".join(bytes(token.bytes) for token in tokens)
    assert spelt.decode(errors="replace") == choice.message.content
    for token in tokens:
        values = [top.logprob for top in token.top_logprobs]
        assert len(values) == 3 and values == sorted(values, reverse=True)
        assert token.logprob <= values[0] <= 0
    greedy = ask(temperature=0, logprobs=True, top_logprobs=1, logit_bias={}).choices[0]
    for token in greedy.logprobs.content:
        assert token.token == token.top_logprobs[0].token
    assert ask().choices[0].logprobs is None


def completions_continue_a_prompt():
    fields = dict(model=MODEL, prompt="The price of the", max_tokens=12, seed=3, logit_bias=ENDLESS)
    answer = client.completions.create(**fields)
    assert answer.object == "text_completion" and answer.choices[0].finish_reason == "length"
    streamed = client.completions.create(stream=True, **fields)
    assert "".join(c.choices[0].text for c in streamed if c.choices) == answer.choices[0].text


def errors_name_what_is_wrong():
    for field, act in [
        ("temperature", lambda: ask(temperature=-1)),
        ("max_tokens", lambda: ask(max_tokens=0)),
        ("n", lambda: ask(n=100000)),
        ("top_p", lambda: ask(top_p=2)),
        ("colour", lambda: ask(extra_body={"colour": "red"})),
        ("messages", lambda: client.chat.completions.create(model=MODEL, messages=[])),
    ]:
        fault = refused(openai.BadRequestError, act)
        assert (fault.param or "").startswith(field), (field, fault)
        assert fault.type == "invalid_request_error", fault
    fault = refused(
        openai.NotFoundError,
        lambda: client.chat.completions.create(model="nobody", messages=MESSAGES),
    )
    assert fault.code == "model_not_found" and "nobody" in fault.message, fault
    refused(openai.AuthenticationError, client.with_options(api_key="wrong").models.list)


def an_abandoned_stream_stops_the_engine():
    def metric(name):
        page = urllib.request.Request(
            f"{URL}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(page) as answer:
            rows = answer.read().decode().splitlines()
        rows = [row.rsplit(" ", 1) for row in rows if not row.startswith("#")]
        return sum(float(value) for series, value in rows if series.split("{")[0] == name)

    before = metric("endcap_answers_cancelled_total")
    stream = ask(stream=True, max_tokens=LONG, n=8)
    for _, _chunk in zip(range(3), stream):
        pass
    stream.close()
    end = time.monotonic() + 60
    while metric("endcap_answers_cancelled_total") <= before or metric("endcap_queue_running"):
        assert time.monotonic() < end, "the engine goes on"
        time.sleep(0.02)


checks.run(checks.found(globals(), ("ask", "text", "plain_part", "refused")))
