"""Other tools' files say what they say there: each kind of entry, and what cannot be taken over."""

import contextlib
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from detector.errors import UsageError
from detector.ignores import loader
from detector.ignores.policy import IgnorePolicy, ParsedIgnores
from detector.model import Location, Origin, Rule, Sighting
from detector.registry import list_names
from detector.secret import Secret

RULE = Rule("github.pat-classic", "GitHub token")
COMMIT = "ab" * 20
VALUE = "-".join(("s3cr3t", "value"))


def load(kind: str, text: str, name: str = "") -> ParsedIgnores:
    return loader.parse_ignores(kind, text.encode(), name or f"the {kind} file")


def seen(path: str = "src/a.py", value: str = "s3cr3t-value", line: int = 3, **more: object) -> Sighting:
    kind = "blob" if more.get("commit") else "worktree"
    origin = Origin(kind, path, commit=more.pop("commit", None))  # type: ignore[arg-type]
    start = int(more.pop("start", 10))  # type: ignore[call-overload]
    location = Location(origin, start, start + len(value), line, 1, line, 9)
    return Sighting(0, location, Secret(value.encode()), **more)  # type: ignore[arg-type]


@pytest.fixture
def hides() -> Callable[..., bool]:
    def ask(loaded: ParsedIgnores, rule: Rule = RULE, **facts: object) -> bool:
        return bool(IgnorePolicy(loaded.allowlist, loaded.exact).find_reason(seen(**facts), rule))  # type: ignore[arg-type]

    return ask


Hides = Callable[..., bool]


def test_every_format_is_listed_and_tested_here() -> None:
    tested = {name for name in list_names("detector.ignores.formats") if f'"{name}"' in Path(__file__).read_text()}
    assert tested == set(list_names("detector.ignores.formats"))


def test_gitleaks_allow_lists(hides: Hides) -> None:
    loaded = load(
        "gitleaks-config",
        """
        [[rules]]
        id = "github-pat"
        [[rules.allowlists]]
        condition = "AND"
        paths = ['''^tests/''']
        stopWords = ["S3CR"]
        [[allowlists]]
        description = "either"
        paths = ['''(?i)^VENDOR/''', '''^Third/''']
        regexes = ['''^dummy-\\d+$''']
        commits = ["COMMIT"]
        [[allowlists]]
        targetRules = ["gitlab-pat"]
        regexTarget = "line"
        regexes = ['''# demo''']
        """.replace("COMMIT", COMMIT.upper()),
    )
    assert not loaded.rejected
    assert hides(loaded, path="tests/a.py") and not hides(loaded, path="tests/a.py", value="other")
    assert hides(loaded, path="vendor/x") and hides(loaded, path="third/x"), "a bare (?i) reaches the next pattern"
    assert hides(loaded, value="dummy-12") and not hides(loaded, value="dummy-12x")
    assert hides(loaded, commit=COMMIT)
    assert not hides(loaded, nearby_ignores=("line:# demo",))
    assert hides(loaded, Rule("gitlab.pat", "x"), nearby_ignores=("line:# demo",))


def test_betterleaks_filters(hides: Hides) -> None:
    loaded = load(
        "gitleaks-config",
        """
        prefilter = '''filter.matchesAny(get(attributes, "path", ""), [`(?:^|/)vendor/`, `\\.lock$`])'''
        filter = '''containsAny(finding["secret"], ["example", "UPPER"]) || matchesAny(finding["secret"], ["^x"])'''
        [[rules]]
        id = "acme"
        filter = '''entropy(finding["secret"]) <= 3.0'''
        [[rules]]
        id = "odd"
        filter = '''let a = finding["secret"]; len(a) < 4'''
        """,
        ".betterleaks.toml",
    )
    assert hides(loaded, path="a/vendor/x") and hides(loaded, path="poetry.lock")
    assert hides(loaded, value="an-EXAMPLE-1") and hides(loaded, value="xyz")
    assert not hides(loaded, value="the-upper-case"), "there an upper-case term never fits"
    assert [text.partition(":")[0] for text in loaded.rejected] == ["rule odd"]


