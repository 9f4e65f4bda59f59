"""Sets of object ids as bytes."""

from detector.fleet.object_ids import as_rows, join_hex, split_rows


def test_the_same_ids_in_three_forms():
    names = ["02" * 20, "01" * 20]
    content = join_hex(names)
    assert [row.tobytes() for row in as_rows(content, 20)] == split_rows(content, 20)
    assert [one.hex() for one in split_rows(content, 20)] == sorted(names)


def test_an_empty_set():
    assert join_hex([]) == b""
    assert split_rows(b"", 20) == []
    assert as_rows(b"", 32).shape == (0, 32)
