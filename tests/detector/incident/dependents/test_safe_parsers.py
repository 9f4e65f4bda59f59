"""Hostile files: depth, size, references, entities and paths are limited."""

from pathlib import Path

import pytest

from detector.incident.dependents._safe_parsers import decode_text, parse_jsonc, parse_xml, parse_yaml
from tests.detector.incident.dependents.making import unread, write

HOSTILE: dict[str, tuple[str, bytes, str]] = {
    "json depth": ("package-lock.json", b"[" * 200_000, "nested too deeply"),
    "yaml depth": ("pubspec.lock", b"[" * 200_000, "nested too deeply"),
    "yaml block depth": ("pubspec.lock", b"- " * 100_000, "nested too deeply"),
    "toml depth": ("poetry.lock", b"a = " + b"[" * 200_000, "nested too deeply"),
    "xml depth": ("pom.xml", b"<a>" * 80_000, "nested too deeply"),
    "npm depth": (
        "package-lock.json",
        b'{"lockfileVersion":1,' + b'"dependencies":{"a":{' * 200 + b"}}" * 200 + b"}",
        "nested too deeply",
    ),
    "yaml aliases": (
        "pubspec.lock",
        b"a: &a [x]\n" + b"".join(b"k%d: [*a, *a, *a]\n" % n for n in range(200)),
        "more than 256 aliases",
    ),
    "yaml self": ("pubspec.lock", b"a: *a\n", "alias without an anchor"),
    "xml entities": (
        "pom.xml",
        b'<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><project>&b;</project>',
        "document type",
    ),
    "xml outside": ("pom.xml", b'<!DOCTYPE p SYSTEM "file:///etc/passwd"><project/>', "document type"),
    "include outside": ("requirements.txt", b"-r ../../etc/requirements.txt\n", "outside of the repository"),
    "include absolute": ("requirements.txt", b"-r /etc/passwd\n", "outside of the repository"),
    "include url": ("requirements.txt", b"-r https://h.test/r.txt\n", "not fetched"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused(case: str, tmp_path: Path) -> None:
    name, content, reason = HOSTILE[case]
    write(tmp_path / "repo", {name: content})
    (skipped,) = unread(tmp_path / "repo")
    assert reason in skipped.reason


def test_a_file_of_a_hundred_megabytes_is_not_read(tmp_path: Path) -> None:
    with open(tmp_path / "package-lock.json", "wb") as stream:
        stream.truncate(100 << 20)
    (skipped,) = unread(tmp_path)
    assert "over the limit" in skipped.reason


def test_no_pattern_backtracks(tmp_path: Path) -> None:
    """A pattern that backtracks would take minutes for one of these."""
    long = {
        "bun.lock": b'{"lockfileVersion":1}' + b"/*" * 200_000,
        "build.gradle": b"'" + b"a." * 200_000,
        "Gemfile": b"gem '" + b"a-" * 200_000,
        "requirements.txt": b"a[" * 200_000,
        "Dockerfile": b"COPY " + b"--from " * 100_000,
        "yarn.lock": b"__metadata:\n" + b'    "' + b"a" * 400_000,
        ".github/workflows/x.yml": b"a: |\n " + b"uses: " * 100_000,
    }
    write(tmp_path, {name: content + b" left-pad" for name, content in long.items()})
    list(unread(tmp_path))


def test_yaml_scalars_stay_text() -> None:
    assert parse_yaml(b"a: 1.10\nb: yes\nc: ~\nd: '~'\ne: 2024-01-01\n") == {
        "a": "1.10", "b": "yes", "c": "", "d": "~", "e": "2024-01-01",
    }  # fmt: skip


def test_yaml_aliases_and_merge_keys() -> None:
    parsed = parse_yaml(b"base: &base {a: one, b: two}\nuse: {<<: *base, b: three, c: *base}\n")
    assert parsed["use"] == {"a": "one", "b": "three", "c": {"a": "one", "b": "two"}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_is_decoded_by_its_byte_order_mark(encoding: str) -> None:
    assert decode_text("größe".encode(encoding)) == "größe"


def test_json_with_comments_keeps_what_is_in_strings() -> None:
    text = b'{"url": "https://x.test/*a*/", /* c */ "list": [1, 2,], // end\n}'
    assert parse_jsonc(text) == {"url": "https://x.test/*a*/", "list": [1, 2]}


def test_xml_elements_are_found_by_their_path() -> None:
    root = parse_xml(b"<p xmlns:m='urn:x'><m:a><b> one </b></m:a><a><b>two</b></a></p>")
    assert [element.text for element in root.find_all("a", "b")] == ["one", "two"]
    assert root.get_text("a", "b") == "one" and root.get_text("a", "c") == ""
