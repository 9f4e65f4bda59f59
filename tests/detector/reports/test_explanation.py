from __future__ import annotations

from detector.engine.engine import Engine
from detector.model import Confidence, Evidence, Finding, Judgement, RejectedCandidate, Rule, Verdict, VerdictState
from detector.reports._explanation import explain_finding, explain_rejected
from detector.secret import Secret

JUDGED = Judgement("assigned to a name, quoted", "api key, nearly always a credential", "32 hex digits", total=2.5)
RULE = Rule("generic.api-key", "API key", scored=True)
FOUND = Finding("lf1:1", RULE, RULE.severity, Confidence.HIGH, Secret(b"x"), (), (), judgement=JUDGED)


def test_a_finding_is_explained_in_sentences() -> None:
    evidence = Evidence("named api key", 3.1), Evidence("in a comment", -0.6)
    told = list(explain_finding(FOUND._replace(evidence=evidence, severity_reason="a guess")))
    assert told[0] == "high: a guess"
    assert told[1:6] == [
        "form: assigned to a name, quoted",
        "name: api key, nearly always a credential",
        "value: 32 hex digits",
        "for: named api key (+3.1)",
        "against: in a comment (-0.6)",
    ]
    assert told[6].startswith("sum of all facts: +2.5, which is 92 %; confidence is low from -1.4, medium from -0.4")
    assert told[7].startswith("no single fact decides")
    assert told[-1].startswith("would change it: nobody can be asked; leakfirst:allow")


def test_the_decisive_fact_and_the_provider_are_named() -> None:
    told = list(explain_finding(FOUND._replace(judgement=JUDGED._replace(decisive="named api key"))))
    assert "its confidence would be less than high without: named api key" in told
    asked = FOUND._replace(rule=RULE._replace(probe={"url": "x"}), judgement=None, evidence=(Evidence("the format"),))
    assert "the format" in list(explain_finding(asked))
    assert "--verify asks the provider" in list(explain_finding(asked))[-1]
    live = asked._replace(verdict=Verdict(VerdictState.LIVE, facts=(("scopes", "repo\x1b"),)))
    assert "scopes: repo\\x1b" in list(explain_finding(live)) and "--verify" not in list(explain_finding(live))[-1]


def test_a_dropped_candidate_is_explained_the_same_way() -> None:
    dropped = RejectedCandidate("generic.api-key", 0, 3, "a mask", (), JUDGED)
    assert list(explain_rejected(dropped))[-1] == "dropped before anything was added up: a mask"
    scored = dropped._replace(evidence=(Evidence("a word", -4.0),), judgement=JUDGED._replace(decisive="a word"))
    assert list(explain_rejected(scored))[-1] == "it would be reported (--min-confidence low) without: a word"
    assert "several would have to be different" in list(explain_rejected(scored._replace(judgement=JUDGED)))[-1]
    assert list(explain_rejected(dropped._replace(judgement=None, evidence=(Evidence("no account", -1.0),)))) == [
        "against: no account (-1.0)"
    ]


def test_the_engine_explains_what_it_drops() -> None:
    from detector.rules.pack import build_engine, load_pack

    engine: Engine = build_engine(load_pack())
    rejected = engine.examine(b'password = "test"\n', "a.py", keep_rejected=True).rejected
    assert any("value is a word for any credential" in fact for one in rejected for fact in explain_rejected(one))
