"""A provider on this machine: plays any host over TLS, and writes down what it was asked.

The guard stays as strict as it is: names resolve to public addresses, and
only the last step, the connection to an approved address, is led here.
"""

import asyncio
import datetime
import ipaddress
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

PUBLIC = "140.82.121.6"
"""A public address; nothing is ever sent there."""


class Heard(NamedTuple):
    """One request as it arrived."""

    method: str
    host: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: float = 0.0
    protocol: str = "http/1.1"


class Say(NamedTuple):
    """One answer. `delay` in seconds before it, `forever` sends the body again and again, without a length."""

    status: int = 200
    body: bytes | str | dict[str, Any] | list[Any] = b"{}"
    headers: tuple[tuple[str, str], ...] = ()
    delay: float = 0.0
    forever: bool = False

    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()


Answerer = Callable[[Heard], Say]


class Authority:
    """A certificate authority of our own, and certificates for any host."""

    def __init__(self, folder: Path) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        self._x509, self._hashes, self._serialization, self._ec = x509, hashes, serialization, ec
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Authority")])
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}
        self.certificate = folder / "authority.pem"
        made = self._certificate(self._name, self._key.public_key(), x509.BasicConstraints(True, None))
        self.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _certificate(self, subject: Any, public: Any, *extensions: Any) -> Any:
        now = datetime.datetime.now(datetime.UTC)
        builder = (
            self._x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(self._x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=isinstance(extension, self._x509.BasicConstraints))
        return builder.sign(self._key, self._hashes.SHA256())

    def files(self, host: str) -> tuple[Path, Path]:
        """Make a certificate and a key for *host* and return their paths."""
        key = self._ec.generate_private_key(self._ec.SECP256R1())
        try:
            name: Any = self._x509.IPAddress(ipaddress.ip_address(host))
        except ValueError:
            name = self._x509.DNSName(host)
        subject = self._x509.Name([self._x509.NameAttribute(self._x509.NameOID.COMMON_NAME, "server")])
        made = self._certificate(subject, key.public_key(), self._x509.SubjectAlternativeName([name]))
        stem = host.replace("*", "_").replace(":", "_")
        certificate, private = self._folder / f"{stem}.crt", self._folder / f"{stem}.key"
        certificate.write_bytes(made.public_bytes(self._serialization.Encoding.PEM))
        private.write_bytes(
            key.private_bytes(
                self._serialization.Encoding.PEM,
                self._serialization.PrivateFormat.PKCS8,
                self._serialization.NoEncryption(),
            )
        )
        return certificate, private

    def server_context(self, host: str, *, http2: bool) -> ssl.SSLContext:
        if (host, http2) not in self._made:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.files(host))
            context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
            self._made[host, http2] = context
        return self._made[host, http2]

    def client_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.certificate))
        return context


class Provider:
    """Listens on a loopback port, in its own thread; `answer` may be replaced at any time."""

    def __init__(self, authority: Authority, *, http2: bool = False) -> None:
        self.heard: list[Heard] = []
        self.answer: Answerer = lambda _: Say()
        self.names: set[str] = set()
        self.port = self.plain_port = 0
        self._authority = authority
        self._http2 = http2
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> "Provider":
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def stop(self) -> None:
        async def end() -> None:
            self._server.close()
            self._plain.close()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _listen(self) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._authority.files("127.0.0.1"))
        context.set_alpn_protocols(["h2", "http/1.1"] if self._http2 else ["http/1.1"])

        def choose(connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
            self.names.add(name or "")
            if name:
                connection.context = self._authority.server_context(name, http2=self._http2)

        context.sni_callback = choose  # type: ignore[assignment]
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context, backlog=500)
        self.port = self._server.sockets[0].getsockname()[1]
        self._plain = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=500)
        self.plain_port = self._plain.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            tls = writer.get_extra_info("ssl_object")
            chosen = tls.selected_alpn_protocol() if tls else None
            await (self._serve_h2 if chosen == "h2" else self._serve_h1)(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _serve_h1(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.rstrip().split("\r\n")
            method, target, _ = first.split(" ", 2)
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            heard = Heard(method, headers.get("host", ""), target, headers, body, time.monotonic())
            self.heard.append(heard)
            say = self.answer(heard)
            await asyncio.sleep(say.delay)
            content = say.content()
            lines = [f"HTTP/1.1 {say.status} Said"]
            given = dict(say.headers)
            given.setdefault("Content-Type", "application/json")
            if not say.forever:
                given["Content-Length"] = str(len(content))
            lines += [f"{name}: {value}" for name, value in given.items()]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode() + (b"" if method == "HEAD" else content))
            await writer.drain()
            for _ in range(64 if say.forever else 0):
                writer.write(content)
                await asyncio.wait_for(writer.drain(), 5)

    async def _serve_h2(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        import h2.config
        import h2.connection
        import h2.events

        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        begun: dict[int, dict[str, str]] = {}
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    begun[event.stream_id] = dict(event.headers)
                if isinstance(event, h2.events.StreamEnded):
                    head = begun.pop(event.stream_id)
                    heard = Heard(head[":method"], head[":authority"], head[":path"], head, b"", time.monotonic(), "h2")
                    self.heard.append(heard)
                    say = self.answer(heard)
                    connection.send_headers(
                        event.stream_id, [(":status", str(say.status)), ("content-type", "application/json")]
                    )
                    connection.send_data(event.stream_id, say.content(), end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()


@contextmanager
def provider(authority: Authority, *, http2: bool = False) -> Iterator[Provider]:
    """Run a provider for the length of a block."""
    made = Provider(authority, http2=http2).start()
    try:
        yield made
    finally:
        made.stop()


def by_credential(secret: str, live: Say, dead: Say) -> Answerer:
    """Answer *live* when *secret* stands anywhere in the request (also in Basic), else *dead*."""
    import base64
    from urllib.parse import unquote_plus

    def answer(heard: Heard) -> Say:
        texts = [
            unquote_plus(heard.target),
            *heard.headers.values(),
            unquote_plus(heard.body.decode("utf-8", "replace")),
        ]
        basic = heard.headers.get("authorization", "")
        if basic.startswith("Basic "):
            texts.append(base64.b64decode(basic[6:]).decode("utf-8", "replace"))
        return live if any(secret in text for text in texts) else dead

    return answer


def client_to(made: Provider, authority: Authority, settings: Any = None, *, tls: bool = True) -> Any:
    """Return a client whose approved connections end at *made*; call it within the running event loop.

    Without *tls* the guard decides as ever, and the approved connection goes on
    in plain text: hundreds of hosts are asked in a second.
    """
    from detector.net.ssrf_guard import SsrfGuard
    from detector.probes.core.client import ProbeClient
    from detector.probes.core.contract import ProbeSettings

    settings = settings or ProbeSettings(timeout=60)

    async def public(host: str, port: int) -> list[str]:
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            return [PUBLIC]

    port = made.port if tls else made.plain_port
    guard = SsrfGuard(settings.allow_internal, public, lambda address, _: ("127.0.0.1", port))
    backend = None if tls else _without_tls(guard)
    return ProbeClient(settings, guard, authority.client_context(), proxies={}, backend=backend)


def _without_tls(guard: Any) -> Any:
    from detector.net.transport import GuardedBackend

    class Backend(GuardedBackend):
        async def connect_tcp(self, *args: Any, **kwargs: Any) -> Any:
            stream = await super().connect_tcp(*args, **kwargs)

            async def start_tls(*_: Any, **__: Any) -> Any:
                return stream

            stream.start_tls = start_tls  # type: ignore[method-assign]
            return stream

    return Backend(guard)
