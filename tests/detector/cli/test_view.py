from __future__ import annotations

import argparse
import http.client
import io
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from detector.cli import view
from detector.reports.json import write
from leakfirst._program import main
from tests.golden.sample import OPTIONS, scan

pytestmark = pytest.mark.net


@pytest.fixture
def report(tmp_path: Path) -> Path:
    out = io.StringIO()
    write(scan(), out, OPTIONS)
    file = tmp_path / "leaks.json"
    file.write_text(out.getvalue())
    return file


@pytest.fixture
def address() -> Iterator[str]:
    server, address = view.start_server(b"<p>page</p>")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield address
    server.shutdown()
    server.server_close()
    thread.join()


def ask(address: str, path: str | None = None, host: str | None = None, method: str = "GET") -> tuple[int, bytes]:
    parts = urlsplit(address)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=60)
    connection.request(method, parts.path if path is None else path, headers={"Host": host or parts.netloc})
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


def test_the_page_is_served_under_its_own_address_only(address: str) -> None:
    assert ask(address) == (200, b"<p>page</p>")
    assert ask(address, "/")[0] == 404
    assert ask(address, urlsplit(address).path + "x")[0] == 404
    assert ask(address, method="POST")[0] == 501


def test_another_name_for_this_machine_is_refused(address: str) -> None:
    port = urlsplit(address).port
    assert ask(address, host=f"evil.example:{port}")[0] == 404
    assert ask(address, host=f"localhost:{port}")[0] == 200


def test_the_address_cannot_be_guessed(address: str) -> None:
    assert len(urlsplit(address).path) > 30
    assert urlsplit(address).hostname == "127.0.0.1"


def test_a_page_is_written(report: Path, tmp_path: Path) -> None:
    page = tmp_path / "leaks.html"
    assert main(["view", str(report), "--output", str(page)]) == 0
    assert "5 credentials found" in page.read_text("ascii")


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "cannot be read"), ("no", "is not JSON"), ("{}", "is not a leakfirst/findings/1")]
)
def test_what_is_no_report_is_one_clear_line(
    content: str | None, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "x.json"
    if content is not None:
        file.write_text(content)
    assert main(["view", str(file)]) == 2
    error = capsys.readouterr().err
    assert complaint in error and error.count("\n") == 1


def test_a_port_that_is_taken_is_one_clear_line(report: Path, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    port = str(urlsplit(address).port)
    assert main(["view", str(report), "--no-browser", "--port", port]) == 2
    assert main(["view", str(report), "--no-browser", "--port", "70000"]) == 2
    assert capsys.readouterr().err.count("--port") == 2


def test_it_serves_until_interrupted(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_self: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(view.ThreadingHTTPServer, "serve_forever", interrupted)
    assert view.run(argparse.Namespace(report=str(report), port=0, no_browser=True, output="")) == 0
    assert "http://127.0.0.1:" in capsys.readouterr().out
