"""A compromised npm package, played on this machine over real HTTP.

`acme-widgets` 2.4.1 was published with its source map. The map holds forty
secrets of which twelve are live: six AWS keys, three Vault tokens, three GitHub
tokens. Of thirty repositories eleven import the package, four of them only
through another one; some repositories hold the same secrets. moto plays AWS
with signatures checked, Vault and GitHub are played by the fakes; Slack,
PagerDuty, a mail-less webhook and GitHub's issues by `receivers`.
"""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from detector.rules.shapes import expand
from tests.detector.fleet.synthetic import ImportStream, run_git
from tests.fakes import receivers
from tests.fakes import vault as vaults
from tests.fakes.hosted_providers import Request, Service, github
from tests.fakes.provider import Authority, Heard, Provider, Say, provider
from tests.fakes.serving import serving
from tests.program import environment
from tests.rotators.world import Aws, moto_api

PACKAGE = "npm:acme-widgets@2.4.1"
DIRECT = ("r00", "r03", "r06", "r09", "r12", "r15", "r18")
THROUGH = ("r01", "r07", "r13", "r19")
"""Import it only through ui-kit."""
ADA, GRACE = "Ada Lovelace <ada@example.test>", "Grace Hopper <grace@example.test>"
LINUS = "On call <oncall@example.test>"

POLICY = """
[accounts]
allow = ["aws:123456789012", "vault:*", "github:*"]
[limits]
acts_per_hour = 1000
{tables}
[[rotate]]
rules = ["aws.*"]
decide = "auto"
order = "contain-first"
may = ["disable"]
[[rotate]]
rules = ["vault.*", "github.*"]
decide = "auto"
order = "contain-first"
may = ["disable"]
[rotators.aws-iam]
endpoint = "{aws}"
end_sessions = false
prove_by_use = false
[rotators.vault-token]
address = "{vault}"
token_env = "OPERATOR_TOKEN"
[rotators.github]
endpoint = "{github}"
{stores}
"""

TABLE = """
[[rotate]]
rules = ["aws.*"]
credentials = ["user {user}"]
decide = "auto"
order = "contain-first"
may = ["disable", "reissue"]
destinations = ["{user}"]
"""

STORE = """
[destinations.{user}]
store = "aws-secrets-manager"
endpoint = "{aws}"
secret = "{secret}"
"""

OPERATOR = """
[verify]
allow-internal = ["127.0.0.1"]
rate = 100
together = 8
[verify.host]
"aws.*" = "{aws}"
[sweep]
inventory = ["folder:{repositories}"]
[incident]
deadline = "48h"
runbook = "https://example.test/runbook"
[incident.owners]
"*" = "{linus}"
"aws.*" = "{ada}"
"github.*" = "{grace}"
[notify.room]
channel = "slack"
url_env = "SLACK_URL"
[notify.oncall]
channel = "pagerduty"
routing_key_env = "ROUTING_KEY"
endpoint = "{receivers}"
phases = ["opened", "acknowledged", "escalated", "closed"]
[notify.board]
channel = "github-issue"
repository = "acme/security"
token_env = "RECEIVER_TOKEN"
endpoint = "{receivers}"
"""


