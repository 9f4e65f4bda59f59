"""Real servers from the distribution's packages, started for a test and stopped with it.

A program that is not installed skips the test that needs it.
"""

import glob
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """Return the path of a program, or skip."""
    found = shutil.which(name, path=PATH) or next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))), None)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[int]:
    """Run *command* until the block ends; wait until it listens."""
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=folder)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError((folder / "log").read_text(errors="replace")[-2000:]) from None
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def folder_of(user: str) -> Iterator[tuple[Path, list[str]]]:
    """Make a folder for a server; root hands it to *user*, whose words come before the command."""
    with tempfile.TemporaryDirectory(prefix="leakfirst-test-") as name:
        place, as_user = Path(name), []
        if os.geteuid() == 0:
            shutil.chown(place, user, user)
            place.chmod(0o755)
            as_user = [program("runuser"), "-u", user, "--"]
        yield place, as_user


@contextmanager
def postgresql(password: str) -> Iterator[int]:
    """A cluster with the role app and its *password*, the role keeper who makes roles, the role open that needs none."""
    initdb, server, psql = program("initdb"), program("postgres"), program("psql")
    with folder_of("postgres") as (folder, as_user):
        data, port = folder / "data", free_port()
        subprocess.run(
            [*as_user, initdb, "-D", str(data), "-U", "admin", "-A", "trust", "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        (data / "pg_hba.conf").write_text(
            "local all all trust\nhost all open,admin 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )
        command = [*as_user, server, "-D", str(data), "-p", str(port), "-k", str(folder), "-h", "127.0.0.1", "-F"]
        with running(command, port, folder):
            statement = f"create role app login password '{password}'; create role open login"
            statement += f"; create role keeper login createrole password '{password}'"
            statement += "; grant create on database postgres to open"
            words = [psql, "-h", str(folder), "-p", str(port), "-U", "admin", "-d", "postgres", "-c", statement]
            for _ in range(100):
                done = subprocess.run([*as_user, *words], capture_output=True, cwd=folder)
                if done.returncode == 0:
                    break
                time.sleep(0.1)
            assert done.returncode == 0, done.stderr
            yield port


@contextmanager
def mariadb(password: str) -> Iterator[int]:
    """A server with the user app and its *password*."""
    install, server, client = program("mariadb-install-db"), program("mariadbd"), program("mariadb")
    with folder_of("mysql") as (folder, as_user):
        data, port, door = folder / "data", free_port(), folder / "s"
        subprocess.run(
            [*as_user, install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        command = [*as_user, server, "--no-defaults", f"--datadir={data}", f"--socket={door}", f"--port={port}"]
        command += ["--bind-address=127.0.0.1", f"--pid-file={folder}/pid", "--skip-name-resolve"]
        with running(command, port, folder):
            statement = (
                f"create user app@'127.0.0.1' identified by '{password}'; grant process on *.* to app@'127.0.0.1'"
            )
            words = [client, "--no-defaults", f"--socket={door}", "-u", "root", "-e", statement]
            subprocess.run([*as_user, *words], check=True, capture_output=True, cwd=folder)
            yield port


@contextmanager
def redis(password: str = "", tls: tuple[Path, Path] | None = None) -> Iterator[int]:
    """A server with a *password* and the user app that has the same, or one that is open to everybody."""
    server = program("redis-server")
    with tempfile.TemporaryDirectory(prefix="leakfirst-test-") as name:
        folder, port = Path(name), free_port()
        command = [server, "--bind", "127.0.0.1", "--save", "", "--dir", name]
        if tls:
            command += ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no"]
            command += ["--tls-cert-file", str(tls[0]), "--tls-key-file", str(tls[1])]
        else:
            command += ["--port", str(port)]
        rules = [f"requirepass {password}", f"user app on >{password} ~* +acl|whoami +ping +client"]
        rules.append(f"user mute on >{password} -@all")
        (folder / "config").write_text("\n".join(rules if password else []) + "\n")
        command.insert(1, f"{name}/config")
        with running(command, port, folder):
            yield port


@contextmanager
def vault() -> Iterator[tuple[str, str]]:
    """OpenBao or Vault in memory; gives its address and its root token."""
    name = next((name for name in ("bao", "vault") if shutil.which(name)), "bao")
    port, token = free_port(), secrets.token_hex(16)
    words = [f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={token}", "-dev-no-store-token"]
    with (
        tempfile.TemporaryDirectory(prefix="leakfirst-test-") as folder,
        running([program(name), "server", "-dev", *words], port, Path(folder)),
    ):
        yield f"http://127.0.0.1:{port}", token


@contextmanager
def ssh(authorized: str) -> Iterator[tuple[str, int]]:
    """An SSH server that lets the key of line *authorized* in as the current user; gives user and port."""
    server, keygen = program("sshd"), program("ssh-keygen")
    with tempfile.TemporaryDirectory(prefix="leakfirst-test-") as name:
        folder, port = Path(name), free_port()
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", exist_ok=True)
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", f"{name}/host"], check=True)
        (folder / "authorized").write_text(authorized + "\n")
        (folder / "config").write_text(
            f"HostKey {name}/host\nPidFile {name}/pid\nAuthorizedKeysFile {name}/authorized\nStrictModes no\n"
            "UsePAM no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\nListenAddress 127.0.0.1\n"
        )
        with running([server, "-D", "-e", "-f", f"{name}/config", "-p", str(port)], port, folder):
            import getpass

            yield getpass.getuser(), port
