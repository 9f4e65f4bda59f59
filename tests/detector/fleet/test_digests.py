"""Ids of a key and of a rule set."""

from detector.fleet.digests import digest_rules, identify_key


def test_the_order_of_the_rules_does_not_matter():
    assert digest_rules({"a": "1", "b": "2"}) == digest_rules({"b": "2", "a": "1"}) != digest_rules({"a": "1"})


def test_the_id_of_a_key_is_its_own_and_short():
    assert identify_key(b"k" * 32) != identify_key(b"j" * 32)
    assert len(identify_key(b"k" * 32)) == 16