class World:
    """Everything that there is; `label` says what each secret is, for people."""

    def __init__(self, folder: Path, aws: str, vault: tuple[str, vaults.Vault], there: receivers.Receivers) -> None:
        self.folder, self.aws_url = folder, aws
        self.vault_url, self.vault = vault
        self.receivers = there
        self.provider: Provider
        self.environment: dict[str, str] = {}
        self.accounts: list[Aws] = []
        self.github: dict[str, Service] = {}
        self.label: dict[str, str] = {}
        self.values: list[str] = []

    @property
    def leaked(self) -> list[str]:
        return [str(self.folder / "acme-widgets-2.4.1.tgz"), str(self.folder / "acme-widgets.js.map")]

    def command(self, *words: str) -> list[str]:
        files = ["--policy", str(self.folder / "rotation.toml"), "--config", str(self.folder / "config.toml")]
        return [*words, *files, "--jobs", "2"]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `leakfirst respond` in a new process."""
        command = [sys.executable, "-c", PROGRAM, "respond", *self.command(*words)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False, cwd=self.folder
        )

    def open(self) -> subprocess.CompletedProcess[str]:
        return self.run("open", "--package", PACKAGE, "--json", "--by", "ada", *self.leaked)


PROGRAM = """
import sys
from rotators.core import executor
executor.PAUSE = 0.05
from leakfirst._program import main
sys.exit(main(sys.argv[1:]))
"""
"""The program itself, but with less patience between two looks at a new key."""


@contextmanager
def world(folder: Path, moto_url: str) -> Iterator[World]:
    """Make everything and yield it."""
    with ExitStack() as stack:
        kept = vaults.Vault()
        vault = stack.enter_context(serving(type("Bound", (_ModernVault,), {"vault": kept}))), kept
        there = stack.enter_context(receivers.receiving())
        authority = Authority(folder)
        made = World(folder, moto_url, vault, there)
        made.provider = stack.enter_context(provider(authority))
        proxy = stack.enter_context(_proxy(made.provider.port))
        github_url = stack.enter_context(_github(made))
        made.accounts = aws_users(moto_url, 6)
        secrets_in_map = _secrets(made)
        made.provider.answer = lambda heard: _api_github(made, heard)
        _publish(folder, secrets_in_map)
        _repositories(made, folder / "repositories")
        _files(made, github_url)
        made.environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LEAKFIRST_CACHE") if name in os.environ},
            "PYTHONPATH": environment().get("PYTHONPATH", ""),
            "LEAKFIRST_HOME": str(folder / "home"),
            "GIT_CONFIG_GLOBAL": os.devnull,
            "AWS_ACCESS_KEY_ID": made.accounts[0].root[0],
            "AWS_SECRET_ACCESS_KEY": made.accounts[0].root[1],
            "AWS_EC2_METADATA_DISABLED": "true",
            "OPERATOR_TOKEN": vaults.ROOT,
            "VAULT_ADDR": made.vault_url,
            "SLACK_URL": f"{there.url}/services/T0/B0/canary",
            "ROUTING_KEY": receivers.ROUTING,
            "RECEIVER_TOKEN": receivers.TOKEN,
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "SSL_CERT_FILE": str(authority.certificate),
        }
        yield made


# -- the providers -------------------------------------------------------------


class _ModernVault(vaults.Handler):
    """A Vault that reports an unknown token, as present versions do."""

    def _answer(self, path: str, body: dict[str, Any], me: str) -> Any:
        if me not in self.vault.tokens and not path.startswith(vaults.OPEN):
            raise vaults.Refused(403, "2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n")
        return super()._answer(path, body, me)


def aws_users(url: str, count: int) -> list[Aws]:
    """Make an operator and some users with a key each, and let moto check signatures from here on."""
    moto_api(url, "reset-auth", b"inf")
    accounts = [Aws(url) for _ in range(count)]
    iam = accounts[0].client("iam")
    name = f"operator-{accounts[0].user}"
    iam.create_user(UserName=name)
    rule = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=json.dumps(rule))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    for account in accounts:
        account.plant()
        account.root = (key["AccessKeyId"], key["SecretAccessKey"])
    moto_api(url, "reset-auth", b"0")
    return accounts


def _secrets(made: World) -> list[str]:
    """Return the lines of code with the forty secrets: twelve live, sixteen dead, twelve that nobody can be asked about."""
    lines = []

    def planted(label: str, value: str, line: str) -> None:
        made.label[value] = label
        made.values.append(value)
        lines.append(line)

    for number, account in enumerate(made.accounts):
        line = f'const key{number} = {{ accessKeyId: "{account.old[0]}", secretAccessKey: "{account.old[1]}" }};'
        planted(f"aws-live-{number}", account.old[0], line)
        made.values.append(account.old[1])
    for number in range(3):
        token = expand("hvs.{alnum:24}", 900 + number)
        made.vault.tokens[token] = {**made.vault.token("auth/token/create", ["default"]), "id": token}
        planted(f"vault-live-{number}", token, f'const vaultToken{number} = "{token}";')
    for number in range(3):
        token = expand("ghp_{alnum:30}{check:github-crc32}", 910 + number)
        made.github[token] = Service(token)
        planted(f"github-live-{number}", token, f'const gh{number} = "{token}";')
    for number in range(8):
        id_, key = expand("AKIA{[Q-W]:1}{base32:15}", 920 + number), expand("{base64:40}", 930 + number)
        line = f'const old{number} = {{ accessKeyId: "{id_}", secretAccessKey: "{key}" }};'
        planted(f"aws-dead-{number}", id_, line)
    for number in range(8):
        token = expand("ghp_{alnum:30}{check:github-crc32}", 940 + number)
        planted(f"github-dead-{number}", token, f'const gone{number} = "{token}";')
    for number in range(12):
        token = expand("ATBB{alnum:24}{check:atlassian-crc32}", 960 + number)
        planted(f"unasked-{number}", token, f'const bitbucket{number} = "{token}";')
    return lines


def _api_github(made: World, heard: Heard) -> Say:
    """Answer as api.github.com does when a token asks who it is."""
    token = heard.headers.get("authorization", "").removeprefix("Bearer ")
    service = made.github.get(token)
    if service and service.by_value(token):
        return Say(200, {"login": "acme-bot", "id": 7})
    return Say(401, {"message": "Bad credentials"})


@contextmanager
def _github(made: World) -> Iterator[str]:
    """Serve GitHub's API for the rotator: who is it, and the revocation."""
    from http.server import BaseHTTPRequestHandler

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            ask = Request(self.command, self.path, self.headers, body)
            wanted = [token for token in made.github if token in ask.token or token.encode() in body]
            status, data = github(made.github[wanted[0]], ask) if wanted else (401, {"message": "Bad credentials"})
            content = json.dumps(data).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _do

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as url:
        yield url


