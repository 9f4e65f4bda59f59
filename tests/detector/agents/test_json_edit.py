import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.agents import json_edit
from detector.errors import UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.sampled_from([None, 2]))
def test_any_object_is_read_and_takes_a_member(value: dict, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    node = json_edit.parse(text)
    assert (node.start, node.end, node.kind) == (0, len(text), "object")
    new = json_edit.apply(text, [json_edit.insert(node, '"a new name": [1]')])
    assert json.loads(new) == {**value, "a new name": [1]}


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", '{"a"}', '{"a": }', "[1 2]", '{"a": 1} x', '{"a": 1,, }', "{'a': 1}", '{"a": {"b": 1}, "a": {"b": 2}}',
     "[" * 999, '{"a": "\n"}', "/* {}", "{a: 1}"],
)  # fmt: skip
def test_what_is_no_json_or_has_two_meanings_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        json_edit.parse(text)


def test_comments_commas_marks_and_line_breaks_are_understood() -> None:
    text = '\ufeff// a\r\n{ "b": [1, /* two */ 2,], // c "x": 1\r\n "d": "// no comment", }\r\n'
    node = json_edit.parse(text)
    assert node.members["d"].text == "// no comment"
    assert node.members["b"].has_comma and node.has_comma
