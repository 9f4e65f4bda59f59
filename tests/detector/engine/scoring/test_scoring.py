"""The scoring over languages and formats: what is reported, and what looks like it but is not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.engine.anchors import AhoCorasickAutomaton, HyperscanAutomaton, length_range
from detector.engine.scoring import HIGH, LOW, MEDIUM, ScoredCandidate, score_candidates
from detector.engine.scoring.anchors import ANCHORS
from detector.model import CONFIDENCES
from detector.rules.shapes import expand

SHAPES = {
    "P": "{upper:1}{lower:3}{digit:3}#{lower:2}{upper:2}{digit:1}",  # a password with signs
    "T": "{alnum:32}",
    "H": "{hex:40}",
    "B": "{base64:42}Q=",
    "W": "{lower:4}{digit:4}{upper:3}",
}
VALUES = {name: expand(shape, 7) for name, shape in SHAPES.items()}

# path, text with §P§ for a value, and a text beside it that must not be reported
CASES = [
    ("app.py", 'DB_PASSWORD = "§P§"', 'DB_PASSWORD = os.environ["DB_PASSWORD"]'),
    ("app.py", 'connect(host, password="§P§")', "connect(host, password=password)"),
    ("app.py", 'os.environ.get("API_TOKEN", "§T§")', 'os.environ.get("API_TOKEN", "")'),
    ("app.js", "const apiKey = '§T§';", "const apiKey = process.env.API_KEY;"),
    ("app.js", "{ accessToken: '§T§' }", "{ accessToken: 'string' }"),
    ("app.ts", 'private readonly clientSecret: string = "§T§";', "private readonly clientSecret: string;"),
    ("App.java", 'String dbPassword = "§P§";', 'String passwordField = "password_field";'),
    ("App.java", 'config.setPassword("§P§");', "config.setPassword(passwordEncoder.encode(raw));"),
    ("App.kt", 'val apiKey: String = "§T§"', "val apiKey: String = BuildConfig.API_KEY"),
    ("main.go", 'var secretKey = []byte("§T§")', "var secretKey = []byte(os.Getenv(name))"),
    ("main.go", 'cfg := Config{Password: "§P§"}', "cfg := Config{Password: flagPassword}"),
    ("main.rs", 'let api_token = "§T§";', 'let api_token = env::var("API_TOKEN")?;'),
    ("App.cs", 'public const string ApiSecret = "§T§";', "public string ApiSecret { get; set; }"),
    ("config.php", "$password = '§P§';", "$password = $_POST['password'];"),
    ("config.php", "'db_password' => '§P§',", "'db_password' => env('DB_PASSWORD'),"),
    ("wp-config.php", "define('DB_PASSWORD', '§P§');", "define('DB_PASSWORD', getenv('DB_PASSWORD'));"),
    ("wp-config.php", "define('SECURE_AUTH_KEY', '§B§');", "define('SECURE_AUTH_KEY', 'put your unique phrase here');"),
    ("app.rb", 'config.secret_key = "§H§"', "config.secret_key = ENV['SECRET_KEY']"),
    ("app.rb", "User.create(email: mail, password: '§P§')", "User.create(email: mail, password: password)"),
    ("run.sh", "export API_TOKEN=§T§", "export API_TOKEN=$(cat token)"),
    ("run.sh", 'PGPASSWORD="§P§" psql -h db', 'PGPASSWORD="$PASSWORD" psql -h db'),
    ("run.ps1", '$password = "§P§"', "$password = Read-Host"),
    ("run.ps1", 'ConvertTo-SecureString "§P§" -AsPlainText -Force', "ConvertTo-SecureString $plain -AsPlainText -Force"),
    ("Jenkinsfile", "def token = '§T§'", "def token = credentials('deploy')"),
    ("build.gradle", 'signingPassword = "§P§"', "signingPassword = project.property(name)"),
    ("App.scala", 'val secretKey = "§T§"', "val secretKey = sys.env(name)"),
    ("App.swift", 'let apiKey = "§T§"', "let apiKey = Bundle.main.key"),
    ("config.json", '{"password": "§P§"}', '{"password": ""}'),
    ("config.json", '{"name": "api_token", "value": "§T§"}', '{"name": "api_token", "value": "string"}'),
    ("body.json", r'"body": "{\"access_token\": \"§T§\"}"', r'"body": "{\"access_token\": \"<token>\"}"'),
    ("config.yml", "db_password: §P§", "db_password: ${DB_PASSWORD}"),
    ("config.yml", 'api_key: "§T§"', "api_key: !vault api_key"),
    ("config.toml", 'secret_key = "§T§"', 'secret_key = "your-secret-key"'),
    ("config.ini", "password = §P§", "password = %(secret)s"),
    ("application.properties", "spring.datasource.password=§P§", "spring.datasource.password=${PASSWORD}"),
    ("application.yml", "client-secret: §T§", "client-secret: {{ .Values.secret }}"),
    (".env", "SECRET_KEY=§T§", "SECRET_KEY="),
    ("config.xml", "<password>§P§</password>", "<password>${password}</password>"),
    ("web.config", '<add key="ApiToken" value="§T§" />', '<add key="ApiToken" value="#{token}" />'),
    ("api.http", "Authorization: Bearer §T§", "Authorization: Bearer <token>"),
    ("api.http", "Authorization: Basic §B§", "Basic authentication is required here"),
    ("api.http", "X-Api-Key: §T§", "X-Api-Key: YOUR_API_KEY"),
    ("README.md", "curl -H 'Authorization: Token §H§' https://host", "Each token has a type and a value."),
    ("README.md", "curl -u admin:§P§ https://host/", "curl -u $USER:$PASSWORD https://host/"),
    ("db.py", 'url = "postgres://app:§P§@db.internal:5432/app"', 'url = "postgres://app:%s@db.internal/app" % word'),
    ("db.go", 'dsn := "app:§P§@tcp(db.internal:3306)/app"', 'dsn := fmt.Sprintf("%s:%s@tcp(%s)/app", u, p, h)'),
    ("app.cs", '"Server=db;User Id=sa;Password=§P§;"', '"Server=db;User Id=sa;Password={0};"'),
    ("Dockerfile", "ENV MYSQL_ROOT_PASSWORD=§P§", "ARG MYSQL_ROOT_PASSWORD"),
    ("docker-compose.yml", "      - MYSQL_PASSWORD=§P§", "      - MYSQL_PASSWORD=${MYSQL_PASSWORD}"),
    ("deployment.yaml", "  - name: DB_PASSWORD\n    value: §P§", "  - name: DB_PASSWORD\n    valueFrom: secret"),
    ("values.yaml", 'adminPassword: "§P§"', 'existingSecret: "app-secret"'),
    ("main.tf", 'password = "§P§"', "password = var.db_password"),
    ("terraform.tfstate", '"secret_key": "§T§",', '"secret_key": null,'),
    ("playbook.yml", "ansible_ssh_pass: §P§", 'ansible_ssh_pass: "{{ vault_pass }}"'),
    (".github/workflows/ci.yml", "  DEPLOY_TOKEN: §T§", "  DEPLOY_TOKEN: ${{ secrets.DEPLOY_TOKEN }}"),
    (".gitlab-ci.yml", '  DB_PASSWORD: "§P§"', '  DB_PASSWORD: "$CI_DB_PASSWORD"'),
    (".circleci/config.yml", "  POSTGRES_PASSWORD: §P§", "  POSTGRES_PASSWORD: << parameters.password >>"),
    ("dump.sql", "CREATE USER 'app'@'%' IDENTIFIED BY '§P§';", "CREATE USER 'app'@'%' IDENTIFIED BY '?';"),
    ("dump.sql", "ALTER ROLE app WITH PASSWORD '§P§';", "password varchar(255) NOT NULL,"),
    (".npmrc", "//registry.npmjs.org/:_authToken=§T§", "//registry.npmjs.org/:_authToken=${NPM_TOKEN}"),
    (".pypirc", "username = ci\npassword = §P§", "username = ci\npassword ="),
    (".netrc", "machine host login ci password §P§", "machine host login ci"),
    (".my.cnf", "[client]\npassword=§P§", "[client]\nuser=root"),
    (".git-credentials", "https://ci:§T§@git.example.org", "https://git.example.org/ci/app.git"),
    (".docker/config.json", '"auths": {"r": {"auth": "§B§"}}', '"auths": {"r": {}}'),
    ("shadow", "root:$6$§W§§W§$§T§§T§§W§:18000:0:99999:7:::", "root:!:18000:0:99999:7:::"),
    (".htpasswd", "admin:$apr1$§W§$§T§", "admin:changed"),
    (
        "Env.kt",
        'environment(\n    "PAYMENTS_API_SECRET",\n    "§T§")',
        'environment(\n    "PAYMENTS_API_SECRET",\n    "production")',
    ),
    (
        "main.tf",
        'resource "aws_ssm_parameter" "db_password" {\n  value = "§T§"\n}',
        'resource "aws_ssm_parameter" "db_password" {\n  value = "${var.one}"\n}',
    ),
    ("build.gradle", "property 'sonar.login', '§H§'", "property 'sonar.login', System.getenv('SONAR')"),
    ("a.http", "Authorization: Bearer §T§", "WWW-Authenticate: NTLM"),
    ("a.http", "X-Auth: §T§", "otpauth://totp/acme?issuer=acme7"),
    ("lang.py", "contraseña = '§P§'", "contraseña = input('Contraseña: ')"),
]  # fmt: skip


@pytest.fixture(scope="module")
def automaton() -> HyperscanAutomaton:
    return HyperscanAutomaton.compile(ANCHORS)


def fill(text: str) -> tuple[bytes, list[bytes]]:
    used = [VALUES[name].encode() for name in re.findall("§(.)§", text)]
    return re.sub("§(.)§", lambda hole: VALUES[hole[1]], text).encode(), used


def reported(automaton: HyperscanAutomaton, data: bytes, path: str) -> list[ScoredCandidate]:
    found = score_candidates(data, sorted({end for _, end in automaton.scan(data)}), path)
    return [one for one in found if one.confidence in ("medium", "high")]


@pytest.mark.parametrize(("path", "text", "_beside"), CASES, ids=[f"{path}: {text[:40]}" for path, text, _ in CASES])
def test_it_reports_a_credential(automaton: HyperscanAutomaton, path: str, text: str, _beside: str) -> None:
    data, values = fill(f"# head\n{text}\n")
    found = reported(automaton, data, path)
    assert any(
        value in data[one.start : one.end] or data[one.start : one.end] in value for one in found for value in values
    )


@pytest.mark.parametrize(
    ("path", "_text", "beside"), CASES, ids=[f"{path}: {beside[:40]}" for path, _, beside in CASES]
)
def test_it_passes_over_what_stands_beside(automaton: HyperscanAutomaton, path: str, _text: str, beside: str) -> None:
    data, _ = fill(f"# head\n{beside}\n")
    assert reported(automaton, data, path) == []


def test_both_engines_lead_to_the_same_verdicts(automaton: HyperscanAutomaton) -> None:
    plain = AhoCorasickAutomaton(ANCHORS)
    for path, text, beside in CASES:
        data, _ = fill(f"# head\n{text}\n{beside}\n")
        ends = [sorted({end for _, end in engine.scan(data)}) for engine in (automaton, plain)]
        assert score_candidates(data, ends[0], path) == score_candidates(data, ends[1], path)


def test_it_gives_the_same_verdict_far_into_a_file(automaton: HyperscanAutomaton) -> None:
    data, _ = fill('x = 1\npassword = "§P§"\n')
    ahead = b"y = 2\n" * 5000
    near = score_candidates(data, sorted({end for _, end in automaton.scan(data)}), "a.py")
    far = score_candidates(ahead + data, sorted({end for _, end in automaton.scan(ahead + data)}), "a.py")
    assert near and far == [one._replace(start=one.start + len(ahead), end=one.end + len(ahead)) for one in near]


def test_it_reads_a_window_of_an_endless_line(automaton: HyperscanAutomaton) -> None:
    value = VALUES["T"].encode()
    line = b"a," * 200_000 + b'{"api_key":"' + value + b'"},' + b"b," * 200_000
    found = reported(automaton, line, "bundle.js")
    assert [line[one.start : one.end] for one in found] == [value]


def test_it_accounts_for_each_verdict(automaton: HyperscanAutomaton) -> None:
    data, _ = fill('password = "§P§"\nsecret = "${SECRET_VALUE}"\ntoken_type = "tokentype"\n')
    found = score_candidates(data, range(0, len(data), 8), "a.py")
    assert {one.confidence for one in found} > {None}
    for one in found:
        if one.confidence is None:
            assert one.rejection_reason
            continue
        assert (
            one.confidence in CONFIDENCES and one.score >= {"high": HIGH, "medium": MEDIUM, "low": LOW}[one.confidence]
        )
        weights = [evidence.weight for evidence in one.evidence]
        assert weights == sorted(weights, key=lambda weight: (weight < 0, -abs(weight))) and 0 not in weights


def test_it_never_shows_a_value_in_its_account(automaton: HyperscanAutomaton) -> None:
    for path, text, _ in CASES:
        data, values = fill(text)
        for one in score_candidates(data, sorted({end for _, end in automaton.scan(data)}), path):
            said = " ".join([one.rule_id, one.rejection_reason, *(evidence.fact for evidence in one.evidence)])
            assert not any(value.decode() in said for value in values)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"password",
        b'password="',
        b"password=\\",
        b"\xff\xfepassword = '\xff'",
        b'password = "' + b"\\" * 50,
    ],
)
def test_it_bears_anything(data: bytes) -> None:
    score_candidates(data, range(len(data) + 1), "a.py")


@pytest.mark.parametrize(
    "unit", [*"xXa0A[](){}<>$%.,:;-_/\\=+*&@#!?\"'` \t", "a.", "a-", "x_", "[a", "](", "a,", "${", "a:", "::", "a@"]
)
def test_no_text_is_read_for_ever(automaton: HyperscanAutomaton, unit: str) -> None:
    """Expressions that try a long run in many ways would hang here until the time limit."""
    run = unit * (600 // len(unit))
    for text in (
        f'password = "{run}!"',
        f"password={run}]!",
        f"{run}password: {run}\\",
        f"--token {run} pass:{run}@{run}",
    ):
        score_candidates(text.encode(), range(0, len(text), 64), "a.py")
        score_candidates(text.encode(), range(0, len(text), 64), "de.json")


@pytest.mark.parametrize(
    ("prose", "literal"),
    [
        ("rows are identified by their keys", "alter user sys identified by Tigris container=all;"),
        ("it takes Basic authentication here", "Authorization: Basic dXNlcjpwYXNzCg"),
        ("data-direct-upload:initialize", "curl -u admin:letmein https://host"),
        ("credit_limit: 5500000", "ldap_cred: q7zt9xblm"),
    ],
)  # fmt: skip
def test_the_gate_lets_prose_and_calls_pass_by(automaton: HyperscanAutomaton, prose: str, literal: str) -> None:
    assert not list(automaton.scan(prose.encode()))
    assert list(automaton.scan(literal.encode()))


def test_who_wrote_a_commit_is_no_credential(automaton: HyperscanAutomaton) -> None:
    data = b"Fix it\n\nCo-authored-by: q7zt9xblm4kd <q@acme.test>\n"
    scored = score_candidates(data, sorted({end for _, end in automaton.scan(data)}), "")
    assert [one.rejection_reason for one in scored if one.confidence is None] == [
        "the name only resembles a credential's"
    ]
    assert not [one for one in scored if one.confidence]


def test_a_word_that_stands_for_any_password_is_graded_low(automaton: HyperscanAutomaton) -> None:
    grades = []
    for value in ("secret", "sekrit"):
        data = f'client.login(username="joe", password="{value}")\n'.encode()
        grades += [
            one.confidence for one in score_candidates(data, sorted({end for _, end in automaton.scan(data)}), "a.py")
        ]
    assert grades == ["low", "high"]
    constant = b'CREDENTIAL = "credential"\n'
    (one,) = score_candidates(constant, sorted({end for _, end in automaton.scan(constant)}), "a.py")
    assert one.confidence in (None, "low")


def test_the_longest_anchor_stays_short() -> None:
    # all reading overlaps by it
    assert max(length_range(anchor)[1] for anchor in ANCHORS) < 176


def test_chance_bytes_in_an_archive_are_not_judged() -> None:
    import random

    from detector.engine.scoring import looks_binary

    rng = random.Random(3)
    for _ in range(50):
        assert looks_binary(rng.randbytes(100) + b"pw:tW9#xKq2" + rng.randbytes(100))
    assert not looks_binary("пароль: секрет\n".encode("cp1251") * 5)
    assert not looks_binary(b"\x00\x00\x00\x10password=hunter2xK9\x00\x00key")
    assert not looks_binary("contraseña: ñandú\n".encode())


@given(st.sampled_from(["k=%s", "%s", "password: %s", "auth_token=%s\n", 'secret = "%s"', "--password %s", "pwd => '%s'"]),
       st.text("aB3$&(#)]{};:,.-_ ", min_size=3, max_size=24), st.sampled_from(["a.env", "a.yml", "a.py", "a.go", "b.json", "c.sh", "d.md", "e"]))  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_without_a_path_nothing_is_missed_that_it_would_show(line: str, value: str, path: str) -> None:
    text = f"x = 1\n{line % value}\ny = 2\n".encode()
    every = [(scored.start, scored.end) for scored in score_candidates(text, range(len(text)), "") if scored.confidence]
    for scored in score_candidates(text, range(len(text)), path):
        assert not scored.confidence or (scored.start, scored.end) in every
