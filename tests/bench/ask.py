"""How many questions about the sample shop are answered right, and by which step.

    endcap demo                                     # in another terminal; or any server with the sample shop
    ENDCAP_URL=… ENDCAP_TOKEN=… python tests/bench/ask.py [MODEL …]

A question of `questions.json` is answered right where the answer matches its pattern. Those without one
have no answer in the facts: they go to the model, and what it says is printed, to be judged by people.
"""

import json
import os
import pathlib
import re
import sys
import time
import urllib.request

URL = os.environ.get("ENDCAP_URL", "http://127.0.0.1:8080")
TOKEN = os.environ["ENDCAP_TOKEN"]
QUESTIONS = json.loads((pathlib.Path(__file__).parent / "questions.json").read_text())


def ask(question, model):
    body = {"question": question} | ({"model": model} if model else {})
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json", "cache-control": "no-cache"}
    request = urllib.request.Request(f"{URL}/store/v1/ask", json.dumps(body).encode(), headers)
    start = time.perf_counter()
    with urllib.request.urlopen(request) as answer:
        return json.load(answer), (time.perf_counter() - start) * 1000


for model in sys.argv[1:] or [None]:
    steps, wrong, times = {}, [], {}
    print(f"== {model or 'the usual model'}")
    for case in QUESTIONS:
        answer, ms = ask(case["q"], model)
        text, origin = answer["answer"].replace("\u00a0", " "), answer["provenance"]
        step = origin["step"]
        right = case["right"] and bool(re.search(case["right"], text))
        told = steps.setdefault(step, [0, 0, 0])
        told[0] += 1
        told[1] += bool(right)
        told[2] += case["right"] is None
        times.setdefault(step, []).append(ms)
        if case["right"] is None:
            print(f"   {step:8} {','.join(origin['refused']) or '-':20} {case['q']}\n            {text}")
        elif not right:
            wrong.append((step, case["q"], text))
    for step, (asked, right, open_) in steps.items():
        median = sorted(times[step])[len(times[step]) // 2]
        print(f"{step:9} {asked:3} asked, {right:3} right of {asked - open_} with an answer in the facts, median {median:.1f} ms")
    for step, question, text in wrong:
        print(f"WRONG ({step}) {question}\n      {text}")
