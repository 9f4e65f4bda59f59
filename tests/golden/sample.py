"""One scan, made by hand, with something of everything that a report must cope with."""

from __future__ import annotations

from detector.model import (
    Evidence,
    Finding,
    Ignored,
    Judgement,
    Location,
    Origin,
    PlaceClass,
    RejectedCandidate,
    Rule,
    Scan,
    Skipped,
    Stats,
    Verdict,
    VerdictState,
)
from detector.reports._options import ReportOptions
from detector.rules.shapes import expand
from detector.secret import Secret

CLONE_PASSWORD = "-".join(("clone", "password"))
REPOSITORY = f"https://bob:{CLONE_PASSWORD}@git.example.org/acme/shop.git"
OPTIONS = ReportOptions(target=REPOSITORY, version="1.2.3", when="2025-01-31T12:00:00")
HOSTILE_PATH = (
    'docs/\x1b[2J\x1b]0;owned\x07 ::error::x##vso[task.x]/a,b:"c" <script>alert(1)</script>\'|`&%0A\r\n'
    "\u202egnp.\udcff.env"
)
HOSTILE_AUTHOR = "@everyone ![x](https://evil.example/p.png) <img src=x onerror=alert(1)> \u009b31m"

TOKEN = Secret(expand("ghp_{alnum:36}", 1).encode())
KEY_ID = Secret(expand("AKIA{upper:16}", 2).encode())
KEY = Secret(expand("{alnum:40}", 3).encode())
PASSWORD = Secret(expand("{alnum:12}", 4).encode())
PEM = Secret(b"-----BEGIN " + b"PRIVATE KEY-----\n" + expand("{alnum:64}", 5).encode() + b"\n\xff\n")

GITHUB = Rule(
    "github.pat-classic",
    "GitHub personal access token (classic)",
    "Acts as the person who made it on every repository and organisation that its scopes reach.",
    "GitHub",
    "critical",
    "high",
    revoke="Settings → Developer settings → Personal access tokens → Delete. Then issue a new one with fewer scopes.",
    links=("https://docs.github.com/en/authentication", "javascript:alert(1)"),
)
AWS = Rule(
    "aws.access-key",
    "AWS access key",
    "Calls every AWS API that its user may call; often enough to start machines and read buckets.",
    "Amazon Web Services",
    "critical",
    "high",
    revoke="aws iam update-access-key --status Inactive, then create a new one.",
)
PRIVATE_KEY = Rule("key.private", "Private key", "Logs in, signs or decrypts as its owner.", "", "high", "high")
GENERIC = Rule("generic.password", "Password in an assignment", severity="medium", confidence="low")
PLAIN = Rule("info.rule", "", severity="info", confidence="low")


def place(
    origin: Origin, line: int, column: int, length: int, snippet: str = "", via: tuple[str, ...] = ()
) -> Location:
    start = max(line, 1) * 100 + column
    end_column = column + length if line else 0
    return Location(origin, start, start + length, line, column, line, end_column, via, snippet)


def origin(kind: str, path: str, number: int = 0, author: str = "Ada Lovelace <ada@example.org>") -> Origin:
    if not number:
        return Origin(kind, path, REPOSITORY)
    reached = kind != "unreachable"
    return Origin(
        kind,
        path,
        REPOSITORY,
        object_id=f"{number:x}" * 40,
        commit=f"{number + 4:x}" * 40 if reached else None,
        author=author if reached else None,
        when=f"20{18 + number}-04-05T06:07:08+02:00" if reached else None,
    )


def make_github_finding() -> Finding:
    """A live token in several places, with its evidence."""
    line = f'GITHUB_TOKEN = "{TOKEN.redacted}"'
    return Finding(
        "lf1:" + "1" * 32,
        GITHUB,
        "critical",
        "high",
        TOKEN,
        (),
        (
            place(origin("blob", "config/settings.py", 1), 12, 17, 40, line),
            place(origin("blob", "config/production/settings.py", 2), 14, 17, 40, line),
            place(origin("stash", "config/production/settings.py", 3), 14, 17, 40, line),
            place(origin("worktree", "config/production/settings.py"), 20, 17, 40, line + "  # move to the vault"),
            place(origin("unreachable", "", 4), 3, 1, 40, TOKEN.redacted),
        ),
        Verdict(
            VerdictState.LIVE, "200 from api.github.com/user", "octocat", "2025-01-31T11:59:00Z", (("scopes", "repo"),)
        ),
        (Evidence("the checksum is right", 4.0), Evidence("assigned to a name with TOKEN", 1.5)),
    )


