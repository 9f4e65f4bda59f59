"""What the architecture promises and no linter checks."""

import ast
from pathlib import Path

ROOT = Path(__file__).parent.parent
REVEALERS = ("detector/verify", "detector/probes", "rotators/")
EXCEPTIONS = {
    "detector/secret.py": "defines it",
    "detector/scan/pool.py": "the pipe between our own processes",
    "detector/net/host_access.py": "the operator's own token, for the host it belongs to",
    "detector/ignores/values.py": "an allow-list compares values",
    "detector/scan/masking.py": "looks for values in names and in what a model reads, to hide them there",
    "detector/reports/_show.py": "--show-secrets, for text and json",
}


def sources() -> list[Path]:
    found = [
        path for folder in ("leakfirst", "detector", "rotators", "hooks") for path in (ROOT / folder).rglob("*.py")
    ]
    assert len(found) > 30
    return found


def test_only_who_must_know_the_value_reveals_it() -> None:
    for path in sources():
        name = path.relative_to(ROOT).as_posix()
        if name.startswith(REVEALERS) or name in EXCEPTIONS:
            continue
        calls = [
            node.lineno
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and node.attr == "reveal"
        ]
        assert not calls, f"{name}:{calls[0]} reveals a secret"


def test_every_module_says_why_it_exists() -> None:
    for path in sources():
        assert ast.get_docstring(ast.parse(path.read_text())), path
