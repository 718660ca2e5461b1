"""The openai Python client and the cache of answers of a running server.

    ENDCAP_URL=http://127.0.0.1:8080 ENDCAP_TOKEN=… ENDCAP_MODEL=tiny python check_cache.py
"""

import os

import openai

import checks

client = openai.OpenAI(
    base_url=f"{os.environ['ENDCAP_URL']}/v1",
    api_key=os.environ["ENDCAP_TOKEN"],
    max_retries=0,
    timeout=60,
)


def ask(question, **fields):
    return client.chat.completions.with_raw_response.create(
        model=os.environ["ENDCAP_MODEL"],
        messages=[{"role": "user", "content": question}],
        max_tokens=200,
        temperature=0,
        **fields,
    )


def streamed(answer):
    parts = [chunk for chunk in answer.parse()]
    choices = [choice for part in parts for choice in part.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    return text, [choice.finish_reason for choice in choices if choice.finish_reason], parts[-1].usage


def check_a_stream_is_replayed_as_a_stream_and_as_a_whole():
    wanted = {"stream": True, "stream_options": {"include_usage": True}}
    first = ask("bread", **wanted)
    assert "fwd=uri-miss" in first.headers["cache-status"], first.headers
    text, finish, usage = streamed(first)
    assert text and finish == ["stop"] and usage.completion_tokens > 0
    again = ask("bread", **wanted)
    assert again.headers["cache-status"].startswith("endcap; hit"), again.headers
    assert int(again.headers["age"]) >= 0
    kept, ended, used = streamed(again)
    assert (kept, ended) == (text, finish)
    assert used.prompt_tokens_details.cached_tokens == used.prompt_tokens
    whole = ask("bread").parse()
    assert whole.choices[0].message.content == text
    assert whole.usage.completion_tokens == usage.completion_tokens


def check_a_client_can_insist_on_a_fresh_answer():
    ask("Hello")
    fresh = ask("Hello", extra_headers={"cache-control": "no-cache"})
    assert "fwd=request" in fresh.headers["cache-status"], fresh.headers


if __name__ == "__main__":
    checks.run(checks.found(globals(), {"ask", "streamed"}))