def make_aws_finding() -> Finding:
    """A pair, in a commit message, an archive and the standard input."""
    return Finding(
        "lf1:" + "2" * 32,
        AWS,
        "critical",
        "high",
        KEY_ID,
        (("secret access key", KEY),),
        (
            place(origin("commit", "", 2), 3, 9, 20, f"deploy: key {KEY_ID.redacted} until Friday"),
            place(origin("archive", "dist/app.zip!conf/.env"), 1, 5, 20, f"KEY={KEY_ID.redacted}", ("base64",)),
            place(Origin("stdin"), 0, 0, 20),
        ),
        Verdict(VerdictState.VALID_FORMAT, "the account number decodes"),
    )


def make_hostile_finding() -> Finding:
    """Names that attack terminals, pages and workflows."""
    return Finding(
        "lf1:" + "3" * 32,
        PRIVATE_KEY,
        "high",
        "high",
        PEM,
        (),
        (
            place(origin("blob", HOSTILE_PATH, 1, author=HOSTILE_AUTHOR), 1, 1, 27, "<b>`|::x</b>\t\x1b[31m…"),
            Location(origin("worktree", HOSTILE_PATH), 0, 100, 1, 1, 4, 26, (), ""),
        ),
    )


def scan() -> Scan:
    """Return the scan: incomplete, of one repository, five credentials."""
    fixture = Finding(
        "lf1:" + "4" * 32,
        GENERIC,
        "medium",
        "low",
        PASSWORD,
        (),
        (place(origin("worktree", "tests/fixtures/login.json"), 8, 16, 12, f'"password": "{PASSWORD.redacted}",'),),
        evidence=(Evidence("named password", 2.5), Evidence("in an assertion", -1.5)),
        severity_reason="a guess by its name; two steps lower: stands only in tests",
        place=PlaceClass.TEST,
        judgement=Judgement("assigned to a name, quoted", "password, nearly always a credential", "a word", total=0.4),
    )
    bare = Finding("lf1:" + "5" * 32, PLAIN, "info", "low", PASSWORD, (), ())
    mine = RejectedCandidate("github.pat-classic", 7, 47, "placeholder", (Evidence("it says xxxx", -3.0),))
    return Scan(
        findings=(fixture, bare, make_hostile_finding(), make_aws_finding(), make_github_finding()),
        skipped=(
            Skipped("node_modules", "named in .gitignore", True),
            Skipped("data/dump.sql", "permission denied"),
            Skipped(f"{REPOSITORY} object {'9' * 40}", "missing"),
            Skipped(HOSTILE_PATH, "changed while it was read"),
        ),
        stats=Stats(123_456_789, 4_321, 1.5, 221),
        ruleset="d" * 16,
        complete=False,
        ignored=(Ignored(fixture._replace(fingerprint="lf1:" + "6" * 32), "inline mark leakfirst:allow"),),
        rejected=((origin("worktree", "README.md"), mine),),
        notes=("The repository's own leakfirst.toml leaves out: vendor/**",),
    )


def empty(complete: bool = True) -> Scan:
    """Return a scan that found nothing."""
    return Scan((), (), Stats(), "d" * 16, complete)


def large(findings: int, places: int) -> Scan:
    """Return a scan with very many findings."""
    made = []
    for number in range(findings):
        spots = tuple(
            place(
                origin("blob", f"src/{number % 97}/file{n}.py", 1 + n % 8), 1 + number, 5, 40, f"x = {TOKEN.redacted}"
            )
            for n in range(places)
        )
        made.append(Finding(f"lf1:{number:032x}", GITHUB, "critical", "high", TOKEN, (), spots))
    return Scan(tuple(made), (), Stats(1, 1, 1.0, 1), "d" * 16, True)
