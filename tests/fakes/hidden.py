"""Places where a credential hides one layer down or two: one builder for the tests and for benchmarks/inside.py.

Each place holds the token once. `line` is where a person would look in the
outermost text; 0 stands for a binary file, where lines mean nothing.
"""

import base64
import bz2
import gzip
import hashlib
import io
import json
import lzma
import marshal
import quopri
import sqlite3
import tarfile
import textwrap
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple


class Place(NamedTuple):
    """A file to write: what it shows, its name, its bytes, the line of the token, the member that holds it."""

    name: str
    path: str
    content: bytes
    line: int
    inner: str = ""


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


def behind(name: str, text: str | bytes, line: int = 3, path: str = "") -> Place:
    """Put *text* behind two lines of something else."""
    body = text.encode() if isinstance(text, str) else text
    return Place(name, path or f"{name.replace(' ', '-')}.txt", b"first\nsecond\n" + body + b"\nlast\n", line)


def encoded(token: str) -> list[Place]:
    """Texts that hold *token* in an encoding, each behind two lines of something else."""
    kinds = (in_base64, in_packed_base64, in_escapes, in_mail_and_documents, in_pieces, in_wide_characters)
    return [place for kind in kinds for place in kind(token)]


def in_base64(token: str) -> Iterator[Place]:
    """In every alignment and form of base64."""
    raw = token.encode()
    config = settings(token)
    needle = (config.index(raw) * 4) // 3
    for shift in range(3):
        yield behind(f"base64 alignment {shift}", f'v = "{b64(b"x" * shift + b" " + raw)}"')
    yield behind("base64 unpadded", "v: " + b64(raw).rstrip("="))
    yield behind("base64 url-safe", "v: " + b64url(b"\xff\xfe\xfb~~ " + config))
    for name, width, between, before in (
        ("wrapped", 76, "\n", ""), ("wrapped crlf", 64, "\r\n", ""), ("yaml folded", 60, "\n    ", "k: >-\n    "),
        ("yaml literal", 70, "\n  ", "k: |\n  "), ("in a comment", 72, "\n# ", "# "),
        ("concatenated", 60, '" +\n    "', 'x = "'), ("concatenated python", 60, '"\n    "', 'x = ("'),
    ):  # fmt: skip
        text, line = folded(b64(config), width, between, needle)
        yield behind(f"base64 {name}", before + text + '"', 3 + before.count("\n") + line)
    yield behind("base64 escaped line breaks", json.dumps({"k": folded(b64(config), 64, "\n", 0)[0]}))
    yield behind("base64 of base64", "v=" + b64(b64(raw).encode()))
    yield behind("base64 of base64 of a file", "v=" + b64(b64(config).encode()))
    yield behind("base64 of hex", "v=" + b64(raw.hex().encode()))
    yield behind("base64 of utf-16", "powershell -enc " + b64(f'$t="{token}"'.encode("utf-16-le")))


def in_packed_base64(token: str) -> Iterator[Place]:
    """Compressed, then encoded."""
    config = settings(token)
    compressors: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress, "zlib": zlib.compress, "bzip2": bz2.compress, "xz": lzma.compress,
    }  # fmt: skip
    for name, compress in compressors.items():
        yield behind(f"base64 of {name}", "d: " + b64(compress(config)))
    yield behind("base64 of gzip of base64", "d: " + b64(gzip.compress(b64(config).encode())))


def in_escapes(token: str) -> Iterator[Place]:
    """In hex, numbers, and the escapes of languages and addresses."""
    raw = token.encode()
    config = settings(token)
    yield behind("data address", f'<a href="data:text/plain;base64,{b64(raw)}">')
    yield behind("hex", "v=" + raw.hex())
    yield behind("hex capitals", "v=" + raw.hex().upper())
    text, line = folded(config.hex(), 64, "\n", config.index(raw) * 2)
    yield behind("hex wrapped", text, 3 + line)
    yield behind("hex of gzip", "v=" + gzip.compress(config).hex())
    yield behind("numbers in C", "{" + ", ".join(f"0x{byte:02x}" for byte in raw) + "}")
    yield behind("numbers in JavaScript", f"String.fromCharCode({','.join(str(byte) for byte in raw)})")
    yield behind("percent throughout", "u=" + "".join(f"%{byte:02X}" for byte in raw))
    yield behind("percent around", f"u=https%3A%2F%2Fx%3Ft%3D{token}%26y")
    yield behind("percent twice", f"u=x%253D{token}%2526")
    yield behind("unicode escapes", '"' + "".join(f"\\u{byte:04x}" for byte in raw) + '"')
    yield behind("unicode escapes around", f'{{"a":"x\\u003d{token}\\u0026y"}}')
    yield behind("unicode braces", "'" + "".join(f"\\u{{{byte:x}}}" for byte in raw) + "'")
    yield behind("byte escapes", '"' + "".join(f"\\x{byte:02x}" for byte in raw) + '"')
    yield behind("octal escapes", '"' + "".join(f"\\{byte:03o}" for byte in raw) + '"')
    yield behind("line break escape in front", f'"line\\n{token}\\nmore"')
    yield behind("JSON in JSON in JSON", json.dumps({"x": json.dumps({"y": json.dumps({"t": f"a\n{token}\n"})})}))
    yield behind("base64 in JSON in JSON", json.dumps({"a": json.dumps({"v": b64(config)})}))
    yield behind("properties", f"url=https\\://x\\:{token}@h")
    yield behind("entities decimal", "".join(f"&#{byte};" for byte in raw))
    yield behind("entities hex", "".join(f"&#x{byte:x};" for byte in raw))
    yield behind("entities around", f"&quot;token&quot;:&quot;{token}&quot;")


