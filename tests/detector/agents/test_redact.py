"""Whatever is given, the result has its shape and no finding, and a second pass changes nothing."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.agents import redact
from tests.detector.agents import making
from tests.detector.agents.making import AWS_SECRET, DOTENV, GITHUB, PASSWORD, SERVICE_KEY, STRIPE, find, redactor

NAMES = ["password", "api_key", "token", "stdout", "content", "secret", "a b", 'q"uote', "db.password", "é"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=40)
    | st.sampled_from([*making.TEXTS, *making.VALUES])
    | st.sampled_from(making.TEXTS).map(lambda text: f"before {text} after")
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), inner),
    max_leaves=12,
)


def get_shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {"names": len(value), "items": [get_shape(item) for item in value.values()]}
    if isinstance(value, list):
        return [get_shape(item) for item in value]
    return type(value)


@settings(max_examples=50)
@given(JSON)
def test_the_shape_stays_no_finding_is_left_and_a_second_pass_changes_nothing(value: Any) -> None:
    result = redactor().redact_json(value)
    assert get_shape(result.value) == get_shape(value)
    written = json.dumps(result.value, ensure_ascii=False)
    assert find(written) == []
    for text in list_texts(result.value):
        assert find(text) == []
    again = redactor().redact_json(result.value)
    assert again.value == result.value
    assert again.found == ()
    if not result.found:
        assert result.value == value


def list_texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for item in pair for text in list_texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in list_texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.mark.parametrize("text", making.TEXTS)
def test_no_value_is_left_in_a_text(text: str) -> None:
    result = redactor().redact_text(text)
    for value in making.VALUES:
        assert value not in result.value
        assert base64.b64encode(value.encode()).decode()[4:-4] not in result.value
    assert redactor().redact_text(result.value).value == result.value
    assert bool(result.found) == bool(find(text))


def test_what_surrounds_a_value_stays() -> None:
    result = redactor().redact_json({"stdout": DOTENV, "stderr": "", "interrupted": False, "lines": 4})
    lines = result.value["stdout"].splitlines()
    assert [line.partition("=")[0] for line in lines] == [line.partition("=")[0] for line in DOTENV.splitlines()]
    assert result.value["interrupted"] is False and result.value["lines"] == 4
    assert redact.PLACEHOLDER.search(lines[2])


def test_a_placeholder_is_the_same_for_the_same_value_and_key() -> None:
    first, second = (redactor().redact_text(text).value for text in (f"token: {GITHUB}", f"x\ntoken: {GITHUB}\n"))
    assert redact.PLACEHOLDER.findall(first) == redact.PLACEHOLDER.findall(second) != []
    other = redact.Redactor(making.engine(), b"o" * 32).redact_text(f"token: {GITHUB}").value
    assert redact.PLACEHOLDER.findall(other) != redact.PLACEHOLDER.findall(first)


def test_a_value_found_once_is_replaced_wherever_it_stands() -> None:
    coded = base64.b64encode(f"xx{SERVICE_KEY}".encode()).decode()
    value = {"a": f"api_key = '{SERVICE_KEY}'", "b": f"it is {SERVICE_KEY}", "c": SERVICE_KEY[::-1], "d": coded}
    result = redactor().redact_json(value).value
    assert SERVICE_KEY not in json.dumps(result)
    assert SERVICE_KEY[::-1] not in result["c"]
    assert coded[4:-4] not in result["d"]


def test_a_name_beside_its_value_tells_what_it_is() -> None:
    assert redactor().redact_json([{"password": PASSWORD}]).value[0]["password"] != PASSWORD


def test_a_value_in_a_name_is_replaced_and_names_stay_distinct() -> None:
    other = making.expand("ghp_{alnum:30}{check:github-crc32}", 33)
    result = redactor().redact_json({GITHUB: 1, other: 2}).value
    assert list(result.values()) == [1, 2]
    assert GITHUB not in str(result) and other not in str(result)


def test_bytes_written_as_numbers_become_zeros() -> None:
    numbers = list(f"AWS_SECRET_ACCESS_KEY={AWS_SECRET} {STRIPE}".encode())
    result = redactor().redact_json({"data": numbers}).value
    assert len(result["data"]) == len(numbers)
    assert find(json.dumps(result)) == []


def test_a_packed_text_is_withheld() -> None:
    source = json.dumps({"version": 3, "sources": ["a.ts"], "sourcesContent": [f"const k = '{STRIPE}'\n"]})
    result = redactor().redact_json({"content": source}).value
    assert STRIPE not in result["content"]


def test_a_value_nested_too_deeply_is_not_looked_at() -> None:
    value: Any = "x"
    for _ in range(redact.MAX_DEPTH + 5):
        value = [value]
    with pytest.raises(redact.TooDeep):
        redactor().redact_json(value)


def test_an_allowed_value_stays() -> None:
    allowing = redact.Redactor(making.engine(), making.KEY, lambda hit, data, path: path == "fixture.py")
    assert allowing.redact_text(f"token: {GITHUB}", "fixture.py").value == f"token: {GITHUB}"
    assert GITHUB not in allowing.redact_text(f"token: {GITHUB}", "other.py").value


def test_content_that_could_not_be_examined_completely_is_reported() -> None:
    assert redactor().redact_text("x").unfinished == ()


def test_many_credentials_take_time_in_proportion() -> None:
    """A text made of them must not take so long that the hook gives up and lets it pass."""
    text = "".join(f"token{n} = '{making.expand('ghp_{alnum:30}{check:github-crc32}', n)}'\n" for n in range(500))
    result = redactor().redact_json({"stdout": text})
    assert len(result.found) == 500 and "ghp_" not in result.value["stdout"]
