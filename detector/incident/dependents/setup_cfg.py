"""setup.cfg: the requirements of a project that setuptools builds."""

from __future__ import annotations

from collections.abc import Iterator

from detector.incident.dependents import _safe_parsers
from detector.incident.dependents._entry import Entry, File, Unreadable, Wanted
from detector.incident.dependents._python import entry, requirement

FILES = ("setup.cfg",)
LOCKS = False


def read(file: File, wanted: Wanted) -> Iterator[Entry]:
    """Yield what is required to install, set up and test, and by extras."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(_safe_parsers.text(file.data))
    except (Error, AttributeError) as error:  # it trips over a continuation without a beginning
        raise Unreadable(f"is not an INI file: {str(error).splitlines()[0]}") from None
    lists = [("options", key) for key in ("install_requires", "setup_requires", "tests_require")]
    if parser.has_section("options.extras_require"):
        lists += [("options.extras_require", key) for key in parser.options("options.extras_require")]
    for section, key in lists:
        for line in parser.get(section, key, fallback="").replace(";\n", "\n").splitlines():
            name, constraint = requirement(line)
            if name and wanted("pypi", name):
                note = f"extra {key}" if section.endswith("extras_require") else key
                yield entry(name, constraint, direct=True, note="" if note == "install_requires" else note)
