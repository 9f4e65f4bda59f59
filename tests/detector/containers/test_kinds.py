"""Detecting the kind of a container."""

import pytest

from detector.containers import kinds
from detector.model import Blob, Origin
from tests.fakes.hidden import image, tarred, zipped

WORKTREE = Origin("worktree", "x.bin")


CASES = {
    "empty": (b"", ""),
    "text": (b"plain text", ""),
    "one byte of a magic number": (b"P", ""),
    "bzip2 magic only": (b"BZh but not compressed", ""),
    "JSON": (b'{"name": "package"}', ""),
    "source map": (b'{"sourcesContent": []}', "source map"),
    "notebook": (b'{"nbformat": 4, "cells": []}', "notebook"),
    "zip": (zipped({"a": b"x"}), "zip"),
    "zip after a program": (b"#!/bin/sh\nexit\n" + zipped({"a": b"x"}), "zip"),
    "tar": (tarred({"a": b"x"}), "tar"),
    "gzip": (tarred({"a": b"x"}, "w:gz"), "gzip"),
    "bzip2": (tarred({"a": b"x"}, "w:bz2"), "bzip2"),
    "xz": (tarred({"a": b"x"}, "w:xz"), "xz"),
    "docker save": (image([{"a": b"x"}], oci=False), "image"),
    "OCI layout": (image([{"a": b"x"}], oci=True), "image"),
}


@pytest.mark.parametrize("case", CASES)
def test_the_kind_is_detected_from_the_bytes(case: str) -> None:
    data, kind = CASES[case]
    assert kinds.detect_kind(data) == kind


def test_members_and_chunks_of_files_are_not_containers() -> None:
    data = zipped({"a": b"x"})
    assert kinds.detect_container(Blob(data, WORKTREE)) == "zip"
    assert kinds.detect_container(Blob(data, Origin("archive", "outer.zip!inner.zip"))) == ""
    assert kinds.detect_container(Blob(data, WORKTREE, base=8 << 20)) == ""
    assert kinds.detect_container(Blob(data, WORKTREE, core=(0, 10))) == ""
    assert kinds.detect_container(Blob(data, WORKTREE, core=(0, len(data)))) == "zip"


def test_first_bytes_cover_every_magic_number() -> None:
    assert {magic[0] for magic, _ in kinds._MAGIC} <= kinds.FIRST_BYTES
