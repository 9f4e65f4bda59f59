"""The JSON Schemas of the files that a person writes: they take what the documents show, and know the keys that the code knows."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import jsonschema
import pytest

from detector.cli import sweep
from detector.config import OPERATOR_TABLES
from detector.ignores import allowlist
from detector.incident import settings as incident
from detector.net import host_access
from detector.verify import settings as verify
from rotators.core import policy, proofs
from tests.program import CHECKOUT

FOLDER = CHECKOUT / "docs" / "schemas"
NAMES = ("config", "leakfirst", "rotation")


def read_schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}-1.schema.json").read_text())
    return found


def validate(name: str, tables: object) -> None:
    plain = json.loads(json.dumps(tables, default=str))  # a day of TOML is a text in JSON
    jsonschema.Draft202012Validator(read_schema(name)).validate(plain)


def read_examples(page: str) -> list[dict[str, Any]]:
    text = (CHECKOUT / "docs" / page).read_text()
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [tables for tables in map(tomllib.loads, blocks) if "probe" not in tables]  # which is part of a rule


@pytest.mark.parametrize("name", NAMES)
def test_each_schema_is_valid_and_refuses_an_unknown_name(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(read_schema(name))
    validate(name, {})
    with pytest.raises(jsonschema.ValidationError):
        validate(name, {"paterns": []})


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("leakfirst", "baseline.md"),
        ("config", "sweep.md"),
        ("config", "verification.md"),
        ("rotation", "rotation-policy.md"),
    ],
)
def test_what_the_documents_show_is_valid(name: str, page: str) -> None:
    examples = read_examples(page)
    assert examples
    for tables in examples:
        validate(name, tables.get("tool", {}).get("leakfirst", tables))


def test_our_own_settings_are_valid() -> None:
    validate("leakfirst", tomllib.loads((CHECKOUT / "leakfirst.toml").read_text()))


def test_the_schemas_know_what_the_code_knows() -> None:
    config, own, rotation = (read_schema(name)["properties"] for name in NAMES)
    assert set(config) == set(OPERATOR_TABLES)
    assert set(own) == set(allowlist.KNOWN_SETTINGS)
    assert config["allow"] == own["allow"]
    assert set(config["sweep"]["properties"]) == set(sweep._KEYS)
    assert set(config["incident"]["properties"]) == set(incident.KEYS)
    assert set(config["verify"]["properties"]) == set(verify.KEYS)
    assert set(config["sweep"]["properties"]["host"]["additionalProperties"]["properties"]) == set(host_access.KEYS)
    assert set(rotation["rotate"]["items"]["properties"]) == set(policy.Clause._fields)
    assert set(rotation["limits"]["properties"]) == set(policy.Limits._fields)
    assert set(rotation) == policy.TABLES
    for shown in rotation["proofs"]["additionalProperties"]["oneOf"]:
        kind = shown["properties"]["kind"]["const"]
        assert set(shown["properties"]) == {"kind", "within", *proofs.SETTINGS[kind]}
        assert set(shown["required"]) == {"kind", *proofs.NEEDED[kind]}
    assert set(rotation["approvals"]["properties"]) == set(policy.ApprovalRules._fields)
    keys = {*allowlist._LISTS, "until", "match", "other-rules", "reason", "owner", "from"}
    assert set(own["allow"]["items"]["properties"]) == keys
