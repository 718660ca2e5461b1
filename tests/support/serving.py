"""A server of the catalogue's packages, for checks that compare it with other programs."""

import json
import subprocess
import urllib.request


class Server:
    """Pulls `models` into the folder `data` with `program` and serves what lies there."""

    def __init__(self, program, data, models):
        for name in models:
            subprocess.run([program, "models", "pull", name, "--data", data], check=True)
        token = [program, "token", "create", "--role", "client", "--data", data]
        told = subprocess.run(token, check=True, stdout=subprocess.PIPE, text=True)
        self.token = told.stdout.split()[-1]
        serve = [program, "serve", "--listen", "127.0.0.1:0", "--data", data]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        self.url = next(word for word in line.split() if word.startswith("http"))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, path, kind, body):
        """What is answered to a body of this media type."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        request = urllib.request.Request(self.url + path, body, headers)
        return urllib.request.urlopen(request, timeout=300).read()

    def ask_json(self, path, body):
        return json.loads(self.ask(path, "application/json", json.dumps(body).encode()))
