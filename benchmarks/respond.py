"""Measure how long a leaked key stays usable: from the start of `respond open` to the first containing call.

    python benchmarks/respond.py [--megabytes 60] [-n RUNS] [--cold]

A leaked source map contains one active AWS key. moto simulates AWS and checks
signatures; a relay in front of it records when each call arrives. The time
starts before the program does. The scan alone and the complete command are
measured too.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tests.rotators.world import Aws, moto, moto_api

CONTAINING_CALLS = {"AttachUserPolicy", "PutUserPolicy", "UpdateAccessKey"}

POLICY = """
[accounts]
allow = ["aws:123456789012"]
[[rotate]]
rules = ["aws.*"]
decide = "auto"
order = "contain-first"
may = ["disable", "reissue"]
destinations = ["prod"]
[rotators.aws-iam]
endpoint = "{url}"
end_sessions = false
prove_by_use = false
[destinations.prod]
store = "aws-secrets-manager"
endpoint = "{url}"
secret = "{secret}"
"""

OPERATOR = """
[verify]
allow-internal = ["127.0.0.1"]
[verify.host]
"aws.*" = "{url}"
"""

WORDS = ("function", "return", "const", "value", "state", "render", "index", "module", "export", "import", "await")


def write_source_map(path: Path, size: int, secret: str) -> None:
    """Write a source map of about *size* bytes, as a bundler does, with *secret* in one of its sources."""
    rng = random.Random(3)
    base = []
    for _ in range(40):
        lines = (" ".join(rng.choices(WORDS, k=8)) + ";" for _ in range(350))
        base.append("\n".join(lines))
    contents, written = [], 0
    while written < size * 0.8:
        contents.append(rng.choice(base))
        written += len(contents[-1])
    contents[len(contents) // 2] += f"\n{secret}\n"
    mappings = ";".join("".join(rng.choices("ACDEFGIKMOQSUWYabcdeg", k=60)) for _ in range(int(size * 0.2 / 61)))
    names = [f"webpack:///src/m{number}.ts" for number in range(len(contents))]
    document = {"version": 3, "sources": names, "sourcesContent": contents, "names": [], "mappings": mappings}
    path.write_text(json.dumps(document))


@contextmanager
def run_relay(target: str) -> Iterator[tuple[str, list[tuple[float, str]]]]:
    """Forward requests to *target*; yield the address of the relay and (time, action) of each request."""
    address, calls = urlsplit(target), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            calls.append((time.monotonic(), parse_qs(body.decode("latin-1")).get("Action", ["?"])[0]))
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
            connection.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            connection.close()

        do_GET = do_POST = do_PUT = _forward

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", calls
    server.shutdown()


def create_responder(account: Aws) -> tuple[str, str]:
    """Create an identity with all permissions, other than the leaked one; return its key."""
    iam = account.client("iam")
    iam.create_user(UserName="responder")
    rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName="responder", PolicyName="all", PolicyDocument=json.dumps(rule))
    key = iam.create_access_key(UserName="responder")["AccessKey"]
    return key["AccessKeyId"], key["SecretAccessKey"]


def play_incident(folder: Path, megabytes: int, cold: bool) -> dict[str, float]:
    """Play one incident and return the times in seconds."""
    with moto() as url, run_relay(url) as (relay, calls):
        os.environ.update(
            AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test"
        )  # accepted by moto until it checks signatures
        account = Aws(url)
        account.plant()
        own_key = create_responder(account)
        moto_api(url, "reset-auth", b"0")
        leaked = folder / "bundle.js.map"
        write_source_map(leaked, megabytes << 20, f'const id = "{account.old[0]}", awsSecret = "{account.old[1]}"')
        (folder / "rotation.toml").touch(0o600)
        (folder / "rotation.toml").write_text(POLICY.format(url=relay, secret=account.secret))
        (folder / "config.toml").write_text(OPERATOR.format(url=relay))
        cache = {"LEAKFIRST_CACHE": str(folder / "cache")} if cold else {}
        identity = {"AWS_ACCESS_KEY_ID": own_key[0], "AWS_SECRET_ACCESS_KEY": own_key[1]}
        environment = {**os.environ, "LEAKFIRST_HOME": str(folder / "home"), **cache, **identity}
        program = [sys.executable, "-m", "detector"]
        files = ["--policy", str(folder / "rotation.toml"), "--config", str(folder / "config.toml")]
        started = time.monotonic()
        if not cold:
            scan = [*program, "scan", "--quiet", "--no-progress", str(leaked)]
            subprocess.run(scan, env=environment, capture_output=True, check=False)
        scanned = time.monotonic()
        opening = [*program, "respond", "open", str(leaked), *files]
        done = subprocess.run(opening, env=environment, capture_output=True, check=False)
        ended = time.monotonic()
        first = next((at for at, action in calls if action in CONTAINING_CALLS), None)
        if first is None:
            raise SystemExit(f"no containing call arrived:\n{done.stdout.decode()}{done.stderr.decode()}")
        times = {} if cold else {"scan": scanned - started}
        return {**times, "to the first containing call": first - scanned, "complete command": ended - scanned}


def main() -> None:
    """Play the incidents and print medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=60, help="size of the source map")
    parser.add_argument("-n", type=int, default=3, metavar="RUNS", help="incidents to play")
    parser.add_argument("--cold", action="store_true", help="start without compiled rules in the cache")
    args = parser.parse_args()
    rows = []
    for _ in range(args.n):
        with tempfile.TemporaryDirectory() as name:
            rows.append(play_incident(Path(name), args.megabytes, args.cold))
    for what in rows[0]:
        times = sorted(row[what] for row in rows)
        print(f"{what:30} {statistics.median(times):6.2f} s   ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()
