"""From a server's list to findings: what is renamed, deleted or out of reach meanwhile ends nothing."""

from pathlib import Path

import pytest

from leakfirst._program import main
from tests.detector.fleet import synthetic
from tests.fakes.forges import Scripted, forge
from tests.fakes.git_server import commit, git_server, remove, repository

pytestmark = pytest.mark.net


def test_repositories_that_are_renamed_or_deleted_during_a_sweep_do_not_stop_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    (tmp_path / "served").mkdir()
    with git_server(tmp_path / "served") as served, forge() as server:
        server.git = served.url
        for number, name in enumerate(("kept", "renamed", "deleted")):
            repository(served.root, f"acme/{name}.git", env=f"DB_PASSWORD={synthetic.make_secret(7 + 8 * number)}\n")
            server.add(f"acme/{name}")
        words = "sweep", f"gitea:{server.url}/acme", "--jobs", "1", "--fetch", "1", "--clones", str(tmp_path / "clones")
        assert main([*words]) == 1
        assert "New (3)" in capsys.readouterr().out
        asked = len(served.asked)
        assert main([*words, "--quiet"]) == 0
        assert capsys.readouterr().out == ""
        assert len(served.asked) == asked  # nothing was pushed, and the server says so

        for row in server.rows:
            row["updated_at"] = "2024-06-01T10:00:00Z"
        (served.root / "acme/renamed.git").rename(served.root / "acme/newname.git")
        served.moved["acme/renamed.git"] = "/acme/newname.git"
        remove(served.root, "acme/deleted.git")
        commit(served.root / "acme/kept.git", env="DB_PASSWORD=\n")
        assert main([*words, "--quiet"]) == 3
        told = capsys.readouterr().out
        assert "Removed from all branch heads" in told and "1 could not be read: acme/deleted" in told
        assert len(list((tmp_path / "clones").glob("*.git"))) == 3

        server.rows[1] |= {"full_name": "acme/newname", "clone_url": f"{server.url}/acme/newname.git"}
        del server.rows[2]
        server.script = [Scripted(503)] * 2
        monkeypatch.setattr("detector.net.polite_client.sleep", lambda seconds: None)
        assert main([*words, "--quiet"]) == 3
        assert "1 not listed any more: acme/deleted (1 open finding lost sight of)" in capsys.readouterr().out
        assert len(list((tmp_path / "clones").glob("*.git"))) == 3
        assert main(["sweep", "report"]) == 0
        assert "acme/newname:env:1" in capsys.readouterr().out
