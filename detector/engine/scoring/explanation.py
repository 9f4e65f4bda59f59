"""Say in words what a candidate is: its form, its name, its value.

The person who must decide whether a value is a credential has not read the list of features.
"""

from __future__ import annotations

from collections.abc import Collection

from detector.engine.declarations import Candidate
from detector.engine.scoring.features import RANDOM, TEXTURES, describe_quotes, describe_shape, name_certainty
from detector.engine.scoring.field_names import FieldName
from detector.model import Judgement

_FORMS = {
    "assign": "assigned to a name", "argument": "argument of a call", "element": "element of a list",
    "pair": "name and value in separate fields", "header": "in an HTTP header", "url": "in a URL",
    "dsn": "in a connection string", "flag": "behind an option on a command line",
    "user-flag": "behind an option for user and password", "sql": "in an SQL statement", "netrc": "in a netrc line",
    "crypt": "in the format of a password hash", "fallback": "default of a lookup", "words": "beside a word in a text",
    "second": "second value of a pair",
}  # fmt: skip
_KINDS = {
    "code": "code", "documentation": "a text for people", "data": "a data file", "configuration": "configuration",
    "shell": "a script", "key": "a key file", "translation": "a translation",
}  # fmt: skip
_CERTAINTIES = {
    "certain name": "nearly always a credential", "likely name": "often a credential",
    "doubtful name": "seldom a credential",
}  # fmt: skip
_NAME_GOES_ON = ("", "again", "plural")
"""What may follow the credential word in a name that is certain: nothing, `password2`, a plural."""


def describe_judgement(
    candidate: Candidate, name: FieldName, value: bytes, kind: str, features: Collection[str] = ()
) -> Judgement:
    """Return form, name and value of *candidate* in words, which hold no part of the value.

    *kind* is that of its file; *features* are missing of what was rejected before they were listed.
    """
    form = _FORMS.get(candidate.way, f"found by its {candidate.way}")
    certainty = name_certainty(f"named {name.kind}") if name.kind else "doubtful name"
    texture = next((one for one in TEXTURES if f"{certainty}, {one}" in features), "")
    told = f"{name.kind}, {_CERTAINTIES[certainty]}" if name.kind else "none that says credential"
    if name.kind and name.tail not in _NAME_GOES_ON:
        told += f", but the name goes on ({name.tail})"
    where = f", in {_KINDS[kind]}" if kind in _KINDS else ""
    return Judgement(
        form=f"{form}, {describe_quotes(candidate.quote)}{where}",
        name=told,
        value=", ".join(filter(None, [describe_shape(value), f"{len(value)} characters", texture])),
        is_name_certain=certainty == "certain name" and name.tail in _NAME_GOES_ON,
        is_value_random=texture == RANDOM,
    )
