"""Names of refs, and of the files at HEAD and branch heads."""

from __future__ import annotations

from collections.abc import Callable

from detector.git.current_names import NameShare
from detector.git.repository import discover
from detector.model import Blob
from tests.detector.git.building import Built


def list_names(built: Built, *, head_only: bool = False) -> set[tuple[str, str]]:
    blobs = [blob for blob in NameShare(discover(str(built.path)), "", head_only).read() if isinstance(blob, Blob)]
    assert not any(blob.data for blob in blobs)
    return {(blob.origin.kind, blob.origin.path) for blob in blobs}


def test_refs_and_files_of_all_branches_are_listed(build: Callable[..., Built]) -> None:
    built = build()
    built.commit("folder/a.txt", b"1\n")
    built.git("tag", "v1")
    built.git("checkout", "-q", "-b", "side")
    built.commit("b.txt", b"")
    built.git("checkout", "-q", "main")
    files = {("blob", "folder/a.txt")}
    assert list_names(built, head_only=True) == files
    refs = {("ref", name) for name in ("refs/heads/main", "refs/heads/side", "refs/tags/v1")}
    assert list_names(built) == files | refs | {("blob", "b.txt")}


def test_before_the_first_commit_there_is_nothing(build: Callable[..., Built]) -> None:
    assert list_names(build()) == set()
