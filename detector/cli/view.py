"""`leakfirst view`: a stored report as a web page.

The page is served on the loopback interface, under a path that cannot be guessed, and
only to requests whose Host header names this machine: another web site that is open
in the same browser must not be able to read it.
"""

from __future__ import annotations

import argparse
import secrets
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from detector.errors import ExitCode, UsageError
from detector.reports import parse_report
from detector.reports.html import render_page

SUMMARY = "show a JSON report in a browser"

EXAMPLE = """examples:
  leakfirst scan --format json --output leaks.json . ; leakfirst view leaks.json
  leakfirst view leaks.json --output leaks.html
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `view`."""
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("report", metavar="REPORT.json", help='made with --format json; "-" for standard input')
    parser.add_argument("--port", type=int, default=0, metavar="N", help="default: a free port")
    parser.add_argument("--no-browser", action="store_true", help="print the address and do not open a browser")
    parser.add_argument(
        "--output", "-o", default="", metavar="FILE.html", help="write the page to a file instead of serving it"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, or serve it until Ctrl-C; return the exit code."""
    content = "".join(render_page(parse_report(_read_text(args.report), args.report))).encode("ascii")
    if args.output:
        from detector.files.writing import write_file

        write_file(args.output, content)
        return int(ExitCode.CLEAN)
    if not 0 <= args.port <= 65535:
        raise UsageError(f"--port {args.port}: must be a number from 0 to 65535")
    try:
        server, address = start_server(content, args.port)
    except OSError as error:
        raise UsageError(
            f"--port {args.port}: cannot listen on it ({error.strerror}); leave it out to use a free port"
        ) from None
    with server:
        print(f"{address}\nPress Ctrl-C to stop.", flush=True)
        if not args.no_browser:
            import webbrowser

            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()
    return int(ExitCode.CLEAN)


def _read_text(name: str) -> str:
    try:
        if name == "-":
            return sys.stdin.buffer.read().decode("utf-8-sig", "replace")
        with open(name, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{name}: cannot be read ({error.strerror})") from None


def start_server(content: bytes, port: int = 0) -> tuple[ThreadingHTTPServer, str]:
    """Start a server of *content* on the loopback interface; return it and the address of the page."""
    token = secrets.token_urlsafe(24)

    class Handler(BaseHTTPRequestHandler):
        server_version = "leakfirst"
        sys_version = ""

        def do_GET(self) -> None:
            hosts = {f"{name}:{server.server_port}" for name in ("127.0.0.1", "localhost")}
            here = self.headers.get("Host", "") in hosts
            if not here or not secrets.compare_digest(self.path.encode("utf-8", "replace"), f"/{token}/".encode()):
                self.send_error(404)
                return
            self.send_response(200)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(content))),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("X-Content-Type-Options", "nosniff"),
                ("X-Frame-Options", "DENY"),
                ("Cross-Origin-Resource-Policy", "same-origin"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Log nothing: the path contains the token."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    return server, f"http://127.0.0.1:{server.server_port}/{token}/"
