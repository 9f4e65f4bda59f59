"""A file is a registration."""

import io
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import ClassVar, Protocol

import pytest

from detector.contracts import Source
from detector.errors import UsageError
from detector.registry import check_contract, list_names, load_plugin
from leakfirst._program import main


def test_every_module_of_a_folder_is_listed_and_loads() -> None:
    found = list_names("detector.sources")
    assert {"files", "stdin"} <= set(found)
    for name in found:
        check_contract(load_plugin("detector.sources", name, what="source"), Source, "source")


def test_an_unknown_name_says_what_is_known() -> None:
    with pytest.raises(UsageError, match=r"unknown source 'tape'; known: .*files"):
        load_plugin("detector.sources", "tape", what="source")


class Pigeon(Protocol):
    NAMES: tuple[str, ...]

    @property
    def FAST(self) -> bool: ...

    def fly(self, where: str, *, high: bool) -> None: ...


def make_module(**members: object) -> ModuleType:
    module = ModuleType("birds.carrier_pigeon")
    vars(module).update(members)
    return module


def test_a_module_that_fulfils_its_contract_passes() -> None:
    check_contract(make_module(NAMES=("a",), FAST=True, fly=lambda where, *, high=False: None), Pigeon, "bird")


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"FAST": True, "fly": print}, "NAMES is missing"),
        ({"NAMES": "a", "FAST": True, "fly": print}, "NAMES is a str, not a tuple"),
        ({"NAMES": (), "FAST": 1, "fly": print}, "FAST is a int, not a bool"),
        ({"NAMES": (), "FAST": True}, "fly() is missing"),
        ({"NAMES": (), "FAST": True, "fly": lambda: None}, "fly() does not take (where, high)"),
        ({"NAMES": (), "FAST": True, "fly": lambda where, high, why: None}, "fly() does not take (where, high)"),
    ],
)
def test_a_module_that_does_not_is_a_usage_error_in_one_line(members: dict[str, object], problem: str) -> None:
    with pytest.raises(UsageError) as wrong:
        check_contract(make_module(**members), Pigeon, "bird")
    assert str(wrong.value).startswith("bird 'carrier-pigeon' does not fulfil Pigeon (")
    assert str(wrong.value).endswith(f"): {problem}")


class Bird:
    """A class that fulfils `Flier` for its objects: `place` is set when one is made."""

    TAME = True

    def __init__(self, place: str) -> None:
        self.place = place

    def fly(self, where: str) -> None: ...

    @staticmethod
    def sing(song: str) -> None: ...


class Flier(Protocol):
    TAME: ClassVar[bool]
    place: str

    def fly(self, where: str) -> None: ...

    def sing(self, song: str) -> None: ...


def test_a_class_is_compared_without_self_and_without_the_attributes_of_its_objects() -> None:
    check_contract(Bird, Flier, "bird")
    with pytest.raises(UsageError, match=r"TAME is a str, not a bool"):
        check_contract(type("Owl", (Bird,), {"TAME": "yes"}), Flier, "bird")
    with pytest.raises(UsageError, match=r"fly\(\) does not take \(where\)"):
        check_contract(type("Hen", (Bird,), {"fly": lambda self: None}), Flier, "bird")


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """A package `nest` in two folders."""
    folders = [tmp_path / "one" / "nest", tmp_path / "two" / "nest"]
    for folder in folders:
        folder.mkdir(parents=True)
        monkeypatch.syspath_prepend(str(folder.parent))
    list_names.cache_clear()
    yield folders
    list_names.cache_clear()


def test_a_compiled_module_beside_its_source_is_one_plug_in(package: list[Path]) -> None:
    for name in ("grey_owl.py", "grey_owl.cpython-311-x86_64-linux-gnu.so", "_private.py"):
        (package[0] / name).touch()
    (package[1] / "robin").mkdir()
    (package[1] / "robin" / "__init__.py").touch()
    assert list_names("nest") == ("grey-owl", "robin")


@pytest.mark.parametrize("second", ["one/nest/owl/__init__.py", "two/nest/owl.py"])
def test_two_plug_ins_of_one_name_are_a_usage_error(second: str, package: list[Path], tmp_path: Path) -> None:
    (package[0] / "owl.py").write_text("raise AssertionError('was executed')")
    (tmp_path / second).parent.mkdir(exist_ok=True)
    (tmp_path / second).write_text("raise AssertionError('was executed')")
    with pytest.raises(UsageError, match=r"^two plug-ins are called 'owl': .*; remove one$"):
        load_plugin("nest", "owl", what="bird")


def install(folder: Path, distribution: str, *entries: str) -> None:
    info = folder / f"{distribution}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("\n".join(("[leakfirst.rotators]", *entries, "")))


@pytest.mark.parametrize(
    ("installed", "message"),
    [
        (
            {"acme": "acme = acme_rotator", "evil": "acme = evil_rotator"},
            "'acme' (leakfirst.rotators) is installed twice, by acme and evil: remove one",
        ),
        ({"evil": "aws-iam = evil_rotator"}, "evil installs 'aws-iam' (leakfirst.rotators), which is the name of a "),
        ({"acme": "acme = no_such_module"}, "rotator 'acme' (no_such_module): it cannot be imported (ModuleNotFound"),
        ({"acme": "acme = json:dumps"}, "rotator 'acme' (json:dumps): it is not a module"),
        ({"acme": "acme = json"}, "rotator 'json' does not fulfil RotatorModule (rotators.core.contracts): SERVES is "),
    ],
)
def test_a_wrong_rotator_of_another_distribution_is_one_line_and_exit_code_2(
    installed: dict[str, str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "evil_rotator.py").write_text("raise AssertionError('was executed')")
    for distribution, entry in installed.items():
        install(tmp_path, distribution, entry)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"hunter2-hunter2-hunter2")))
    words = ["rotate", "plan", "--stdin", "--rule", "generic.credential", "--rotator", "acme"]
    assert main([*words, "--state", str(tmp_path / "state")]) == 2
    said = capsys.readouterr()
    assert message in said.err and said.err.count("\n") == 1 and not said.out
