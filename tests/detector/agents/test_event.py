from detector.agents.event import collect_texts, get_table, get_text


def test_what_is_read_may_be_anything() -> None:
    for payload in (None, [], 3, "x", {"a": None}, {"a": [1]}):
        assert get_text(payload, "a") == ""
        assert get_table(payload, "a") == {}
    assert get_text({"a": 1, "b": "x"}, "a", "b") == "x"
    assert get_table({"a": '{"b": 1}'}, "a") == {"b": 1}
    assert get_table({"a": "{broken"}, "a") == {}


def test_texts_are_collected_at_any_depth() -> None:
    nested = {"edits": [{"new": "a"}, {"new": "b", "deep": {"new": "c"}}], "new": "d"}
    assert sorted(collect_texts(nested, "new")) == ["a", "b", "c", "d"]
