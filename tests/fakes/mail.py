"""A mail server that speaks enough SMTP to be given a message, with STARTTLS and a sign-in."""

from __future__ import annotations

import base64
import datetime
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PASSWORD = "-".join(("mail", "password", "canary"))


class Mailbox:
    """What has arrived: (encrypted, sender, recipients, message)."""

    def __init__(self) -> None:
        self.port = 0
        self.ca = ""
        self.arrived: list[tuple[bool, str, list[str], bytes]] = []
        self.trouble: list[str] = []
        """Answers that are given to DATA first."""


@contextmanager
def receiving(folder: Path) -> Iterator[Mailbox]:
    """Yield a mail server on this machine; its certificate's issuer is in `ca`."""
    box = Mailbox()
    box.ca = str(_certificate(folder))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(box.ca)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            secure, sender, to = False, "", list[str]()
            self._say("220 mail.test ESMTP")
            while line := self.rfile.readline():
                word = line.decode().strip()
                verb = word.upper()
                if verb.startswith("EHLO"):
                    more = "250-AUTH PLAIN" if secure else "250-STARTTLS"
                    self._say(f"250-mail.test\r\n{more}\r\n250 8BITMIME")
                elif verb == "STARTTLS":
                    self._say("220 go ahead")
                    self.connection = tls.wrap_socket(self.connection, server_side=True)
                    self.rfile = self.connection.makefile("rb")
                    self.wfile = self.connection.makefile("wb", 0)
                    secure = True
                elif verb.startswith("AUTH PLAIN"):
                    given = base64.b64decode(word.split()[2]).split(b"\0")[2].decode()
                    self._say("235 in" if given == PASSWORD else "535 no")
                elif verb.startswith("MAIL FROM"):
                    sender = word[10:].split()[0].strip("<>")
                    self._say("250 ok")
                elif verb.startswith("RCPT TO"):
                    to.append(word[8:].split()[0].strip("<>"))
                    self._say("250 ok")
                elif verb == "DATA" and box.trouble:
                    self._say(box.trouble.pop(0))
                elif verb == "DATA":
                    self._say("354 go on")
                    lines = []
                    while (text := self.rfile.readline()) not in (b".\r\n", b""):
                        lines.append(text)
                    box.arrived.append((secure, sender, to, b"".join(lines)))
                    self._say("250 taken")
                elif verb == "QUIT":
                    self._say("221 bye")
                    return
                else:
                    self._say("250 ok")

        def _say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield box
        server.shutdown()


def _certificate(folder: Path) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "mail.pem"
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path
