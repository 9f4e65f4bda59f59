"""Values that were found are hidden where names hold them, and nothing else is touched."""

import pytest

from detector.model import Companion, Evidence, Location, Origin, Rule, Sighting, Skipped
from detector.rules.shapes import expand
from detector.scan import masking
from detector.scan.masking import NameMasker, make_name_masker
from detector.secret import Secret

TOKEN = expand("ghp_{alnum:36}", 1)
OTHER = expand("{alnum:20}", 2)


def secret(text: str) -> Secret:
    return Secret(text.encode("utf-8", "surrogateescape"))


def sighting(value: str, rule: int = 0, **more) -> Sighting:
    origin = more.pop("origin", Origin("worktree", "a.py"))
    return Sighting(rule, Location(origin, 0, 0, 1, 1, 1, 1), secret(value), **more)


def test_each_value_in_a_name_is_redacted():
    masker = NameMasker([secret(TOKEN), secret(OTHER)])
    assert masker.mask(f"a/{TOKEN}/{OTHER}_{TOKEN}.txt") == (f"a/{secret(TOKEN)}/{secret(OTHER)}_{secret(TOKEN)}.txt")
    assert masker.mask("a/b.txt") == "a/b.txt"
    assert masker.mask(masker.mask(f"a/{TOKEN}")) == f"a/{secret(TOKEN)}"


def test_values_that_overlap_are_redacted_as_one():
    whole = f"user:{OTHER}@host/{TOKEN}"
    masker = NameMasker([secret(OTHER), secret(whole), secret(f"{TOKEN[8:]}.txt"), secret(TOKEN[:12])])
    assert masker.mask(whole) == str(secret(whole))
    assert masker.mask(f"{whole}.txt") == str(secret(f"{whole}.txt"))


def test_a_value_that_is_no_utf_8_is_hidden_in_a_path_of_such_bytes():
    value = f"{OTHER}\udce9\udcff"
    assert OTHER[:8] not in NameMasker([secret(value)]).mask(f"caf\udce9/{value}")


def test_short_values_and_plain_words_stay():
    masker = NameMasker(map(secret, ["hunter2", "wordpress", "changePassword", "x9-pq!Lm"]))
    assert masker.mask("hunter2/wordpress/changePassword.js/x9-pq!Lm") == "hunter2/wordpress/changePassword.js/… (8)"


def test_what_is_hardly_a_credential_hides_no_name():
    rules = [Rule("generic.password", "a password", scored=True), Rule("acme.key", "a key")]
    for rule, confidence, hidden in [(0, "low", False), (0, "medium", True), (1, "low", True)]:
        masker = make_name_masker([sighting(OTHER, rule, confidence=confidence)], rules)
        assert (OTHER not in masker.mask(f"a/{OTHER}")) is hidden


def test_origins_lose_values_and_what_holds_none_is_the_same_object():
    masker = NameMasker([secret(TOKEN)])
    clean = Origin("blob", "a.py", "repo", author="Ada")
    assert masker.mask_origin(clean) is clean
    hidden = masker.mask_origin(
        Origin("blob", TOKEN, f"/srv/{TOKEN}", "1" * 40, "2" * 40, f"Ada <{TOKEN}@x.y>", "2025")
    )
    shown = str(secret(TOKEN))
    assert hidden == Origin("blob", shown, f"/srv/{shown}", "1" * 40, "2" * 40, f"Ada <{shown}@x.y>", "2025")


def test_sightings_and_skips_are_hidden_with_everything_that_they_say():
    masker = NameMasker([secret(TOKEN)])
    clean = sighting(TOKEN)
    named = sighting(TOKEN, origin=Origin("blob", TOKEN), evidence=(Evidence(f"is part of {TOKEN}", 1.5),))
    first, second = masker.mask_sightings([clean, named])
    assert first is clean
    assert second.location.origin.path == str(secret(TOKEN))
    assert second.evidence == (Evidence(f"is part of {secret(TOKEN)}", 1.5),)
    assert masker.mask_skipped([Skipped(TOKEN, f"no {TOKEN}", True)]) == [
        Skipped(f"{secret(TOKEN)}", f"no {secret(TOKEN)}", True)
    ]


def test_without_values_everything_comes_back():
    seen = [sighting("short")]
    assert NameMasker().mask_sightings(seen) is seen
    assert NameMasker().mask(TOKEN) == TOKEN


def test_what_is_no_secret_is_not_hidden():
    rules = [
        Rule("a", "", companions=(Companion("account", "x", secret=False), Companion("key", "x"))),
        Rule("published", "", published=True),
    ]
    account, key, folder = "account-of-somebody", OTHER, ".git/config-of-somebody"
    seen = [
        sighting(TOKEN, parts=(("account", secret(account)), ("key", secret(key)))),
        sighting(folder, rule=1),
    ]
    masker = make_name_masker(seen, rules)
    assert masker.mask(f"{account} {folder}") == f"{account} {folder}"
    assert masker.mask(f"{TOKEN} {key}") == f"{secret(TOKEN)} {secret(key)}"


VALUE = expand("{alnum:18}", 5)
"""Found elsewhere in the scan."""


@pytest.mark.parametrize(
    ("excerpt", "masked"),
    [
        (f"used {VALUE} with x", f"used {secret(VALUE)} with x"),
        (f"a line that ends in {VALUE[:11]}", "a line that ends in "),
        (f"{VALUE[5:]} begins the line", " begins the line"),
        (VALUE[2:15], VALUE[2:15]),  # the middle alone cannot be told from other text
        ("nothing of it", "nothing of it"),
    ],
)
def test_an_excerpt_shows_no_value_that_was_found_elsewhere(excerpt: str, masked: str) -> None:
    shown = masking.ExcerptMasker([VALUE.encode()]).mask(excerpt)
    assert VALUE[:11] not in shown and VALUE[5:] not in shown
    assert masked.strip() in shown or shown == masked


def test_a_line_of_a_key_is_masked_where_it_stands_alone() -> None:
    lines = [f"line{number}" * 6 for number in range(3)]
    masker = masking.ExcerptMasker(["\n".join(["-----BEGIN KEY-----", *lines]).encode()])
    assert lines[1] not in masker.mask(f"key: {lines[1]}")
    assert masker.mask("-----BEGIN KEY-----") == "-----BEGIN KEY-----"


def test_a_word_is_shown_although_it_is_somebodys_password() -> None:
    assert masking.ExcerptMasker([b"changeit"]).mask("changeit, please") == "changeit, please"


def test_a_value_is_found_again_in_the_forms_in_which_programs_print_it():
    import base64
    import json
    from urllib.parse import quote

    value = expand("{alnum:20}", 8) + '"/+é'
    finder = masking.ValueFinder([secret(value)])
    raw = value.encode()
    for form in (value, value[::-1], raw.hex(), raw.hex().upper(), quote(value, safe=""), json.dumps(value)[1:-1]):
        assert finder.find(f"a {form} b") == [(2, 2 + len(form), 0)]
    for shift in range(3):
        coded = base64.b64encode(b"x" * shift + raw + b"yy").decode()
        ((start, end, _),) = finder.find(coded)
        assert end - start >= len(raw) * 8 // 6 - 1
    assert masking.ValueFinder([secret("password")]).find("the password") == []
    assert masking.ValueFinder([]).find("anything") == []
