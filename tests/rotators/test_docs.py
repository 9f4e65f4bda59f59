"""What the pages on rotation say is what is there."""

from __future__ import annotations

import os
import pathlib
import re
from collections.abc import Callable

import pytest

from rotators.core.catalogue import describe_rotators, list_stores
from rotators.core.policy import read_policy

DOCS = pathlib.Path(__file__).parents[2] / "docs"


def rows(page: str, title: str) -> list[list[str]]:
    """Return the cells of the table whose header starts with *title*."""
    text = (DOCS / page).read_text()
    table = text[text.index(f"| {title} |" if title else "| | ") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def make_rotator_table() -> str:
    lines = ["| rotator | for rules | the old one | a new one | tested against | note |", "|---|---|---|---|---|---|"]
    for one in describe_rotators():
        cells = (one.name, f"`{one.serves}`" if "*" in one.serves or "." in one.serves else one.serves)
        lines.append(f"| {' | '.join((*cells, one.ends, one.reissues, one.tested, one.limits))} |")
    return "\n".join(lines)


def make_store_list() -> str:
    return f"Stores: {', '.join(f'`{name}`' for name in list_stores())}."


@pytest.mark.parametrize(("mark", "make"), [("rotators", make_rotator_table), ("stores", make_store_list)])
def test_what_the_modules_declare_is_in_the_docs(
    mark: str, make: Callable[[], str], request: pytest.FixtureRequest
) -> None:
    page, wanted = DOCS / "rotation.md", f"<!-- {mark} -->\n{make()}\n<!-- end -->"
    text = page.read_text()
    if request.config.getoption("--update-golden"):
        page.write_text(re.sub(rf"<!-- {mark} -->.*?<!-- end -->", lambda _: wanted, text, count=1, flags=re.DOTALL))
        return
    assert wanted in text, "run this test with --update-golden and read the difference"


def test_the_policy_of_the_docs_is_one(tmp_path: pathlib.Path) -> None:
    match = re.search(r"```toml\n(.*?)```", (DOCS / "rotation-policy.md").read_text(), re.DOTALL)
    assert match
    path = tmp_path / "rotation.toml"
    path.write_text(match[1])
    os.chmod(path, 0o600)
    policy = read_policy(str(path))
    assert policy.clause("aws.access-key", "live").destinations == ("prod", "prod-kv")
    assert policy.escrow["key"] == "transit"


def test_the_fault_table_counts_what_is_run() -> None:
    from tests.rotators import test_hosted_providers
    from tests.rotators.core import test_executor_faults as faults

    counts = {row[0]: int(row[1]) for row in rows("rotation-faults.md", "fault")}
    series = list(counts.values())[:4]
    assert series == [len(faults.KILLS), len(faults.UNDONE), len(faults.WHILE_UNDOING), len(faults.OWN_KILLS)]
    lost = next(value for name, value in counts.items() if "hosted provider" in name)
    assert lost == len(test_hosted_providers.CREATES)
    assert counts["throttled"] == len(faults.LOST)


def test_the_emulator_table_is_the_tested_one() -> None:
    from tests.rotators.test_story import DIFFERENCES

    shown = {row[0]: {"moto": row[1] == "yes", "ministack": row[2] == "yes"} for row in rows("rotation-faults.md", "")}
    assert shown == DIFFERENCES
