"""Whatever holds the file that holds the token, the token is found and the way to it is named."""

import io
import os
import re
import subprocess
import tarfile
import zipfile
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector import containers
from detector.config import Config
from detector.containers import documents, inside, kinds, limits
from detector.model import Blob, Location, Origin, Scan, Skipped
from detector.rules import pack as packs
from detector.rules.pack import engine_of
from detector.rules.shapes import expand
from detector.scan import pipeline, worker
from detector.scan.examine import Examiner
from detector.scan.messages import Progress
from tests.fakes.hidden import Place, encoded, image, stored, tarred, zipped

RULES = r"""
[[rule]]
id = "acme.key"
finds = "Acme key"
confidence = "high"
anchors = ["ghp_[0-9A-Za-z]{12}"]
pattern = '\b(ghp_[0-9A-Za-z]{36})(?![0-9A-Za-z_])'
"""
STORED = stored("")


def planted() -> list[tuple[Place, str]]:
    """All places, each with a token of its own."""
    found = []
    for index in range(len(STORED)):
        token = expand("ghp_{alnum:36}", index)
        found.append((stored(token)[index], token))
    for index in range(len(encoded("ghp_"))):
        token = expand("ghp_{alnum:36}", 1000 + index)
        found.append((encoded(token)[index], token))
    return found


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("rules") / "acme.toml"
    path.write_text(RULES)
    return str(path)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with every place in its history, and in its working tree."""
    folder = tmp_path_factory.mktemp("planted")
    for place, _ in planted():
        (folder / place.path).write_bytes(place.content)
    git = [
        "git",
        "-C",
        str(folder),
        "-c",
        "user.name=Ada",
        "-c",
        "user.email=ada@example.test",
        "-c",
        "core.autocrlf=false",
    ]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *command], check=True, env={**os.environ, "GIT_CONFIG_GLOBAL": os.devnull})
    return str(folder)


def scan(rules: str, target: str, **options: object) -> Scan:
    return pipeline.scan(Config(targets=(target,), patterns=(rules,), only=("acme.key",), jobs=1, **options))  # type: ignore[arg-type]


def places_of(result: Scan) -> dict[str, list[Location]]:
    return {finding.secret.reveal().decode(): list(finding.locations) for finding in result.findings}


@pytest.mark.parametrize("where", ["files", "worktree", "history"])
def test_every_place_is_found(rules: str, repository: str, where: str) -> None:
    """All places in a working tree and in history; each token once, its line and its way in right."""
    result = scan(
        rules, repository, history=where == "history", worktree=where != "history", include_ignored=where == "files"
    )
    found = places_of(result)
    wrong = {}
    for place, token in planted():
        locations = found.get(token, [])
        ways = {(at.origin.path.removeprefix(repository + "/"), at.line if place.line else 0) for at in locations}
        expected = f"{place.path}!{place.inner}" if place.inner else place.path
        if ways != {(expected, place.line)}:
            wrong[place.name] = ways
    assert wrong == {}
    assert [skip for skip in result.skipped if not skip.expected] == []
    assert len(planted()) >= 90


@pytest.mark.parametrize("index", range(len(STORED)), ids=[place.name for place in STORED])
def test_every_place_is_a_target(rules: str, tmp_path, index: int) -> None:
    place, token = planted()[index]
    (tmp_path / place.path).write_bytes(place.content)
    locations = places_of(scan(rules, str(tmp_path / place.path)))[token]
    assert len({(at.origin.path, at.line) for at in locations}) == 1


ORIGIN = Origin("worktree", "x.bin")


def read(data: bytes) -> tuple[dict[str, bytes], list[Skipped]]:
    items = list(inside(data, kinds.recognised(data), ORIGIN))
    blobs = {item.origin.path: item.data for item in items if isinstance(item, Blob)}
    return blobs, [item for item in items if isinstance(item, Skipped)]


def test_a_locked_archive_is_said() -> None:
    data = bytearray(zipped({"a.txt": b"hello"}))
    for mark in (b"PK\x03\x04", b"PK\x01\x02"):
        data[data.index(mark) + (6 if mark[2] == 3 else 8)] |= 1
    blobs, skipped = read(bytes(data))
    assert blobs == {} and skipped == [Skipped("x.bin!a.txt", "is protected by a password")]


def test_names_links_and_devices_are_only_names() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("l", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("d", tarfile.CHRTYPE),
            ("p", tarfile.FIFOTYPE),
        ):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
        entry = tarfile.TarInfo("../../../etc/cron.d/x")
        entry.size = 2
        archive.addfile(entry, io.BytesIO(b"ok"))
    assert read(out.getvalue()) == ({"x.bin!../../../etc/cron.d/x": b"ok"}, [])


def test_what_breaks_off_is_read_up_to_there() -> None:
    whole = tarred({"a.txt": b"hello " * 100, "b.txt": os.urandom(50_000)}, "w:gz")
    blobs, skipped = read(whole[:-20_000])
    assert blobs["x.bin!a.txt"] == b"hello " * 100
    assert skipped and all(skip.expected for skip in skipped)


@pytest.mark.parametrize("kind", containers.OPENERS)
def test_rubbish_behind_the_magic_raises_nothing(kind: str) -> None:
    for seed in range(4):
        rubbish = zlib.compress(bytes([seed]) * 64) * 20
        for magic, name in kinds._MAGIC:
            if name == kind:
                assert list(inside(magic + rubbish, kind, ORIGIN)) is not None


@pytest.mark.parametrize("place", STORED, ids=[place.name for place in STORED])
def test_a_cut_container_raises_nothing(place: Place) -> None:
    for size in range(0, len(place.content), max(1, len(place.content) // 7)):
        data = place.content[:size]
        if kind := kinds.recognised(data):
            list(inside(data, kind, ORIGIN))


def test_a_bomb_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEAST_BYTES", 1 << 20)
    data = zipped({"a": bytes(40 << 20)})
    blobs, skipped = read(data)
    assert sum(map(len, blobs.values())) < 30 << 20
    assert "unpacks to more bytes" in skipped[0].reason and not skipped[0].expected


def test_nesting_and_members_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"deep"
    for _ in range(limits.DEPTH + 1):
        data = zipped({"in": data})
    assert "more than 8 deep" in read(data)[1][0].reason
    monkeypatch.setattr(limits, "MEMBERS", 3)
    blobs, skipped = read(zipped({str(number): b"x" for number in range(9)}))
    assert len(blobs) == 3 and "more than 3 members" in skipped[0].reason


def test_time_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS", -1.0)
    assert "takes longer" in read(zipped({"a": b"x"}))[1][0].reason


def test_a_large_member_comes_in_pieces_with_lines(rules: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.text.chunks.CHUNK_BYTES", 1 << 20)
    token = expand("ghp_{alnum:36}", 5)
    text = b"line\n" * 700_000 + token.encode() + b"\n" + b"line\n" * 1000
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("big.log", text)
    [location] = places_of(scan(rules, str(tmp_path / "a.zip")))[token]
    assert (location.line, location.column) == (700_001, 1)


def test_a_file_over_the_limit_of_memory_is_streamed(rules: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.sources.files.WHOLE", 1 << 20)
    token = expand("ghp_{alnum:36}", 6)
    path = tmp_path / "a.tar"
    path.write_bytes(tarred({"noise": os.urandom(10 << 20), "conf": f"k: {token}".encode()}))
    [location] = places_of(scan(rules, str(path)))[token]
    assert location.origin.path.endswith("a.tar!conf")


def test_an_image_says_which_layer() -> None:
    token = expand("ghp_{alnum:36}", 8).encode()
    for oci in (False, True):
        data = image([{"a": b"x"}, {"b": token}], oci)
        items = list(inside(data, kinds.recognised(data), ORIGIN))
        [blob] = [item for item in items if isinstance(item, Blob) and token in item.data]
        assert (blob.origin.kind, blob.origin.path) == ("image", "x.bin!layer 2!b")


def deflated(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


@pytest.mark.parametrize(("field", "told"), [((14, 16), True), ((22, 24), False)], ids=["checksum", "size"])
def test_a_member_that_is_not_what_it_announces_goes_the_slow_way(field: tuple[int, int], told: bool) -> None:
    content = os.urandom(3000) + b"hello world " * 1000
    data = bytearray(deflated({"a.txt": content}))
    for mark, offset in zip((b"PK\x03\x04", b"PK\x01\x02"), field, strict=True):
        data[data.index(mark) + offset] ^= 1
    blobs, skipped = read(bytes(data))
    assert blobs == ({} if told else {"x.bin!a.txt": content})
    assert [skip.where for skip in skipped if "CRC" in skip.reason] == ["x.bin!a.txt"] * told


def test_what_follows_the_end_of_a_stream_of_a_pdf_is_no_stream() -> None:
    data = b"%PDF-1.4\n1 0 obj\n<< /Length 5 >>\nstream\nBT (one) Tj ET\nendstream\nendobj\n(two) BT\nendstream\n"
    assert read(data)[0] == {"x.bin!stream 1": b"one\n"}


SHOWN = re.compile(
    rb"(?P<text>\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*+\))|<(?P<hex>[0-9A-Fa-f\s]*+)>|(?P<edge>\[|\])"
    rb"|(?<![\w.])(?P<number>-?[0-9]+(?:\.[0-9]+)?)(?![\w.])"
    rb"|(?<![A-Za-z])(?P<operator>T[dDmJj*]|ET|['\"])(?![A-Za-z])",
    re.DOTALL,
)
"""All that a page is made of, one branch for each kind: what is read in a hurry must be the same."""


def shown(content: bytes) -> bytes:
    out: list[bytes] = []
    held: list[bytes] = []
    kerned = False
    for found in SHOWN.finditer(content):
        if text := found["text"]:
            held.append(documents._ESCAPE.sub(documents._unescaped, text[1:-1]))
        elif found["hex"] is not None:
            digits = re.sub(rb"\s", b"", found["hex"])
            held.append(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode()).replace(b"\0", b""))
        elif found["edge"]:
            kerned = found["edge"] == b"["
        elif found["number"]:
            held += [b" "] if kerned and float(found["number"]) < -200 else []
        elif found["operator"] in (b"Tj", b"TJ", b"'", b'"'):
            out, held = out + held, []
        else:
            out, held = out + ([b"\n"] if out and out[-1] != b"\n" else []), []
    return b"".join(out)


PAGE = ["(one)", "(a\\)(b)c)", "(open", ")", "<68 69>", "<6>", "<4z>", "[", "]", "-300", "-199.5", "-0201.", "7", "x",
        ".", "-", "Tj", "TJ", "Td", "T*", "ET", "'", '"', "BT", " ", "\n", "\\"]  # fmt: skip


@given(st.lists(st.sampled_from(PAGE), max_size=30))
def test_a_page_shows_what_its_pieces_say(pieces: list[str]) -> None:
    content = "".join(pieces).encode()
    assert documents._shown(content) == shown(content)


def test_a_member_that_held_nothing_is_read_once(rules: str) -> None:
    """The next version of a container is asked for its new members and for those with a finding alone."""
    engine = engine_of(packs.load((rules,), shipped=False))
    token = expand("ghp_{alnum:36}", 4)
    nested = deflated({"deep.txt": f"key = {token}".encode()})
    first = deflated({"same.txt": b"nothing " * 900, "key.txt": f"key = {token}\n".encode() * 3, "in.zip": nested})
    second = deflated({"new.txt": b"nothing new", "same.txt": b"nothing " * 900, "in.zip": nested, "other.txt": b"-"})
    clean = containers.Clean()
    seen = []
    for number, data in enumerate((first, second)):
        blob = Blob(data, Origin("blob", "", "", f"{number}" * 40))
        opened = containers.inside_but(data, "zip", blob.origin, clean)
        fresh = {item.origin.path for item in opened if isinstance(item, Blob)}
        assert (
            fresh == ({"same.txt", "key.txt", "in.zip!deep.txt"}, {"new.txt", "in.zip!deep.txt", "other.txt"})[number]
        )
        messages = list(worker.examine_blobs([blob], Examiner(engine), clean=clean))
        alone = list(worker.examine_blobs([blob], Examiner(engine)))
        seen.append([message for message in messages if not isinstance(message, Progress)])
        assert seen[-1] == [message for message in alone if not isinstance(message, Progress)]
    assert [len(found) for found in seen] == [4, 1]
