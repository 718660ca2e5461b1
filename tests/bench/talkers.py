"""How long shoppers wait for the first words where many talk at once.

    endcap demo                                     # in another terminal; or any server with the sample shop
    ENDCAP_URL=… ENDCAP_TOKEN=… python tests/bench/talkers.py [--talkers 50] [--turns 6] [--open 0.1] [--pause 0]

Each talker has a conversation of its own and says the next thing when it has heard all of the last answer, and
waited `--pause` seconds. What is said is from `shop_questions.py`; a share `--open` of it is questions that no fact
answers. Times are from the request to the first `delta` and to the whole `turn`, by the step that spoke.
"""

import argparse
import collections
import http.client
import json
import os
import random
import threading
import time
import urllib.parse

from shop_questions import Shop, made

URL = urllib.parse.urlparse(os.environ.get("ENDCAP_URL", "http://127.0.0.1:8080"))
HEADERS = {"authorization": f"Bearer {os.environ['ENDCAP_TOKEN']}", "content-type": "application/json"}
OPEN = [
    "What could I cook for dinner with it tonight?",
    "Which of these would children like best?",
    "I need an idea for a picnic in the park",
    "What makes a good breakfast for somebody who runs a lot?",
    "Which snack would you take on a long train journey?",
]
SMALL = ["Hello", "thanks!", "who are you?", "what can you do?"]


def connect():
    return http.client.HTTPConnection(URL.hostname, URL.port, timeout=300)


def ask(connection, method, path, body=None):
    connection.request(method, f"/store/v1/{path}", None if body is None else json.dumps(body), HEADERS)
    return json.loads(connection.getresponse().read())


def say(connection, conversation, text):
    """Milliseconds to the first words and to the whole turn, with the turn."""
    start, first, name, turn = time.perf_counter(), None, None, {}
    body = json.dumps({"text": text, "stream": True})
    connection.request("POST", f"/store/v1/conversations/{conversation}/messages", body, HEADERS)
    for line in connection.getresponse():
        line = line.decode().strip()
        if line.startswith("event: "):
            name = line[7:]
            if name == "delta" and first is None:
                first = time.perf_counter() - start
        elif line.startswith("data: ") and name in ("turn", "error"):
            turn = json.loads(line[6:])
    whole = time.perf_counter() - start
    return 1000 * (first if first is not None else whole), 1000 * whole, turn


def spoke(turn):
    steps = [step["step"] for step in turn.get("route", []) if step["outcome"] in ("answered", "partly", "refused")]
    return steps[-1] if steps else "none"


def talker(number, arguments, questions, told):
    draw = random.Random(number)
    connection = connect()
    conversation = ask(connection, "POST", "conversations", {})["id"]
    for _ in range(arguments.turns):
        chance = draw.random()
        text = draw.choice(OPEN) if chance < arguments.open else draw.choice(SMALL) if chance < arguments.open + 0.1 \
            else draw.choice(questions)["say"][0]
        first, whole, turn = say(connection, conversation, text)
        told.append((spoke(turn), first, whole, "error" in turn))
        time.sleep(draw.random() * 2 * arguments.pause)
    ask(connection, "DELETE", f"conversations/{conversation}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--talkers", type=int, default=50)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--open", type=float, default=0.1)
    parser.add_argument("--pause", type=float, default=0)
    arguments = parser.parse_args()
    questions, told = made(Shop()), []
    threads = [threading.Thread(target=talker, args=(n, arguments, questions, told)) for n in range(arguments.talkers)]
    start = time.perf_counter()
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    took = time.perf_counter() - start
    print(f"{arguments.talkers} talkers, {len(told)} turns in {took:.1f} s: {len(told) / took:.1f} turns/s, "
          f"{sum(failed for *_, failed in told)} failed")
    steps = collections.defaultdict(list)
    for step, first, whole, _ in told:
        steps[step].append((first, whole))
    at = lambda values, share: sorted(values)[min(len(values) - 1, int(len(values) * share))]
    print(f"{'step':14} turns  first words p50 p95 ms   whole p50 p95 ms")
    for step, times in sorted(steps.items()):
        firsts, wholes = zip(*times)
        print(f"{step:14} {len(times):5} {at(firsts, .5):13.0f} {at(firsts, .95):8.0f} {at(wholes, .5):11.0f} {at(wholes, .95):6.0f}")


if __name__ == "__main__":
    main()