def in_mail_and_documents(token: str) -> Iterator[Place]:
    """In mail, tokens and manifests."""
    raw = token.encode()
    config = settings(token)
    needle = (config.index(raw) * 4) // 3
    mail = quopri.encodestring(b"caf\xc3\xa9 = " * 6 + raw + b" and on").decode()
    yield behind(
        "quoted-printable",
        f"Content-Transfer-Encoding: quoted-printable\n\n{mail}",
        5 + mail[: mail.index("ghp_")].count("\n"),
    )
    text, line = folded(b64(config), 76, "\n", needle)
    yield behind("mail base64", f"Content-Transfer-Encoding: base64\nX-A: b\n\n{text}", 6 + line)
    yield behind("mail header", f"Subject: =?utf-8?B?{b64(b'my ' + raw)}?=")
    head, body = (b64url(json.dumps(part).encode()) for part in ({"alg": "HS256"}, {"sub": "1", "x": token}))
    yield behind("token body", f"{head}.{body}.c2ln")
    yield behind("kubernetes secret", f"apiVersion: v1\nkind: Secret\ndata:\n  gh: {b64(raw)}", 6, "secret.yaml")


def in_pieces(token: str) -> Iterator[Place]:
    """In pieces that a program joins."""
    raw = token.encode()
    yield behind("joined with plus", f'x = "{token[:4]}" + "{token[4:]}"')
    yield behind("joined over lines", f'x = "{token[:18]}" + \n     "{token[18:]}"')
    yield behind("joined python", f'x = ("{token[:18]}"\n     "{token[18:]}")')
    yield behind("joined php", f"$x = '{token[:4]}' . '{token[4:]}'")
    yield behind("continued line", f'x = "{token[:20]}\\\n{token[20:]}"')
    yield behind("terminal colours", f"\x1b[32m{token}\x1b[0m ok", path="build.log")
    yield behind("terminal colours within", f"\x1b[1m{token[:20]}\x1b[0m{token[20:]}", path="colours.log")
    yield behind("latin-1", "# pässwort ".encode("latin-1") + raw)


def in_wide_characters(token: str) -> Iterator[Place]:
    """In characters of two and four bytes."""
    for codec in ("utf-16-le", "utf-16-be", "utf-32-le"):
        wide = f"# 日本 ü\nkey = {token}\n"
        mark = "\ufeff" if codec != "utf-16-be" else ""
        yield Place(f"{codec} marked" if mark else codec, f"{codec}.ps1", (mark + wide).encode(codec), 2)
        yield Place(f"{codec} plain", f"plain-{codec}.ps1", f"# x\nkey = {token}\n".encode(codec), 2)
    yield behind(
        "utf-16 in a binary", b"\x00\x01\xfe\x90\x80" + token.encode("utf-16-le") + b"\x00\x00\x07", 0, "tool.exe"
    )
    yield behind(
        "utf-16 big-endian in a binary",
        b"\x00\x01\xfe\x90\x80" + token.encode("utf-16-be") + b"\x00\x00\x07",
        0,
        "tool.class",
    )


