"""A Dask cluster over TCP gives the results of local processes, even if workers are killed."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from detector.errors import SourceError, UsageError
from detector.fleet.executors.dask import DaskExecutor
from tests.detector.fleet.sweep_runner import SweepRunner
from tests.program import FIND_TESTS, environment

pytestmark = [pytest.mark.net, pytest.mark.timeout(240)]


OPTIONS = {"ca": "--tls-ca-file", "cert": "--tls-cert", "key": "--tls-key"}


class Cluster:
    """A scheduler and workers, each a program of its own."""

    def __init__(self, folder: Path, tls: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.tls = [word for name, file in (tls or {}).items() for word in (OPTIONS[name], file)]
        self.file = folder / "scheduler.json"
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.start(
            "scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--scheduler-file", str(self.file)
        )
        deadline = time.monotonic() + 60
        while not self.file.exists() or not self.file.read_text().endswith("}"):
            assert self.running["scheduler"].poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        self.address = json.loads(self.file.read_text())["address"]

    def start(self, name: str, *words: str, **more: str) -> None:
        kind = "scheduler" if name == "scheduler" else "worker"
        words = (*words, *self.tls)
        more = environment(PYTHONWARNINGS="ignore", **more)
        with open(self.folder / f"{name}.log", "wb") as log:
            self.running[name] = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words],
                stdout=log, stderr=log, cwd=self.folder, env=more,
            )  # fmt: skip

    def worker(self, name: str, **environment: str) -> None:
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", "--name", name]
        self.start(name, self.address, *options, **environment)

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()


@contextmanager
def cluster(folder: Path, workers: int = 2, tls: dict[str, str] | None = None) -> Iterator[Cluster]:
    folder.mkdir()
    dask = Cluster(folder, tls)
    try:
        for number in range(workers):
            dask.worker(f"w{number}")
        yield dask
    finally:
        for name in list(dask.running):
            dask.kill(name)


class ClusterRunner(SweepRunner):
    """Sweeps whose tasks go to a cluster."""

    address = ""
    tls: dict[str, str] = {}  # noqa: RUF012

    def executor(self, settings):
        return DaskExecutor(settings, self.address, self.tls)


def test_after_a_worker_and_the_coordinator_were_killed_the_result_equals_a_local_sweep(made, tmp_path):
    local = SweepRunner(made, str(tmp_path / "local.db"))
    local.sweep()
    runner = ClusterRunner(made, str(tmp_path / "cluster.db"), large_objects=30)
    with cluster(tmp_path / "dask") as dask:
        runner.address = dask.address
        program = tmp_path / "coordinator.py"
        program.write_text(
            FIND_TESTS
            + textwrap.dedent(
                """
                from pathlib import Path
                from tests.detector.fleet.executors.test_dask import ClusterRunner
                runner = ClusterRunner(Path(sys.argv[1]), sys.argv[2], large_objects=30)
                runner.address = sys.argv[3]
                runner.sweep(lambda progress: print(progress.done, flush=True))
                """
            )
        )
        words = [sys.executable, str(program), str(made), runner.place, dask.address]
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment()) as process:
            assert process.stdout
            done = 0
            for line in process.stdout:
                done = int(line)
                if done >= 2 and "w0" in dask.running:
                    dask.kill("w0")
                if done >= 4:
                    break
            assert 4 <= done < 7
            os.kill(process.pid, signal.SIGKILL)
        dask.worker("w2")
        summary = runner.sweep()
    assert summary.failed == ()
    assert summary.unchanged >= 4
    assert summary.swept + summary.unchanged == 7
    assert runner.read_findings() == local.read_findings()
    assert runner.read_states() == local.read_states()
    assert runner.count_rows() == local.count_rows()


def certificate(folder: Path) -> dict[str, str]:
    """Make a certificate that vouches for itself."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    folder.mkdir()
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "cluster.test")])
    today = datetime.now(UTC)
    issued = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), today, today + timedelta(2))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(issued.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *form))
    return {"ca": str(folder / "cert.pem"), "cert": str(folder / "cert.pem"), "key": str(folder / "key.pem")}


def test_with_tls_only_the_holder_of_the_certificate_can_connect(made, tmp_path, monkeypatch):
    files = certificate(tmp_path / "certificates")
    stranger = certificate(tmp_path / "stranger")
    runner = ClusterRunner(made, str(tmp_path / "tls.db"))
    with cluster(tmp_path / "dask", 1, files) as dask:
        assert dask.address.startswith("tls://")
        runner.address, runner.tls = dask.address, files
        assert runner.sweep().swept == 7
        monkeypatch.setattr("detector.fleet.executors.dask.CONNECT_SECONDS", 1)
        runner.tls = stranger
        with pytest.raises(SourceError):
            runner.sweep()
    assert all(runner.read_findings().values())


def test_a_worker_with_another_key_is_refused(made, tmp_path):
    runner = ClusterRunner(made, str(tmp_path / "key.db"), retries=0)
    with cluster(tmp_path / "dask", 0) as dask:
        dask.worker("other", LEAKFIRST_KEY="another key of sixteen letters")
        runner.address = dask.address
        summary = runner.sweep()
    assert len(summary.failed) == 7
    assert {why for _, why in summary.failed} == {
        "this worker's key differs from the coordinator's: set LEAKFIRST_KEY for both"
    }
    assert runner.read_states() == {}


def test_a_cluster_can_be_adaptive(made, tmp_path):
    class Growing(ClusterRunner):
        def executor(self, settings):
            options = {"minimum": 0, "maximum": 2, "threads_per_worker": 1, "dashboard_address": ":0"}
            return DaskExecutor(settings, "distributed.LocalCluster", {}, options)

    runner = Growing(made, str(tmp_path / "growing.db"))
    assert runner.sweep().swept == 7


def test_an_invalid_or_unreachable_cluster_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr("detector.fleet.executors.dask.CONNECT_SECONDS", 1)
    settings, _ = SweepRunner(tmp_path, "").settings()
    with pytest.raises(SourceError, match=r"^--cluster tcp://127.0.0.1:1: .+"):
        DaskExecutor(settings, "tcp://127.0.0.1:1")
    with pytest.raises(UsageError, match="no such class"):
        DaskExecutor(settings, "nowhere.Cluster")
    with pytest.raises(UsageError, match="write tls://"):
        DaskExecutor(settings, "tcp://127.0.0.1:1", {"ca": "ca.pem"})
