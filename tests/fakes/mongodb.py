"""A MongoDB as far as a sign-in goes: hello, SCRAM-SHA-256, connectionStatus. No package ships a server."""

import base64
import hashlib
import hmac
import secrets
import socketserver
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Connection(socketserver.BaseRequestHandler):
    server: Any

    def handle(self) -> None:
        import bson

        self.signed_in = False
        while head := self._exactly(16):
            size, number, _, code = struct.unpack("<iiii", head)
            body = self._exactly(size - 16)
            if code == 2004:  # OP_QUERY, for the first hello alone
                at = body.index(b"\0", 4) + 1 + 8
                reply = bson.encode(self._answer(bson.decode(body[at:])))
                made = struct.pack("<iqii", 8, 0, 0, 1) + reply
                code = 1
            else:
                reply = bson.encode(self._answer(bson.decode(body[5 : 5 + struct.unpack_from("<i", body, 5)[0]])))
                made = struct.pack("<iB", 0, 0) + reply
            self.request.sendall(struct.pack("<iiii", 16 + len(made), 1, number, code) + made)

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.request.recv(size - len(data))
            if not more:
                return b""
            data += more
        return data

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        command = next(iter(asked))
        self.server.heard.append(command)
        if command.lower() in ("hello", "ismaster"):
            return {
                "ok": 1.0, "helloOk": True, "isWritablePrimary": True, "ismaster": True, "maxWireVersion": 21,
                "minWireVersion": 0, "maxBsonObjectSize": 1 << 24, "maxMessageSizeBytes": 48000000,
                "maxWriteBatchSize": 1000, "saslSupportedMechs": ["SCRAM-SHA-256"], "readOnly": False,
            }  # fmt: skip
        if command == "saslStart":
            return self._challenge(asked["payload"])
        if command == "saslContinue":
            return self._proof(asked["payload"])
        if command == "connectionStatus" and self.signed_in:
            users = [{"user": self.server.user, "db": "admin"}]
            roles = [{"role": "readWrite", "db": "app"}]
            return {"ok": 1.0, "authInfo": {"authenticatedUsers": users, "authenticatedUserRoles": roles}}
        if command == "endSessions":
            return {"ok": 1.0}
        return {"ok": 0.0, "code": 13, "errmsg": "requires authentication"}

    def _challenge(self, payload: bytes) -> dict[str, Any]:
        self._first = payload.decode().partition(",,")[2]
        nonce = self._first.partition("r=")[2] + secrets.token_hex(8)
        self._salt = secrets.token_bytes(16)
        self._said = f"r={nonce},s={base64.b64encode(self._salt).decode()},i=4096"
        return {"ok": 1.0, "conversationId": 1, "done": False, "payload": self._said.encode()}

    def _proof(self, payload: bytes) -> dict[str, Any]:
        last, _, proof = payload.decode().rpartition(",p=")
        salted = hashlib.pbkdf2_hmac("sha256", self.server.password.encode(), self._salt, 4096)
        client = hmac.digest(salted, b"Client Key", "sha256")
        message = f"{self._first},{self._said},{last}".encode()
        signature = hmac.digest(hashlib.sha256(client).digest(), message, "sha256")
        wanted = bytes(a ^ b for a, b in zip(client, signature, strict=True))
        if not hmac.compare_digest(base64.b64decode(proof), wanted):
            return {"ok": 0.0, "code": 18, "codeName": "AuthenticationFailed", "errmsg": "Authentication failed."}
        self.signed_in = True
        server = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        verifier = b"v=" + base64.b64encode(server)
        return {"ok": 1.0, "conversationId": 1, "done": True, "payload": verifier}


class MongoDB(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, user: str, password: str, tls: Any = None) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.user, self.password, self._tls = user, password, tls
        self.heard: list[str] = []

    def get_request(self) -> Any:
        connection, address = super().get_request()
        return (self._tls.wrap_socket(connection, server_side=True) if self._tls else connection), address

    def handle_error(self, *_: object) -> None:
        """Say nothing: a client that goes away is no news."""


@contextmanager
def mongodb(user: str, password: str, tls: Any = None) -> Iterator[MongoDB]:
    with MongoDB(user, password, tls) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