def test_what_gitleaks_would_refuse_is_refused() -> None:
    loaded = load(
        "gitleaks-config",
        "[[allowlists]]\npaths=['''(''']\n[[allowlists]]\ncondition='XOR'\nstopwords=['a']\n"
        "[[allowlists]]\ndescription='empty'\n[extend]\npath='base.toml'\ndisabledRules=['x']\n",
    )
    assert len(loaded.rejected) == 5 and not loaded.allowlist
    with pytest.raises(UsageError, match=r"bad\.toml"):
        load("gitleaks-config", "[[", "bad.toml")


def test_gitleaks_ignore(hides: Hides) -> None:
    loaded = load(
        "gitleaks-ignore", f"# a\n\nsrc/a.py:github-pat:3\n{COMMIT}:b\\c.py:x:3\nz.tgz!in/b.env:x:4\nbroken\n"
    )
    assert hides(loaded) and not hides(loaded, line=4)
    assert hides(loaded, path="b/c.py", commit=COMMIT) and not hides(loaded, path="b/c.py")
    assert hides(loaded, path="z.tgz!in/b.env", line=4)
    assert len(loaded.rejected) == 1


def test_gitleaks_report(hides: Hides) -> None:
    row = {"RuleID": "x", "File": "src/a.py", "StartLine": 3, "Secret": VALUE, "Commit": ""}
    loaded = load("gitleaks-report", json.dumps([row]))
    assert hides(loaded, line=77) and not hides(loaded, value="another")
    redacted = load("gitleaks-report", json.dumps([{**row, "Secret": "REDACTED", "Commit": COMMIT}]))
    assert hides(redacted, commit=COMMIT) and not hides(redacted)
    with pytest.raises(UsageError):
        load("gitleaks-report", '{"a": 1}')


def test_detect_secrets(hides: Hides) -> None:
    digest = hashlib.sha1(b"s3cr3t-value").hexdigest()
    text = json.dumps(
        {
            "version": "1.5.0",
            "filters_used": [
                {"path": "detect_secrets.filters.regex.should_exclude_file", "pattern": ["^vendor/.*"]},
                {"path": "detect_secrets.filters.regex.should_exclude_secret", "pattern": ["fake"]},
                {"path": "detect_secrets.filters.heuristic.is_lock_file"},
                {"path": "file:///tmp/own.py::drop"},
            ],
            "results": {"src\\a.py": [{"type": "Secret Keyword", "hashed_secret": digest, "is_secret": False}]},
        }
    )
    loaded = load("detect-secrets", text)
    assert hides(loaded, line=99) and not hides(loaded, path="b.py") and not hides(loaded, value="other")
    assert hides(loaded, path="vendor/b.py", value="other") and hides(loaded, value="a-fake-one")
    assert len(loaded.rejected) == 1 and "never run" in loaded.rejected[0]
    old = load("detect-secrets", '{"exclude": {"files": "^old/", "lines": null}, "results": {}}')
    assert hides(old, path="old/a")


def test_what_was_audited_as_a_real_secret_is_a_finding(hides: Hides) -> None:
    digest = hashlib.sha1(b"s3cr3t-value").hexdigest()
    row = {"type": "Secret Keyword", "hashed_secret": digest}
    for audited, is_hidden in (({}, True), ({"is_secret": False}, True), ({"is_secret": True}, False)):
        loaded = load("detect-secrets", json.dumps({"results": {"src/a.py": [{**row, **audited}]}}))
        assert hides(loaded) is is_hidden
        assert any("audited as a real secret" in one for one in loaded.rejected) is not is_hidden


@pytest.mark.parametrize(("text", "ids"), [
    ("[[rules]]\nid = 'a'\nregex = 'x'\n[[rules]]\nid = 'b'\npath = 'y'", ("a", "b")),
    ("[[rules]]\nid = 'github-pat'\n[[rules.allowlists]]\npaths = ['x']", ()),
    ("[allowlist]\npaths = ['x']", ()),
])  # fmt: skip
def test_rules_of_gitleaks_are_named_as_not_applied(text: str, ids: tuple[str, ...]) -> None:
    assert load("gitleaks-config", text).rules[:2] == ids


def test_the_head_of_a_private_key_is_its_name_in_detect_secrets(hides: Hides) -> None:
    head = "BEGIN RSA " + "PRIVATE KEY"
    digest = hashlib.sha1(head.encode()).hexdigest()
    loaded = load("detect-secrets", json.dumps({"results": {"src/a.py": [{"hashed_secret": digest}]}}))
    assert hides(loaded, value=f"-----{head}-----\nMII")


