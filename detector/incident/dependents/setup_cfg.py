"""setup.cfg: the requirements of a setuptools project."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._contract import DependencyEntry, DependencyFile, IsWanted, UnreadableFile
from detector.incident.dependents._python import make_entry, parse_requirement

FILES = ("setup.cfg",)
LOCKS = False


def read(file: DependencyFile, is_wanted: IsWanted) -> Iterator[DependencyEntry]:
    """Yield the requirements for installation, setup, tests and extras."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(_safe_parsers.decode_text(file.data))
    except (Error, AttributeError) as error:  # configparser raises AttributeError for a continuation line without a key
        raise UnreadableFile(f"is not an INI file: {str(error).splitlines()[0]}") from None
    lists = [("options", key) for key in ("install_requires", "setup_requires", "tests_require")]
    if parser.has_section("options.extras_require"):
        lists += [("options.extras_require", key) for key in parser.options("options.extras_require")]
    for section, key in lists:
        for line in parser.get(section, key, fallback="").replace(";\n", "\n").splitlines():
            name, constraint = parse_requirement(line)
            if name and is_wanted("pypi", name):
                note = f"extra {key}" if section.endswith("extras_require") else key
                yield make_entry(name, constraint, direct=True, note="" if note == "install_requires" else note)
