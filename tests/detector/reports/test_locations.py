"""Paths in reports are those that the user can open."""

from __future__ import annotations

import pytest

from detector.model import Origin
from detector.reports._locations import resolve_path
from detector.reports._options import ReportOptions


@pytest.mark.parametrize(
    ("repository", "target", "path"),
    [
        ("", ".", "a/conf.py"),
        ("svc", ".", "svc/a/conf.py"),
        ("svc/", "svc/", "svc/a/conf.py"),
        ("svc", "svc other", "svc/a/conf.py"),
        ("..", "..", "a/conf.py"),
        ("../svc", "..", "svc/a/conf.py"),
        ("../svc", "../svc ../b", "../svc/a/conf.py"),
        ("/home/me", "/home/me", "a/conf.py"),
        ("/home/me/svc", "/home/me", "svc/a/conf.py"),
        ("/srv/shop", "/srv/shop", "a/conf.py"),
        ("/srv/shop/svc", "/srv/shop", "svc/a/conf.py"),
        ("/srv/shop", "/srv/shop /srv/b", "/srv/shop/a/conf.py"),
        ("https://git.example.org/a.git", "https://git.example.org/a.git", "a/conf.py"),
    ],
)
def test_a_file_on_disk_has_the_path_that_the_user_can_open(repository: str, target: str, path: str) -> None:
    options = ReportOptions(target=target, here="/home/me")
    assert resolve_path(Origin("worktree", "a/conf.py", repository), options) == path
    assert resolve_path(Origin("blob", "a/conf.py", repository, "1" * 40), options) == "a/conf.py"
