"""Projects of an index as an inventory."""

import pytest

from detector.errors import UsageError
from detector.fleet.inventory import InventoryOptions, list_repositories
from detector.model import Skipped
from tests.fakes.registries import Answer, answer_json
from tests.fakes.registries import server as serve

pytestmark = pytest.mark.net


def test_the_projects_of_an_index() -> None:
    with serve() as index:
        index.answers["/simple/"] = answer_json({"projects": [{"name": "Acme_UI"}, {"name": "two"}]})
        found = list(list_repositories([f"pypi:{index.url}/simple/*", "pypi:one"], InventoryOptions()))
        assert [entry.url for entry in found] == [  # type: ignore[union-attr]
            f"pypi+{index.url}/simple/acme-ui",
            f"pypi+{index.url}/simple/two",
            "pypi+https://pypi.org/simple/one",
        ]


def test_an_index_that_does_not_answer(waits: list[float]) -> None:
    with serve() as index:
        index.answers["/simple/"] = Answer(403)
        (skipped,) = list_repositories([f"pypi:{index.url}/simple/*"], InventoryOptions())
        assert isinstance(skipped, Skipped) and "HTTP 403" in skipped.reason


def test_the_whole_public_index_is_not_listed() -> None:
    with pytest.raises(UsageError, match="of your own"):
        list_repositories(["pypi:*"], InventoryOptions())