@contextmanager
def _proxy(to: int) -> Iterator[str]:
    """A proxy that leads every CONNECT to a port of this machine."""

    def carry(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        finally:
            sink.close()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
                near.recv(4096)
                near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                far = socket.create_connection(("127.0.0.1", to))
            except OSError:
                if listener.fileno() < 0:
                    return
                continue
            for pair in ((near, far), (far, near)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=serve, args=(listener,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


# -- what leaked ---------------------------------------------------------------


def _publish(folder: Path, lines: list[str]) -> None:
    """Write the package and its map."""
    import io
    import tarfile

    chance = random.Random(7)
    words = ("function", "return", "const", "value", "state", "render", "index", "module", "export", "import")
    sources = []
    for number in range(20):
        code = ["  ".join(chance.choices(words, k=6)) + ";" for _ in range(60)]
        for line in lines[number * 2 : number * 2 + 2]:
            code.insert(chance.randrange(len(code)), line)
        sources.append("\n".join(code))
    names = [f"webpack:///src/part{number}.ts" for number in range(20)]
    values = {
        "version": 3,
        "file": "index.js",
        "sources": names,
        "sourcesContent": sources,
        "names": [],
        "mappings": "AAAA",
    }
    (folder / "acme-widgets.js.map").write_text(json.dumps(values))
    members = {
        "package/package.json": json.dumps({"name": "acme-widgets", "version": "2.4.1", "main": "index.js"}),
        "package/index.js": "export const widgets = 1;\n//# sourceMappingURL=acme-widgets.js.map\n",
    }
    with tarfile.open(folder / "acme-widgets-2.4.1.tgz", "w:gz") as archive:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            archive.addfile(info, io.BytesIO(text.encode()))


def _lock(packages: dict[str, tuple[str, dict[str, str]]], wanted: dict[str, str]) -> dict[str, str]:
    """Return package.json and package-lock.json of a project."""
    listed: dict[str, Any] = {"": {"name": "app", "version": "1.0.0", "dependencies": wanted}}
    for name, (version, needs) in packages.items():
        listed[f"node_modules/{name}"] = {"version": version, "dependencies": needs}
    lock = {"name": "app", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": listed}
    manifest = {"name": "app", "version": "1.0.0", "dependencies": wanted}
    return {"package.json": json.dumps(manifest, indent=1), "package-lock.json": json.dumps(lock, indent=1)}


def _repositories(made: World, folder: Path) -> None:
    """Make the thirty repositories."""
    folder.mkdir()
    direct = _lock({"acme-widgets": ("2.4.1", {})}, {"acme-widgets": "^2.4.0"})
    ui_kit = ("5.0.0", {"acme-widgets": "^2.0.0"})
    through = _lock({"ui-kit": ui_kit, "acme-widgets": ("2.4.1", {})}, {"ui-kit": "^5.0.0"})
    older = _lock({"acme-widgets": ("2.3.0", {})}, {"acme-widgets": "~2.3.0"})
    likewise = _lock({"acme-widgets-extra": ("2.4.1", {})}, {"acme-widgets-extra": "^2.4.1"})
    copies = {
        "r03": ("deploy.env", made.accounts[0].old),
        "r21": ("config/prod.env", made.accounts[4].old),
        "r25": ("old.env", made.accounts[1].old),
    }
    for number in range(30):
        name = f"r{number:02}"
        place = folder / name
        place.mkdir()
        run_git(place, "init", "-q", "--bare", "-b", "main", ".")
        stream = ImportStream(number)
        files: dict[str, str | None] = {"README": stream.make_text(5)}
        if name in DIRECT:
            files.update(direct)
        elif name in THROUGH:
            files.update(through)
        elif number % 5 == 0:
            files.update(older)
        elif number % 5 == 2:
            files.update(likewise)
        stream.commit("main", files, "Begin")
        if name in copies:
            path, (id_, key) = copies[name]
            text = f"AWS_ACCESS_KEY_ID={id_}\nAWS_SECRET_ACCESS_KEY={key}\n"
            stream.commit("main", {path: text}, "Settings")
            if name == "r25":
                stream.commit("main", {path: None}, "Without settings")
        stream.write_to(place)


def _files(made: World, github_url: str) -> None:
    """Write the operator's two files."""
    with_home = made.accounts[:4]
    tables = "".join(TABLE.format(user=account.user) for account in with_home)
    stores = "".join(STORE.format(user=account.user, aws=made.aws_url, secret=account.secret) for account in with_home)
    policy = made.folder / "rotation.toml"
    policy.touch(0o600)
    policy.write_text(
        POLICY.format(tables=tables, stores=stores, aws=made.aws_url, vault=made.vault_url, github=github_url)
    )
    values = {"aws": made.aws_url, "repositories": made.folder / "repositories", "receivers": made.receivers.url}
    (made.folder / "config.toml").write_text(OPERATOR.format(**values, ada=ADA, grace=GRACE, linus=LINUS))
