"""References to images and actions: only what cannot be moved counts as locked."""

import pytest

from detector.incident.dependents._images import make_revision_entry, match_image, split_image

COMMIT = "0123456789abcdef" * 2 + "01234567"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node", ("node", "", "")),
        ("node:18", ("node", "18", "")),
        ("localhost:5000/app", ("localhost:5000/app", "", "")),
        ("localhost:5000/app:1@sha256:ab", ("localhost:5000/app", "1", "sha256:ab")),
    ],
)
def test_a_reference_is_split(text: str, expected: tuple[str, str, str]) -> None:
    assert split_image(text) == expected


@pytest.mark.parametrize(
    ("text", "version", "constraint"),
    [("node", "", "latest"), ("node:18", "", "18"), ("node:18.2.0", "18.2.0", ""), ("node@sha256:ab", "sha256:ab", "")],
)
def test_only_a_digest_or_a_full_version_is_locked(text: str, version: str, constraint: str) -> None:
    (entry,) = match_image(text, lambda *_: True)
    assert (entry.version, entry.constraint) == (version, constraint)


def test_the_version_in_a_comment_names_a_commit() -> None:
    entry = make_revision_entry("github", "a/b", COMMIT, "v4.1.1")
    assert (entry.version, entry.note) == ("v4.1.1", COMMIT)
    assert make_revision_entry("github", "a/b", COMMIT).version == COMMIT
    assert make_revision_entry("github", "a/b", "main").constraint == "main"
