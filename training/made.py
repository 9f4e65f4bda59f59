"""Made-up candidates for the fit: everyday forms with random values, and the same forms with harmless ones.

The labelled files hold hundreds of assignments in Python and hardly a Terraform state, a
plist or a builder in Java. Without these rows the fit takes the rarity of a form for evidence
against what it declares. Each form is written with a few names and values from a fixed seed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

FORMS: tuple[tuple[str, str], ...] = (
    ("a.py", '{n} = "{V}"'), ("a.py", '{n}: str = "{V}"'), ("a.py", 'connect(host, {n}="{V}")'),
    ("a.py", '{n} = SecretStr("{V}")'), ("a.py", 'os.environ.setdefault("{N}", "{V}")'),
    ("a.py", 'os.environ["{N}"] = "{V}"'), ("a.py", '{n} = os.environ.get("{N}", "{V}")'),
    ("a.py", "'{n}': '{V}',"), ("a.py", '{n}: str = Field(default="{V}")'),
    ("a.java", 'config.set{P}("{V}");'), ("a.java", 'private static final String {N} = "{V}";'),
    ("a.java", 'Client.builder().{c}("{V}").build();'), ("a.java", 'map.put("{n}", "{V}");'),
    ("a.java", 'props.setProperty("app.{c}", "{V}");'), ("a.kt", 'val {c} = "{V}"'),
    ("a.kt", 'environment(\n    "{N}",\n    "{V}")'), ("a.scala", 'val {c}: String = "{V}"'),
    ("build.gradle", "buildConfigField 'String', '{N}', '\"{V}\"'"), ("build.gradle", "{c} '{V}'"),
    ("build.gradle", "property 'sonar.{c}', '{V}'"), ("build.gradle", "property 'sonar.login', '{V}'"),
    ("a.cs", 'public const string {P} = "{V}";'), ("a.cs", 'client.{P} = "{V}";'),
    ("a.cs", 'services.Add{P}("{V}");'), ("a.go", '{c} := "{V}"'), ("a.go", 'cfg := Config{{{P}: "{V}"}}'),
    ("a.go", 'os.Setenv("{N}", "{V}")'), ("a.rs", 'const {N}: &str = "{V}";'), ("a.rs", '.{n}("{V}")'),
    ("a.c", 'static const char {n}[] = "{V}";'), ("a.h", '#define {N} "{V}"'), ("a.cpp", 'std::string {n}{{"{V}"}};'),
    ("a.cpp", 'std::string {n}("{V}");'), ("a.swift", 'let {c}: String = "{V}"'), ("a.dart", "const {c} = '{V}';"),
    ("a.ts", "const {c}: string = '{V}';"), ("a.js", 'const cfg = {{ {c}: "{V}" }};'),
    ("a.js", "const k = process.env.{N} || '{V}';"), ("a.js", 'localStorage.setItem("{n}", "{V}");'),
    ("a.php", "define('{N}', '{V}');"), ("a.php", "'{n}' => '{V}',"), ("a.php", "${n} = '{V}';"),
    ("a.rb", 'config.{n} = "{V}"'), ("a.rb", "{n}: '{V}',"), ("a.ex", '@{n} "{V}"'), ("a.pl", "my ${n} = '{V}';"),
    ("a.ps1", '${c} = "{V}"'),
    ("a.ps1", 'ConvertTo-SecureString "{V}" -AsPlainText -Force'), ("a.sh", "export {N}={V}"),
    ("a.sh", 'X="${{{N}:-{V}}}"'), ("a.fish", "set -x {N} {V}"), ("a.bat", "set {N}={V}"),
    ("Dockerfile", "ENV {N} {V}"),
    ("Dockerfile", "ENV {N}={V}"), ("a.mk", "{N} := {V}"), (".env", "{N}={V}"), (".env", '{N}="{V}"'),
    ("a.yml", "{n}: {V}"), ("a.yml", '{n}: "{V}"'), ("a.yml", "{n}:\n  {V}"), ("a.yml", "{n}: |\n  {V}"),
    ("a.yml", "- name: {N}\n  value: {V}"), ("a.yml", "{P}:\n  Type: String\n  Default: {V}"), ("a.yml", "- {N}={V}"),
    ("a.yml", "{n}s:\n  - {V}"), ("a.toml", '{n} = "{V}"'), ("a.ini", "{n} = {V}"), ("a.ini", "{n}={V}"),
    ("a.properties", "app.{c}={V}"), ("a.tf", '{n} = "{V}"'),
    ("a.tf", 'variable "{n}" {{\n  type = string\n  default = "{V}"\n}}'),
    ("a.tf", 'resource "aws_ssm_parameter" "{n}" {{\n  value = "{V}"\n}}'),
    ("a.tfstate", '"outputs": {{"{n}": {{"value": "{V}", "type": "string"}}}}'),
    ("a.json", '{{"{c}": "{V}"}}'), ("a.json", '{{\n  "{n}": "{V}",\n  "host": "x"\n}}'),
    ("a.json", '{{"name": "{N}", "value": "{V}"}}'), ("a.json", '{{"value": "{V}", "name": "{N}"}}'),
    ("a.json", '{{"ParameterKey": "{P}", "ParameterValue": "{V}"}}'), ("a.json", '{{"{c}s": ["{V}"]}}'),
    ("a.json", '{{"{n}": {{"description": "of the shop", "value": "{V}"}}}}'),
    ("a.json", '{{"{c}": {{"value": "{V}"}}}}'), ("a.xml", "<{c}>{V}</{c}>"),
    ("a.xml", '<property name="{c}" value="{V}"/>'), ("a.xml", '<entry key="app.{c}">{V}</entry>'),
    ("a.xml", '<Property name="{c}">{V}</Property>'), ("a.xml", '<add key="{P}" value="{V}" />'),
    ("a.xml", "<property>\n  <name>app.{c}</name>\n  <value>{V}</value>\n</property>"),
    ("a.plist", "<key>{P}</key>\n<string>{V}</string>"), ("a.csv", "user,{n}\nalice,{V}\n"),
    ("a.md", "| user | {w} |\n|---|---|\n| a | {V} |\n"), ("a.md", "The {w} is {V}\n"), ("a.md", "{w}: `{V}`"),
    ("a.sql", "INSERT INTO t (name, {n}) VALUES ('a', '{V}');"), ("a.sh", "tool --{k} {V}"),
    ("a.sh", "curl -H 'X-{K}: {V}' https://host"), ("a.http", "X-{K}: {V}"), ("a.http", "Authorization: Bearer {V}"),
)  # fmt: skip
NAMES = (
    "db_password", "api_key", "client_secret", "access_token", "auth_token", "secret_key", "root_password",
    "jwt_secret", "private_key", "encryption_key", "webhook_secret", "admin_password", "deploy_token", "license_key",
    "license", "token", "password", "secret",
)  # fmt: skip
HARMLESS = (
    "production", "my-service", "enter it here", "must not be empty", "AccountController", "sign-in-form", "primary",
    "eu-west-1", "default-profile", "show_when_empty", "text/html", "users.profile", "oauth2", "Bearer", "hidden",
    "from-vault", "RS256", "user_settings", "com.example.app", "not.blank", "forms.login.label", "SHA-256", "required",
)  # fmt: skip
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALL = _LETTERS + _LETTERS.upper() + "0123456789"
PER_FORM = 4
"""Random values, and harmless ones, with which each form is written."""


def make_examples() -> Iterator[tuple[str, str, str, int]]:
    """Yield the name of a file, its text, the value in it, and whether that is a credential."""
    rng = random.Random("made")  # noqa: S311 - samples, not secrets
    for path, form in FORMS:
        for truth in (1, 0):
            for name in rng.sample(NAMES, PER_FORM):
                value = _draw_value(rng) if truth else rng.choice(HARMLESS)
                pascal = "".join(word.title() for word in name.split("_"))
                text = form.format(
                    n=name, N=name.upper(), c=pascal[0].lower() + pascal[1:], P=pascal, k=name.replace("_", "-"),
                    K=name.replace("_", "-").title(), w=name.replace("_", " "), V=value,
                )  # fmt: skip
                yield path, f"# head\n{text}\n", value, truth


def _draw_value(rng: random.Random) -> str:
    def draw(letters: str, size: int) -> str:
        return "".join(rng.choices(letters, k=size))

    return rng.choice(
        [
            draw("0123456789abcdef", 32), draw("0123456789abcdef", 40), draw(_ALL, 32), draw(_ALL, 18),
            draw(_ALL, 14), draw(_ALL, 43) + "=", draw(_ALL + "!#%+-_", 16) + "7a",
            "acme_live_" + draw("0123456789abcdef", 32),
            draw(_LETTERS, 6).title() + draw("0123456789", 3) + draw("!#%", 1) + draw(_LETTERS, 3),
        ]
    )  # fmt: skip
