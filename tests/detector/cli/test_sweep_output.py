"""What a sweep says, and with which exit code it ends, when part of the fleet is gone."""

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from detector.cli._sweep_output import choose_exit_code
from detector.errors import ExitCode
from detector.fleet.coverage import Coverage, Gap, GapKind
from detector.fleet.lifecycle import EventKind
from detector.fleet.tally import SweepSummary
from leakfirst._program import main
from tests.detector.fleet import synthetic
from tests.fakes.forges import Forge, Scripted, forge
from tests.fakes.git_server import GitServer, git_server, remove, repository

SUMMARY = SweepSummary(1, 1, 1, 0, (), (), (), ())
GAP = Gap(GapKind.LOST, "k", "acme/gone", ("lost",), fails=True)


def test_new_findings_come_before_gaps_and_can_be_left_to_the_report():
    found = SUMMARY._replace(events=((EventKind.OPENED, "lf1:1", "acme/app"),))
    assert choose_exit_code(SUMMARY) is ExitCode.CLEAN
    assert choose_exit_code(found) is ExitCode.FOUND
    assert choose_exit_code(found, exit_zero=True) is ExitCode.CLEAN
    assert choose_exit_code(found._replace(coverage=Coverage(gaps=(GAP,))), exit_zero=True) is ExitCode.INCOMPLETE
    assert choose_exit_code(SUMMARY._replace(coverage=Coverage(gaps=(GAP,)))) is ExitCode.INCOMPLETE
    assert choose_exit_code(SUMMARY._replace(coverage=Coverage(gaps=(GAP._replace(fails=False),)))) is ExitCode.CLEAN
    assert choose_exit_code(SUMMARY._replace(interrupted=True)) is ExitCode.INTERRUPTED


class Company(NamedTuple):
    """Three repositories of one organisation; r1 has an open finding."""

    forge: Forge
    git: GitServer
    folder: Path

    def sweep(self, *words: str) -> int:
        where = ("--state", str(self.folder / "sweep.db"), "--clones", str(self.folder / "clones"))
        return main(["sweep", f"gitea:{self.forge.url}/acme", *where, "--jobs", "1", *words])

    def act(self, *words: str) -> int:
        return main(["sweep", *words, "--state", str(self.folder / "sweep.db")])

    def find_row(self, number: int) -> dict[str, object]:
        return next(row for row in self.forge.rows if row["id"] == number)

    def find_clone(self, number: int) -> Path:
        pattern = re.compile(rf"-{number}-[0-9a-f]{{16}}\.git\Z")
        (path,) = (path for path in (self.folder / "clones").iterdir() if pattern.search(path.name))
        return path


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Company]:
    monkeypatch.setenv("LEAKFIRST_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LEAKFIRST_CONFIG", "/dev/null")
    (tmp_path / "served" / "acme").mkdir(parents=True)
    with forge() as listed, git_server(tmp_path / "served") as served:
        listed.git = served.url
        for number in range(1, 4):
            text = f"TOKEN={synthetic.make_secret(number)}\n" if number == 1 else "nothing\n"
            repository(tmp_path / "served" / "acme", f"r{number}.git", **{"app.env": text})
            listed.add(f"acme/r{number}")
        made = Company(listed, served, tmp_path)
        assert made.sweep() == ExitCode.FOUND
        capsys.readouterr()
        yield made


def push(company: Company, number: int) -> None:
    """Let the server say that something was pushed."""
    company.find_row(number)["updated_at"] = "2024-06-01T10:00:00Z"


def lose_access(company: Company) -> None:
    company.forge.rows.clear()


def lose_the_list(company: Company) -> None:
    company.forge.script += [Scripted(401, path="/orgs/")] * 5


def rename(company: Company) -> None:
    company.find_row(1).update(full_name="acme/shop", path_with_namespace="acme/shop")
    (company.folder / "served" / "acme" / "r1.git").rename(company.folder / "served" / "acme" / "shop.git")
    company.find_row(1).update(clone_url=f"{company.forge.url}/acme/shop.git")


