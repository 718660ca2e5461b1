"""The cache of answers beside nginx's proxy cache, and what it costs where it does not help.

    python3 tests/bench/cache.py [--rounds 5] [--seconds 3] [--model FILE.gguf] [--data DIR --name NAME]

Needs nginx and wrk in PATH (`apt-get install nginx-light wrk`); nothing else should run on the
machine. ENDCAP_BENCH_BINARY names another build than target/release/endcap. nginx serves the same bytes to the same requests from its proxy cache, so both are asked by
POST over kept-alive connections; nginx looks at no token and checks nothing. Rounds alternate. The
tiny model of the tests answers; where a folder with an installed model is named, misses and the load
without hits are timed with that one. Start and purge among 100,000 answers are measured by

    cargo test --release --package endcap-cache -- --ignored --nocapture a_hundred_thousand_answers
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).parents[2]
ENDCAP = pathlib.Path(os.environ.get("ENDCAP_BENCH_BINARY", ROOT / "target/release/endcap"))
# Between an answer and the next question of a connection, where load is to be less than can be done.
PAUSE_MS = 2
NGINX = """
{user} worker_processes auto; daemon off; pid {place}/pid; error_log {place}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 100000000;
  client_body_temp_path {place}/body; proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi; uwsgi_temp_path {place}/uwsgi; scgi_temp_path {place}/scgi;
  proxy_cache_path {place}/cache keys_zone=answers:10m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass {upstream};
      proxy_cache answers; proxy_cache_methods POST; proxy_cache_valid 200 1h;
      proxy_cache_key "$request_uri|$request_body"; proxy_ignore_headers Cache-Control Vary;
    }}
  }}
}}
"""


def chat(model, question, **fields):
    messages = [{"role": "user", "content": question}]
    return {"model": model, "temperature": 0, "max_tokens": 200, "messages": messages, **fields}


class Server:
    """Endcap on a free port, with a data folder and settings."""

    def __init__(self, data, **settings):
        environment = {**os.environ, "XDG_CONFIG_HOME": "/nowhere", **settings}
        serve = [ENDCAP, "serve", "--listen", "127.0.0.1:0", "--data", data]
        self.process = subprocess.Popen(
            serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.url = self.process.stdout.readline().split()[-1]
        self.token = (data / "bench-token").read_text().strip()

    def ask(self, path, body=None, **headers):
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json", **headers}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, headers)
        with urllib.request.urlopen(request) as answer:
            return answer.headers, answer.read()

    def chat(self, body, **headers):
        return self.ask("/v1/chat/completions", body, **headers)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait()


def prepared(place, model, name):
    data = place / name
    card = ROOT / "models/tiny/card.toml"
    imports = ["models", "import", "--name", name, "--card", card, "--data", data, model]
    subprocess.run([ENDCAP, *imports], check=True, capture_output=True)
    with_token(data)
    return data


def with_token(data):
    make = [ENDCAP, "token", "create", "--role", "admin", "--data", data]
    made = subprocess.run(make, check=True, capture_output=True, text=True)
    (data / "bench-token").write_text(made.stdout)


def wrk(place, url, token, body, seconds, connections, pause_ms=0):
    """Requests per second, and the 99th percentile in milliseconds."""
    script = place / "ask.lua"
    script.write_text(
        'wrk.method = "POST"\n'
        f'wrk.headers["Authorization"] = "Bearer {token}"\n'
        'wrk.headers["Content-Type"] = "application/json"\n'
        f"wrk.body = [[{json.dumps(body)}]]\n"
        + (f"function delay() return {pause_ms} end\n" if pause_ms else "")
    )
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", script]
    told = subprocess.run(
        [*command, f"{url}/v1/chat/completions"], check=True, capture_output=True, text=True
    ).stdout
    assert "Non-2xx" not in told, told
    number, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()
    p99_ms = float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]
    return float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1]), p99_ms


def beside_nginx(place, data, name, rounds, seconds):
    with Server(data) as server:
        body = chat(name, "Hello")
        server.chat(body)
        headers, answer = server.chat(body)
        assert "hit" in headers["cache-status"], headers
        port = 18000 + os.getpid() % 2000
        nginx_place = place / "nginx"
        nginx_place.mkdir()
        settings = nginx_place / "nginx.conf"
        # Started by root, its workers would be somebody who may not write here.
        user = "user root;" if os.getuid() == 0 else ""
        settings.write_text(NGINX.format(user=user, place=nginx_place, port=port, upstream=server.url))
        nginx = subprocess.Popen(["nginx", "-c", settings], stderr=subprocess.DEVNULL)
        try:
            time.sleep(0.5)
            theirs_url = f"http://127.0.0.1:{port}"
            ours, theirs, half = [], [], []
            for _ in range(rounds):
                theirs.append(wrk(place, theirs_url, server.token, body, seconds, 16))
                ours.append(wrk(place, server.url, server.token, body, seconds, 16))
                half.append(at_half_load(place, server, body, ours[-1][0] / 2, seconds))
            ratios = [o[0] / t[0] for o, t in zip(ours, theirs)]
            print(f"answer of {len(answer)} bytes, medians of {rounds} rounds of {seconds} s")
            print(f"  hits/s          {statistics.median(o[0] for o in ours):9.0f}")
            print(f"  nginx/s         {statistics.median(t[0] for t in theirs):9.0f}")
            print(f"  ratio           {statistics.median(ratios):9.2f}   ({min(ratios):.2f} to {max(ratios):.2f})")
            rate, p99_ms = (statistics.median(values) for values in zip(*half))
            print(f"  p99 at half load {p99_ms:8.2f} ms   ({rate:.0f} hits/s)")
        finally:
            nginx.terminate()
            nginx.wait()


def at_half_load(place, server, body, rate, seconds):
    """Rate and 99th percentile where each connection pauses between answers, so that about half of
    what the server can do is asked of it."""
    connections = max(1, round(rate * (PAUSE_MS + 0.3) / 1000))
    return wrk(place, server.url, server.token, body, seconds, connections, PAUSE_MS)


def timed(act):
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def hit_against_miss(data, name, rounds):
    with Server(data) as server:
        miss, hit = [], []
        for at in range(rounds):
            body = chat(name, f"Describe a cup of coffee, number {at}, in a sentence.", max_tokens=64, stop=["."])
            miss.append(timed(lambda: server.chat(body)))
            kept = timed(lambda: server.chat(body))
            if "hit" in server.chat(body)[0]["cache-status"]:
                hit.append(min(kept, *(timed(lambda: server.chat(body)) for _ in range(5))))
        ratio = statistics.median(miss) / statistics.median(hit)
        print(f"{name}: a miss takes {statistics.median(miss) * 1e3:.1f} ms, a hit {statistics.median(hit) * 1e3:.2f} ms, ratio {ratio:.0f}")


def all_miss(data, name, rounds, tokens):
    """Chats that are never asked again, with the cache and without it, in turns."""
    asked = 0
    times = {"exact": [], "off": []}
    servers = {}
    for tiers in times:
        # A data folder has one server.
        own = data / tiers
        own.mkdir()
        (own / "models").symlink_to((data / "models").resolve())
        with_token(own)
        servers[tiers] = Server(own, ENDCAP_CACHE_CHAT=tiers, ENDCAP_CACHE_DISK="0")
    try:
        for at in range(rounds + 1):
            for tiers in ("exact", "off") if at % 2 else ("off", "exact"):
                def some():
                    nonlocal asked
                    for _ in range(8):
                        asked += 1
                        fields = {"max_tokens": tokens, "logit_bias": {"0": -100, "1": -100, "2": -100}}
                        servers[tiers].chat(chat(name, f"What is {asked}?", **fields))
                spent = timed(some)
                if at:
                    times[tiers].append(spent)
        cost = [a / b - 1 for a, b in zip(times["exact"], times["off"])]
        print(f"{name}: an all-miss load costs {statistics.median(cost) * 100:+.2f}% (medians of {rounds} pairs)")
    finally:
        for server in servers.values():
            server.__exit__()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--data", type=pathlib.Path, help="a data folder with an installed chat model")
    parser.add_argument("--name", help="the model's name in it")
    parser.add_argument("--only", default="nginx,miss,cost")
    given = parser.parse_args()
    missing = [tool for tool in ("nginx", "wrk") if shutil.which(tool) is None]
    if missing or not ENDCAP.exists():
        raise SystemExit(f"needs {', '.join(missing) or ENDCAP}; apt-get install nginx-light wrk; cargo build --release")
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        data, name = prepared(place, ROOT / "models/tiny/q4_1.gguf", "tiny"), "tiny"
        if "nginx" in given.only:
            beside_nginx(place, data, name, given.rounds, given.seconds)
        if given.data:
            data, name = place / "given", given.name
            data.mkdir()
            (data / "models").symlink_to(given.data.resolve() / "models")
            with_token(data)
        if "miss" in given.only:
            hit_against_miss(data, name, 3 * given.rounds)
        if "cost" in given.only:
            all_miss(data, name, 3 * given.rounds, 48)


if __name__ == "__main__":
    main()
