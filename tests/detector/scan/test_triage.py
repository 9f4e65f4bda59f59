"""Sightings become findings, and the order in which workers end has no say in what they are."""

import random

from detector.model import Evidence, Location, Origin, Sighting
from detector.rules.loader import parse
from detector.scan.triage import build_findings
from detector.secret import Secret

RULES = parse("""
[[rule]]
id = "acme.key"
finds = "Acme key"
anchors = ["acme_"]
pattern = '(acme_[0-9a-z]{24})'
""")


def sighting(number: int) -> Sighting:
    origin = Origin(
        "blob", f"file {number % 3}", object_id=f"{number:040}", when=f"2024-01-{number + 1:02}T00:00:00+00:00"
    )
    location = Location(origin, 0, 9, 1, 1, 1, 10)
    return Sighting(0, location, Secret(b"a" * 9), evidence=(Evidence(f"version {number}"),))


def test_a_finding_says_the_same_in_whatever_order_its_places_were_seen() -> None:
    seen = [sighting(number) for number in range(12)]
    told = build_findings(seen, RULES, b"key")
    for seed in range(20):
        random.Random(seed).shuffle(seen)
        assert build_findings(seen, RULES, b"key") == told
    assert told[0].evidence == (Evidence("version 0"),), "the oldest of equals is told"