def zipped(members: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tarred(members: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def ar(members: Mapping[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, content in members.items():
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        out += content + b"\n" * (len(content) % 2)
    return out


def cpio(members: Mapping[str, bytes]) -> bytes:
    out = b""
    for name, content in {**members, "TRAILER!!!": b""}.items():
        fields = [1, 0o100644, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return out


def rpm(payload: bytes) -> bytes:
    header = b"\x8e\xad\xe8\x01" + bytes(4)
    signature = header + (1).to_bytes(4) + (5).to_bytes(4) + bytes(16) + b"abcde" + bytes(3)
    main = header + (1).to_bytes(4) + (4).to_bytes(4) + bytes(16) + b"name"
    return b"\xed\xab\xee\xdb" + bytes(92) + signature + main + payload


def pdf(shown: bytes, flate: bool = True) -> bytes:
    stream = zlib.compress(shown) if flate else shown
    head = b"<< /Length " + str(len(stream)).encode() + (b" /Filter /FlateDecode" if flate else b"") + b" >>"
    return b"%PDF-1.4\n1 0 obj\n" + head + b"\nstream\n" + stream + b"\nendstream\nendobj\n%%EOF\n"


def database(token: str) -> bytes:
    """A database whose row is longer than a page, so that the token may be cut in two on disk."""
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE logs (at, text)")
    for cut in range(4):
        padding = "z" * (4096 - 40 + 10 * cut)
        connection.execute("INSERT INTO logs VALUES (?, ?)", (cut, f"{padding}"))
    connection.execute("INSERT INTO logs VALUES (5, ?)", (f"{'y ' * 2030} {token} {'x ' * 3000}",))
    connection.commit()
    data = bytes(connection.serialize())
    connection.close()
    return data


def image(layers: list[dict[str, bytes]], oci: bool, env: str = "A=b") -> bytes:
    """An image as `docker save` writes it; *env* stands in its configuration."""
    config = json.dumps({"config": {"Env": [env]}, "history": [{"created_by": f"RUN |1 {env} /bin/sh"}]}).encode()

    def named(content: bytes) -> str:
        return hashlib.sha256(content).hexdigest()

    archives = [tarred(layer, "w:gz" if oci else "w") for layer in layers]
    if not oci:
        names = [f"{named(content)}/layer.tar" for content in archives]
        listed = [{"Config": f"{named(config)}.json", "RepoTags": ["a:1"], "Layers": names}]
        files = {f"{named(config)}.json": config, **dict(zip(names, archives, strict=True))}
        return tarred({**files, "manifest.json": json.dumps(listed).encode()})
    manifest = {
        "schemaVersion": 2,
        "config": {"digest": f"sha256:{named(config)}"},
        "layers": [{"digest": f"sha256:{named(content)}"} for content in archives],
    }
    blobs = [config, *archives, json.dumps(manifest).encode()]
    files = {f"blobs/sha256/{named(content)}": content for content in blobs}
    index = {"schemaVersion": 2, "manifests": [{"digest": f"sha256:{named(blobs[-1])}"}]}
    layout = {"imageLayoutVersion": "1.0.0"}
    return tarred({**files, "index.json": json.dumps(index).encode(), "oci-layout": json.dumps(layout).encode()})


def notebook(token: str, in_output: bool) -> bytes:
    shown = ["first\n", f"token: {token}\n"]
    cells = [
        {"cell_type": "markdown", "source": ["# nothing"]},
        {
            "cell_type": "code",
            "source": ["x = 1\n"] if in_output else shown,
            "outputs": [{"output_type": "stream", "text": shown if in_output else []}],
        },
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}, indent=1).encode()


def source_map(sources: Mapping[str, str]) -> bytes:
    names, contents = list(sources), list(sources.values())
    return json.dumps({"version": 3, "sources": names, "sourcesContent": contents, "mappings": "AAAA"}).encode()


CONF = "x/conf.yml"


def stored(token: str) -> list[Place]:
    """Containers that hold *token*, alone and within each other."""
    return [*in_archives(token), *in_documents(token), *in_images(token), *in_archives_of_extras(token)]


def _settings_file(token: str) -> tuple[bytes, dict[str, bytes]]:
    """Return a text that holds *token*, and the members of an archive with it."""
    text = f"a: 1\nb: 2\nkey: {token}\n".encode()
    return text, {"x/readme.txt": b"nothing\n", CONF: text}


def in_archives(token: str) -> list[Place]:
    """Archives and compressed files."""
    raw = token.encode()
    text, members = _settings_file(token)
    cut = b"<w:p><w:r><w:t>" + raw[:9] + b"</w:t></w:r><w:r><w:t>" + raw[9:] + b"</w:t></w:r></w:p>"
    return [
        Place("zip", "a.zip", zipped(members), 3, CONF),
        Place("zip behind a program", "run.pyz", b"#!/usr/bin/env python3\n" + zipped(members), 3, CONF),
        Place("jar in jar", "a.jar", zipped({"lib/b.jar": zipped(members)}), 3, f"lib/b.jar!{CONF}"),
        Place("wheel", "a-1.0-py3-none-any.whl", zipped(members), 3, CONF),
        Place("docx, text cut in runs", "a.docx", zipped({"word/document.xml": cut}), 1, "word/document.xml"),
        Place("xlsx", "a.xlsx", zipped({"xl/sharedStrings.xml": b"<sst><si><t>" + raw + b"</t></si></sst>"}), 1,
              "xl/sharedStrings.xml"),
        Place("pptx", "a.pptx", zipped({"ppt/slides/slide1.xml": b"<a:p><a:t>" + raw + b"</a:t></a:p>"}), 1,
              "ppt/slides/slide1.xml"),
        Place("apk", "a.apk", zipped({"assets/config.json": text}), 3, "assets/config.json"),
        Place("tar", "a.tar", tarred(members), 3, CONF),
        Place("tar.gz", "a.tgz", tarred(members, "w:gz"), 3, CONF),
        Place("tar.bz2", "a.tar.bz2", tarred(members, "w:bz2"), 3, CONF),
        Place("tar.xz", "a.tar.xz", tarred(members, "w:xz"), 3, CONF),
        Place("gz", "conf.yml.gz", gzip.compress(text), 3),
        Place("bz2", "conf.yml.bz2", bz2.compress(text), 3),
        Place("xz", "conf.yml.xz", lzma.compress(text), 3),
        Place("gz of gz", "twice.log.gz.gz", gzip.compress(gzip.compress(text)), 3),
        Place("zip in tar.gz in zip", "n.zip", zipped({"in.tgz": tarred({"deep.zip": zipped(members)}, "w:gz")}), 3,
              f"in.tgz!deep.zip!{CONF}"),
        Place("base64 of gzip in zip", "e.zip", zipped({"e.txt": b64(gzip.compress(text)).encode()}), 1, "e.txt"),
        Place("utf-16 in zip", "u.zip", zipped({"u.ps1": ("\ufeff" + text.decode()).encode("utf-16-le")}), 3, "u.ps1"),
        Place("deb", "a.deb", ar({"debian-binary": b"2.0\n", "data.tar.xz": tarred(members, "w:xz")}), 3,
              f"data.tar.xz!{CONF}"),
        Place("ar", "a.a", ar({"conf.yml/": text}), 3, "conf.yml"),
        Place("cpio", "a.cpio", cpio(members), 3, CONF),
        Place("rpm", "a.rpm", rpm(gzip.compress(cpio(members))), 3, CONF),
    ]  # fmt: skip


def in_documents(token: str) -> list[Place]:
    """Documents and programs."""
    raw = token.encode()
    text = _settings_file(token)[0]
    kerned = b"BT /F1 9 Tf 72 700 Td [(" + raw[:12] + b") -20 (" + raw[12:] + b")] TJ ET"
    code = compile(f"key = {token!r}", "a.py", "exec")
    return [
        Place("pdf, kerned", "a.pdf", pdf(kerned), 1, "stream 1"),
        Place("pdf, plain stream", "b.pdf", pdf(b"BT (" + raw + b") Tj ET", flate=False), 1, "stream 1"),
        Place("sqlite over pages", "a.sqlite", database(token), 5, "logs"),
        Place("notebook cell", "a.ipynb", notebook(token, False), 2, "cell 2"),
        Place("notebook output", "b.ipynb", notebook(token, True), 2, "cell 2 output 1"),
        Place("source map", "a.js.map", source_map({"a.ts": "x\n", "src/b.ts": text.decode()}), 3, "src/b.ts"),
        Place("source map in tar.gz", "p.tgz", tarred({"package/a.js.map": source_map({"b.ts": text.decode()})}, "w:gz"),
              3, "package/a.js.map!b.ts"),
        Place("compiled python", "a.pyc", b"\xa7\r\r\n" + bytes(12) + marshal.dumps(code), 0, "constants"),
        Place("program", "a.elf", b"\x7fELF" + bytes(range(256)) * 8 + raw + bytes(64), 0),
    ]  # fmt: skip


def in_images(token: str) -> list[Place]:
    """Images of containers."""
    layers = [{"etc/app.env": _settings_file(token)[0]}, {"etc/.wh.app.env": b"", "etc/other": b"nothing"}]
    return [
        Place("image, deleted file", "old-image.tar", image(layers, oci=False), 3, "layer 1!etc/app.env"),
        Place("image, OCI layout", "oci-image.tar", image(layers, oci=True), 3, "layer 1!etc/app.env"),
        Place("image environment", "env-image.tar", image(layers[1:], oci=True, env=f"T={token}"), 1, "config"),
    ]  # fmt: skip


def in_archives_of_extras(token: str) -> Iterator[Place]:
    """Archives that are written here only where an extra is installed."""
    text, members = _settings_file(token)
    try:
        import zstandard

        yield Place("tar.zst", "a.tar.zst", zstandard.compress(tarred(members)), 3, CONF)
    except ImportError:  # an extra
        pass
    try:
        import py7zr

        out = io.BytesIO()
        with py7zr.SevenZipFile(out, "w") as archive:
            archive.writestr(text, CONF)
        yield Place("7z", "a.7z", out.getvalue(), 3, CONF)
    except ImportError:
        pass
