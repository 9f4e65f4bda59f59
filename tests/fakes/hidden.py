"""Places where a credential hides one layer down or two: one builder for the tests and for benchmarks/inside.py.

Each place holds the token once. `line` is where a person would look in the
outermost text; 0 stands for a binary file, where lines mean nothing.
"""

import base64
import bz2
import gzip
import json
import lzma
import quopri
import textwrap
import zlib
from collections.abc import Callable
from typing import NamedTuple


class Place(NamedTuple):
    """A file to write: what it shows, its name, its bytes, the outer line of the token."""

    name: str
    path: str
    content: bytes
    line: int


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def settings(token: str, size: int = 400) -> bytes:
    """A configuration of some lines that holds *token* in the middle."""
    filler = "".join(f"  option_{number}: {number * 7919 % 1000}\n" for number in range(size // 20))
    return f"app:\n{filler}  deploy: {token}\n{filler}".encode()


def folded(text: str, width: int, between: str, needle: int) -> tuple[str, int]:
    """Fold *text*; return it, and the number of the line that holds character *needle*."""
    return between.join(textwrap.wrap(text, width)), needle // width


def encoded(token: str) -> list[Place]:
    """Texts that hold *token* in an encoding, each behind two lines of something else."""
    raw = token.encode()
    config = settings(token)
    needle = (config.index(raw) * 4) // 3
    places: list[Place] = []

    def add(name: str, text: str | bytes, line: int = 3, path: str = "") -> None:
        body = text.encode() if isinstance(text, str) else text
        places.append(
            Place(name, path or f"{name.replace(' ', '-')}.txt", b"first\nsecond\n" + body + b"\nlast\n", line)
        )

    for shift in range(3):
        add(f"base64 alignment {shift}", f'v = "{b64(b"x" * shift + b" " + raw)}"')
    add("base64 unpadded", "v: " + b64(raw).rstrip("="))
    add("base64 url-safe", "v: " + b64url(b"\xff\xfe\xfb~~ " + config))
    for name, width, between, before in (
        ("wrapped", 76, "\n", ""), ("wrapped crlf", 64, "\r\n", ""), ("yaml folded", 60, "\n    ", "k: >-\n    "),
        ("yaml literal", 70, "\n  ", "k: |\n  "), ("in a comment", 72, "\n# ", "# "),
        ("concatenated", 60, '" +\n    "', 'x = "'), ("concatenated python", 60, '"\n    "', 'x = ("'),
    ):  # fmt: skip
        text, line = folded(b64(config), width, between, needle)
        add(f"base64 {name}", before + text + '"', 3 + before.count("\n") + line)
    add("base64 escaped line breaks", json.dumps({"k": folded(b64(config), 64, "\n", 0)[0]}))
    add("base64 of base64", "v=" + b64(b64(raw).encode()))
    add("base64 of base64 of a file", "v=" + b64(b64(config).encode()))
    add("base64 of hex", "v=" + b64(raw.hex().encode()))
    add("base64 of utf-16", "powershell -enc " + b64(f'$t="{token}"'.encode("utf-16-le")))
    compressors: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress, "zlib": zlib.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    }  # fmt: skip
    for name, compress in compressors.items():
        add(f"base64 of {name}", "d: " + b64(compress(config)))
    add("base64 of gzip of base64", "d: " + b64(gzip.compress(b64(config).encode())))
    add("data address", f'<a href="data:text/plain;base64,{b64(raw)}">')
    add("hex", "v=" + raw.hex())
    add("hex capitals", "v=" + raw.hex().upper())
    text, line = folded(config.hex(), 64, "\n", config.index(raw) * 2)
    add("hex wrapped", text, 3 + line)
    add("hex of gzip", "v=" + gzip.compress(config).hex())
    add("numbers in C", "{" + ", ".join(f"0x{byte:02x}" for byte in raw) + "}")
    add("numbers in JavaScript", f"String.fromCharCode({','.join(str(byte) for byte in raw)})")
    add("percent throughout", "u=" + "".join(f"%{byte:02X}" for byte in raw))
    add("percent around", f"u=https%3A%2F%2Fx%3Ft%3D{token}%26y")
    add("percent twice", f"u=x%253D{token}%2526")
    add("unicode escapes", '"' + "".join(f"\\u{byte:04x}" for byte in raw) + '"')
    add("unicode escapes around", f'{{"a":"x\\u003d{token}\\u0026y"}}')
    add("unicode braces", "'" + "".join(f"\\u{{{byte:x}}}" for byte in raw) + "'")
    add("byte escapes", '"' + "".join(f"\\x{byte:02x}" for byte in raw) + '"')
    add("octal escapes", '"' + "".join(f"\\{byte:03o}" for byte in raw) + '"')
    add("line break escape in front", f'"line\\n{token}\\nmore"')
    add("JSON in JSON in JSON", json.dumps({"x": json.dumps({"y": json.dumps({"t": f"a\n{token}\n"})})}))
    add("base64 in JSON in JSON", json.dumps({"a": json.dumps({"v": b64(config)})}))
    add("properties", f"url=https\\://x\\:{token}@h")
    add("entities decimal", "".join(f"&#{byte};" for byte in raw))
    add("entities hex", "".join(f"&#x{byte:x};" for byte in raw))
    add("entities around", f"&quot;token&quot;:&quot;{token}&quot;")
    mail = quopri.encodestring(b"caf\xc3\xa9 = " * 6 + raw + b" and on").decode()
    add(
        "quoted-printable",
        f"Content-Transfer-Encoding: quoted-printable\n\n{mail}",
        5 + mail[: mail.index("ghp_")].count("\n"),
    )
    text, line = folded(b64(config), 76, "\n", needle)
    add("mail base64", f"Content-Transfer-Encoding: base64\nX-A: b\n\n{text}", 6 + line)
    add("mail header", f"Subject: =?utf-8?B?{b64(b'my ' + raw)}?=")
    head, body = (b64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": "1", "x": token}))
    add("token body", f"{head}.{body}.c2ln")
    add("kubernetes secret", f"apiVersion: v1\nkind: Secret\ndata:\n  gh: {b64(raw)}", 6, "secret.yaml")
    add("joined with plus", f'x = "{token[:4]}" + "{token[4:]}"')
    add("joined over lines", f'x = "{token[:18]}" + \n     "{token[18:]}"')
    add("joined python", f'x = ("{token[:18]}"\n     "{token[18:]}")')
    add("joined php", f"$x = '{token[:4]}' . '{token[4:]}'")
    add("continued line", f'x = "{token[:20]}\\\n{token[20:]}"')
    add("terminal colours", f"\x1b[32m{token}\x1b[0m ok", path="build.log")
    add("terminal colours within", f"\x1b[1m{token[:20]}\x1b[0m{token[20:]}", path="colours.log")
    add("latin-1", "# pässwort ".encode("latin-1") + raw)
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le"):
        wide = f"# 日本 ü\nkey = {token}\n"
        mark = "\ufeff" if codec != "utf-16-be" else ""
        places.append(Place(f"{codec} marked" if mark else codec, f"{codec}.ps1", (mark + wide).encode(codec), 2))
        places.append(Place(f"{codec} plain", f"plain-{codec}.ps1", f"# x\nkey = {token}\n".encode(codec), 2))
    add("utf-16 in a binary", b"\x00\x01\xfe\x90\x80" + token.encode("utf-16-le") + b"\x00\x00\x07", 0, "tool.exe")
    add(
        "utf-16 big-endian in a binary",
        b"\x00\x01\xfe\x90\x80" + token.encode("utf-16-be") + b"\x00\x00\x07",
        0,
        "tool.class",
    )
    return places
