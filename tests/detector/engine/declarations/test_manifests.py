"""Values under opaque keys of Kubernetes Secrets."""

from __future__ import annotations

import base64

import pytest

from detector.engine.declarations.manifests import find_manifest_values
from leakfirst import Engine
from tests.detector.engine.declarations.reading import VALUE

ENCODED = base64.b64encode(VALUE.encode()).decode()


def read(text: str) -> list[str]:
    data = text.encode()
    return [data[one.start : one.end].decode() for one in find_manifest_values(data, data.lower())]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        (f"kind: Secret\ndata:\n  alpha: {ENCODED}\n", [ENCODED]),
        (f"kind: Secret\nmetadata:\n  name: x\ntype: Opaque\nstringData:\n  up.stream: {VALUE}\n", [VALUE]),
        (
            f"stringData:\n    a: '{VALUE}'  # why\n    # more\n\n    b: \"{VALUE}9\"\nkind: Secret\n",
            [VALUE, f"{VALUE}9"],
        ),
        (f"  kind: Secret\n  data:\n    alpha: |\n      {ENCODED}\n", [ENCODED]),
        (f"kind: Secret\r\ndata:\r\n  alpha: {ENCODED}\r\n", [ENCODED]),
        (f"kind: ConfigMap\ndata:\n  alpha: {ENCODED}\n", []),
        (f"kind: Secret\nmetadata:\n  alpha: {ENCODED}\n", []),
        (f"kind: Secret\ndata:\n  alpha: {VALUE}\n", []),  # not Base64
        ("kind: Secret\nstringData:\n  user: application-user1\n  host: db7.internal.test:5432\n", []),
        ("kind: Secret\nstringData:\n  address: https://db7.internal.test/x1\n  version: 1.22.333.4444\n", []),
        (f"kind: Secret\nstringData:\n  alpha: {{{{ .Values.alpha }}}}\n  beta: $(BETA)\nx:\n  c: {VALUE}\n", []),
    ],
)
def test_only_random_values_of_a_secret_are_read(text: str, values: list[str]) -> None:
    assert read(text) == values


def test_a_name_that_speaks_is_left_to_the_other_readers() -> None:
    assert read(f"kind: Secret\nstringData:\n  db-password: {VALUE}\n") == []


def test_the_engine_finds_what_stands_before_and_behind_the_kind() -> None:
    text = f"apiVersion: v1\ndata:\n  alpha: {ENCODED}\nkind: Secret\nmetadata:\n  name: x\n"
    engine = Engine()
    assert [hit.secret.reveal().decode() for hit in engine.scan(text.encode(), "a.yaml")] == [ENCODED]
    text = f"kind: Secret\nmetadata:\n  name: x\nstringData:\n  alpha: {VALUE}\n"
    assert [hit.secret.reveal().decode() for hit in engine.scan(text.encode(), "a.yaml")] == [VALUE]
