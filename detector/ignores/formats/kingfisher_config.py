"""The filters of `kingfisher.yaml`: words, expressions, globs."""

from __future__ import annotations

from typing import Any

from detector.errors import UsageError
from detector.files.trusted import decode_list
from detector.ignores.policy import AllowEntry, ParsedIgnores, check_patterns


def load(content: bytes, name: str) -> ParsedIgnores:
    """Read the filters. Raises `UsageError` if *content* is not YAML."""
    import yaml

    try:
        tables = yaml.safe_load(decode_list(content, name)) or {}
        filters: dict[str, Any] = tables.get("filters") or {}
        disabled = (tables.get("rules") or {}).get("disabled") or []
    except (yaml.YAMLError, AttributeError):
        raise UsageError(f"{name}: not a configuration of kingfisher") from None
    allowlist: list[AllowEntry] = []
    rejected = [f"rules.disabled: {rule}: name the leakfirst rules with --skip" for rule in disabled]
    for key, kind in (("skip_words", "words"), ("skip_regex", "values"), ("exclude", "globs")):
        texts = tuple(str(text) for text in filters.get(key) or [])
        if not texts:
            continue
        allow = AllowEntry(f"{name}: {key}", **{kind: tuple(t.lower() for t in texts) if kind == "words" else texts})  # type: ignore[arg-type]
        try:
            check_patterns(allow)
        except ValueError as error:
            rejected.append(f"{key}: {error}")
        else:
            allowlist.append(allow)
    rejected += [
        f"extra_ignore_comments: {text}: use leakfirst:allow" for text in filters.get("extra_ignore_comments") or []
    ]
    return ParsedIgnores(tuple(allowlist), rejected=tuple(rejected))
