"""Applying deltas, compiled and interpreted."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.git import deltas
from tests.interpreted import load_interpreted

LIMIT = 1 << 20
INTERPRETED = load_interpreted("detector.git.deltas")


def encode_size(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def encode_copy(offset: int, length: int) -> bytes:
    code, operands = 128, bytearray()
    for bit in range(4):
        byte = offset >> 8 * bit & 255
        if byte:
            code |= 1 << bit
            operands.append(byte)
    for bit in range(3):
        byte = length >> 8 * bit & 255
        if byte:
            code |= 16 << bit
            operands.append(byte)
    return bytes([code]) + bytes(operands)


@st.composite
def draw_edit(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """Draw a base object, a delta, and the expected result."""
    base = draw(st.binary(min_size=1, max_size=400)) * draw(st.sampled_from([1, 1, 40]))
    delta, result = b"", b""
    for _ in range(draw(st.integers(0, 8))):
        if draw(st.booleans()):
            start = draw(st.integers(0, len(base) - 1))
            length = draw(st.integers(1, len(base) - start))
            delta += encode_copy(start, length)
            result += base[start : start + length]
        else:
            text = draw(st.binary(min_size=1, max_size=127))
            delta += bytes([len(text)]) + text
            result += text
    return base, encode_size(len(base)) + encode_size(len(result)) + delta, result


@given(draw_edit())
def test_the_result_is_what_the_delta_describes(edit: tuple[bytes, bytes, bytes]) -> None:
    base, delta, result = edit
    for module in (deltas, INTERPRETED):
        assert module.apply_delta(base, delta, LIMIT) == result


@given(st.binary(max_size=60), st.binary(max_size=60))
@settings(max_examples=400)
def test_garbage_is_the_same_delta_error_compiled_and_interpreted(base: bytes, delta: bytes) -> None:
    outcomes: list[object] = []
    for module in (deltas, INTERPRETED):
        try:
            outcomes.append(module.apply_delta(base, delta, LIMIT))
        except module.DeltaError as problem:
            outcomes.append(str(problem))
    assert outcomes[0] == outcomes[1]


@given(draw_edit(), st.data())
def test_a_damaged_delta_never_produces_more_than_the_limit(
    edit: tuple[bytes, bytes, bytes], data: st.DataObject
) -> None:
    base, delta, _ = edit
    broken = bytearray(delta)
    broken[data.draw(st.integers(0, len(delta) - 1))] = data.draw(st.integers(0, 255))
    broken = broken[: data.draw(st.integers(0, len(delta)))]
    with contextlib.suppress(deltas.DeltaError):
        assert len(deltas.apply_delta(base, bytes(broken), LIMIT)) <= LIMIT


def test_a_result_over_the_limit_is_an_error_before_it_is_built() -> None:
    base = bytes(1 << 16)
    delta = encode_size(len(base)) + encode_size(50 << 16) + encode_copy(0, 0) * 50
    assert len(deltas.apply_delta(base, delta, 50 << 16)) == 50 << 16
    with pytest.raises(deltas.DeltaError, match="limit"):
        deltas.apply_delta(base, delta, (50 << 16) - 1)


def test_a_declared_size_beyond_64_bits_is_an_error() -> None:
    with pytest.raises(deltas.DeltaError, match="impossible"):
        deltas.apply_delta(b"x", b"\x01" + b"\xff" * 12 + b"\x01", LIMIT)


def test_adjacent_copies_are_merged() -> None:
    base = bytes(range(256)) * 600
    delta = encode_size(len(base)) + encode_size(len(base)) + encode_copy(0, 0x10000) + encode_copy(0x10000, 0x10000)
    assert deltas.apply_delta(base, delta + encode_copy(0x20000, len(base) - 0x20000), LIMIT) == base


@pytest.mark.parametrize("length", [1, 7, 8, 9, deltas.SHORT - 1, deltas.SHORT, deltas.SHORT + 1, 4095, 4096, 4097])
def test_short_and_long_instructions_keep_their_order(length: int) -> None:
    base = bytes(range(256)) * 40
    text = b"inserted" * 12
    ops = [(3, length), text[:5], (9, 2), text, (length, 1), (7, length)]
    delta = b"".join(bytes([len(op)]) + op if isinstance(op, bytes) else encode_copy(*op) for op in ops)
    result = b"".join(op if isinstance(op, bytes) else base[op[0] : op[0] + op[1]] for op in ops)
    for module in (deltas, INTERPRETED):
        assert module.apply_delta(base, encode_size(len(base)) + encode_size(len(result)) + delta, LIMIT) == result


@pytest.mark.parametrize(
    ("offset", "length"), [((1 << 24) + 7, 3), (5, 0x10001), ((1 << 24) + 7, 0x20000), (0, 1 << 16)]
)
def test_copies_with_large_offsets_and_lengths_are_decoded(offset: int, length: int) -> None:
    base = bytes(range(251)) * ((1 << 24) // 251 + 600)
    for module in (deltas, INTERPRETED):
        delta = encode_size(len(base)) + encode_size(length) + encode_copy(offset, length)
        assert module.apply_delta(base, delta, LIMIT) == base[offset : offset + length]
