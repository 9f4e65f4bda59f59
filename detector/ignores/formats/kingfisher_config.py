"""The filters of `kingfisher.yaml`: words, expressions, globs."""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.ignores.policy import Allow, Loaded, check


def load(content: bytes, name: str) -> Loaded:
    """Read the filters of *content*. Raises `UsageError` where it is no YAML."""
    import yaml

    try:
        tables = yaml.safe_load(content) or {}
        filters: dict[str, Any] = tables.get("filters") or {}
        disabled = (tables.get("rules") or {}).get("disabled") or []
    except (yaml.YAMLError, AttributeError):
        raise UsageError(f"{name}: is no configuration of kingfisher") from None
    allows: list[Allow] = []
    refused = [f"rules.disabled: {rule}: name the rules of ours with `skip`" for rule in disabled]
    for key, kind in (("skip_words", "words"), ("skip_regex", "values"), ("exclude", "globs")):
        texts = tuple(str(text) for text in filters.get(key) or [])
        if not texts:
            continue
        allow = Allow(f"{name}: {key}", **{kind: tuple(t.lower() for t in texts) if kind == "words" else texts})  # type: ignore[arg-type]
        try:
            check(allow)
        except ValueError as error:
            refused.append(f"{key}: {error}")
        else:
            allows.append(allow)
    refused += [
        f"extra_ignore_comments: {text}: use leakfirst:allow" for text in filters.get("extra_ignore_comments") or []
    ]
    return Loaded(tuple(allows), refused=tuple(refused))