def archive(company: Company) -> None:
    company.find_row(1)["archived"] = True


def archive_one_without_findings(company: Company) -> None:
    company.find_row(2)["archived"] = True


def delete(company: Company) -> None:
    company.forge.rows.remove(company.find_row(1))
    remove(company.folder / "served" / "acme", "r1.git")


def delete_only_on_the_server(company: Company) -> None:
    remove(company.folder / "served" / "acme", "r1.git")
    push(company, 1)


def corrupt_the_clone(company: Company) -> None:
    (pack,) = (company.find_clone(1) / "objects" / "pack").glob("*.pack")
    pack.chmod(0o600)
    pack.write_bytes(pack.read_bytes()[:-10])


def corrupt_on_the_server(company: Company) -> None:
    for path in (company.folder / "served" / "acme" / "r1.git" / "objects").glob("??/*"):
        path.chmod(0o600)
        path.write_bytes(b"")
    corrupt_the_clone(company)


def lose_the_network(company: Company) -> None:
    for number in (1, 2, 3):
        push(company, number)
    company.git.broken.update(f"acme/r{number}.git" for number in (1, 2, 3))


LOST = "1 not listed any more: acme/r1 (1 open finding lost sight of)"


@pytest.mark.parametrize(
    ("change", "code", "says", "coverage"),
    [
        (lose_access, 3, "3 not listed any more: acme/r1, acme/r2, acme/r3 (1 open finding lost", "0 listed"),
        (lose_access, 3, "1 listed, but without a repository: gitea:", "3 not listed any more"),
        (lose_the_list, 3, "1 could not be listed: ", "0 not listed any more"),
        (rename, 0, "", "3 listed, 0 scanned, 3 unchanged"),
        (archive, 3, "1 archived and not looked at any more, with open findings: acme/r1", "2 listed"),
        (archive_one_without_findings, 0, "", "1 archived"),
        (delete, 3, LOST, "1 not listed any more"),
        (delete_only_on_the_server, 3, "1 could not be read: acme/r1", "1 failed"),
        (corrupt_the_clone, 0, "", "3 listed"),
        (corrupt_on_the_server, 3, "1 could not be read: acme/r1", "1 failed"),
        (lose_the_network, 3, "3 could not be read: acme/r1, acme/r2, acme/r3", "3 failed"),
    ],
)
def test_whatever_happens_to_a_repository_is_said(
    company: Company,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[Company], None],
    code: int,
    says: str,
    coverage: str,
) -> None:
    change(company)
    assert company.sweep("--quiet", "--retry", "0") == code
    quiet = capsys.readouterr().out
    assert says in quiet
    assert bool(quiet) == bool(says)
    company.act("status")
    assert coverage in capsys.readouterr().out


def test_a_full_disk_is_said(company: Company, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24k", "none", small], capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        assert company.sweep("--quiet", "--retry", "0", "--clones", str(small / "clones")) == 3
        assert "could not be read: acme/r" in capsys.readouterr().out
        company.act("status")
        assert "full" in capsys.readouterr().out
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_gap_that_is_acknowledged_stops_failing_and_stays_in_the_report(
    company: Company, capsys: pytest.CaptureFixture[str]
) -> None:
    delete(company)
    assert company.sweep("--quiet") == 3
    assert company.act("acknowledge") == 0
    assert "acme/r1: lost since" in capsys.readouterr().out
    assert company.act("acknowledge", "acme/r1", "--reason", "the team was dissolved", "--days", "30") == 0
    assert ", acknowledged until " in capsys.readouterr().out
    assert company.sweep("--quiet") == 0
    assert capsys.readouterr().out == ""
    assert company.act("status") == 0
    assert "1 open finding lost sight of" in capsys.readouterr().out
    assert company.act("acknowledge", "acme/r1", "--reason", "mistake", "--days", "0") == 0
    assert company.sweep("--quiet") == 3
