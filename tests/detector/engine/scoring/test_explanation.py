from __future__ import annotations

from detector.engine.engine import Engine
from detector.model import Judgement
from detector.rules.pack import build_engine, load_pack

KEY = "9f3a7c51e0b84d26a1c95f7e3d082b64"


def judge(line: str, path: str = "app.py") -> Judgement:
    engine: Engine = build_engine(load_pack())
    examined = engine.examine(line.encode(), path, keep_rejected=True)
    told = [one.judgement for one in (*examined.hits, *examined.rejected) if one.judgement]
    assert told, line
    return told[0]


def test_form_name_and_value_are_told_in_words() -> None:
    told = judge(f'API_KEY = "{KEY}"\n')
    assert told.form == "assigned to a name, quoted, in code"
    assert told.name == "api key, nearly always a credential"
    assert told.value == "hex digits, 32 characters, random"
    assert told.is_name_certain and told.is_value_random
    assert told.total > 0
    assert KEY not in repr(told)


def test_a_name_that_goes_on_is_not_certain() -> None:
    told = judge(f'API_KEY_FINGERPRINTER = "{KEY}"\n')
    assert "goes on" in told.name
    assert not told.is_name_certain


def test_a_word_is_not_random() -> None:
    assert not judge('password = "letmeinplease"\n').is_value_random


def test_a_rejected_candidate_is_told_too() -> None:
    told = judge('password = "test"\n')
    assert told.value == "lower-case letters, 4 characters, a word"
    assert told.total < 0 and told.decisive == "value is a word for any credential"
