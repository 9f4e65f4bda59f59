"""An expression means what its author meant, or is refused."""

import pytest
import regex

from detector.rules.re2 import RUST, Untranslatable, translate


@pytest.mark.parametrize(
    ("pattern", "matches", "fails"),
    [
        (r"key(?i)=a|b", ["key=A", "B"], ["KEY=a"]),
        (r"(?:x(?i)a|b)c", ["xAc", "Bc"], ["xAC"]),
        (r"(?i)a(?-i)b", ["Ab"], ["aB"]),
        (r"(?i:a(?s-i).)b", ["A\nb"], ["aB"]),
        (r"ab$", ["ab"], ["ab\n", "abc"]),
        (r"(?m)^ab$", ["x\nab\ny"], ["xab"]),
        (r"ab\z", ["ab"], ["ab\n"]),
        (r"a\sb", ["a b", "a\tb"], ["a\x0bb"]),
        (r"[\s-]x", [" x", "-x"], ["\x0bx"]),
        (r"a{,2}", ["a{,2}"], ["aa"]),
        (r"[[:alnum:]_]{3}", ["a_1"], ["a:["]),
        (r"\Qa.b*\E+", ["a.b**"], ["axb"]),
        (r"\x{41}\x{e9}", ["Aé"], ["A"]),
        (r"[a[]b", ["[b"], ["]b"]),
        (r"(?P<key>a)(?<more>b)", ["ab"], ["a"]),
        (r"a{2}{", ["aa{"], ["aa"]),
    ],
)
def test_it_matches_as_there(pattern: str, matches: list[str], fails: list[str]) -> None:
    compiled = regex.compile(translate(pattern).encode())
    assert all(compiled.search(text.encode()) for text in matches)
    assert not any(compiled.search(text.encode()) for text in fails)


def test_rust_ignores_blanks_and_comments_even_in_classes() -> None:
    pattern = "(?x) a [ b c # d\n e ] {2} # the end\n \\ [\\ ]"
    compiled = regex.compile(translate(pattern, RUST).encode())
    assert compiled.fullmatch(b"abe  ")
    assert not compiled.fullmatch(b"a#d  ")


def test_an_own_comment_is_no_part_of_it() -> None:
    assert translate("a(?# why)b") == "ab"


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        (r"a(?=b)", "look-around"),
        (r"(?<!a)b", "look-around"),
        (r"a++", "possessive"),
        (r"a{2}+", "possessive"),
        (r"(a)\1", r"\\1"),
        (r"\pL", r"\\p"),
        (r"(?U)a+", "flag 'U'"),
        (r"a{1001}", "more than 1000"),
        (r"[[:^alpha:]]", "class"),
        (r"[ä]", "beyond ASCII"),
        (r"(a", "not closed"),
        (r"a)", "not opened"),
        (r"[a", "not closed"),
        ("a\\", "backslash"),
    ],
)
def test_what_has_no_counterpart_is_refused_by_name(pattern: str, says: str) -> None:
    with pytest.raises(Untranslatable, match=says):
        translate(pattern)


def test_rust_refuses_a_class_within_a_class() -> None:
    with pytest.raises(Untranslatable, match="class within"):
        translate("[a-z&&[^b]]", RUST)