def test_trufflehog(hides: Hides) -> None:
    loaded = load("trufflehog", "# paths\n^vendor/\n\n\\.lock$\n(\n")
    assert hides(loaded, path="vendor/a") and hides(loaded, path="x/a.lock") and not hides(loaded)
    assert len(loaded.rejected) == 1


def test_ggshield(hides: Hides) -> None:
    loaded = load(
        "ggshield",
        "version: 2\nsecret:\n  ignored-paths: ['doc/*', '**/README.md', 'vendor/', '/top.py', 'a***b']\n"
        "  ignored_matches: [{name: demo, match: " + "ab" * 32 + "}, {name: plain, match: s3cr3t-value}]\n"
        "  ignored_detectors: [Generic Password]\n",
    )
    assert hides(loaded) and not hides(loaded, value="another")
    for path in ("doc/a.txt", "x/doc/a.txt", "README.md", "a/b/README.md", "x/vendor/deep/y.py", "top.py"):
        assert hides(loaded, path=path, value="another"), path
    for path in ("doc/a/b.txt", "README.md.txt", "x/top.py"):
        assert not hides(loaded, path=path, value="another"), path
    assert len(loaded.rejected) == 3
    old = load("ggshield", "paths-ignore: ['old/']\nmatches-ignore: [plain]\nbanlisted-detectors: [X]\n")
    assert hides(old, path="old/x") and hides(old, value="plain") and len(old.rejected) == 1


@pytest.mark.parametrize("version", [1, 2])
def test_kingfisher(hides: Hides, version: int) -> None:
    from detector.ignores import values

    number = values.hash_xxh3(Secret(b"s3cr3t-value"), b"file", 10, 22)
    if version == 2:
        text = (
            "version: 2\nfingerprint_algorithm: kingfisher-v1\nrepositories:\n- id: x\n  findings:\n"
            f"  - {{path: src/a.py, fingerprint: '{number}', rule_id: r, line: 3}}\n"
        )
    else:
        text = f"ExactFindings:\n  matches:\n  - {{filepath: src/a.py, fingerprint: '0x{number:x}', linenum: 3}}\n"
    loaded = load("kingfisher", text)
    assert hides(loaded) and not hides(loaded, start=11) and not hides(loaded, value="s3cr3t-valuE")
    with pytest.raises(UsageError):
        load("kingfisher", "version: 9\n")


def test_kingfisher_config(hides: Hides) -> None:
    loaded = load(
        "kingfisher-config",
        "filters: {skip_words: [Demo], skip_regex: ['^x'], exclude: ['*.lock'], extra_ignore_comments: [nocheck]}\n"
        "rules: {disabled: [a.b]}\n",
    )
    assert hides(loaded, value="a-DEMO-x") and hides(loaded, value="xa") and hides(loaded, path="a/b.lock")
    assert len(loaded.rejected) == 2


def test_github(hides: Hides) -> None:
    loaded = load("github", "paths-ignore:\n  - 'docs/**'\n  - 'foo/*.js'\n  - '**.md'\n  - '!docs/real'\n")
    for path in ("docs/a/b", "foo/a.js", "x/y.md"):
        assert hides(loaded, path=path), path
    assert not hides(loaded, path="foo/bar/a.js") and not hides(loaded, path="a/docs/x")
    assert len(loaded.rejected) == 1


def test_gitignore(hides: Hides) -> None:
    loaded = load("gitignore", "# c\nbuild/\n*.lock\n!keep.lock\n")
    assert hides(loaded, path="a/build/x") and hides(loaded, path="a.lock") and not hides(loaded, path="keep.lock")


@pytest.mark.parametrize("kind", sorted(set(list_names("detector.ignores.formats"))))
@pytest.mark.parametrize("text", ["", "\0\xff", "[1, 2", "{", "a: [", "- 1", "[[x]]", "null", "[]", "{}", "3"])
def test_junk_is_a_usage_error_or_nothing(kind: str, text: str) -> None:
    with contextlib.suppress(UsageError):
        assert isinstance(loader.parse_ignores(kind, text.encode("latin-1"), "junk"), ParsedIgnores)
