"""A name and what connects it to its value, in every family of languages."""

from __future__ import annotations

import pytest

from tests.detector.engine.declarations.reading import VALUE, read_values

FORMS = [
    # C and its relatives
    ("a.c", 'static const char *db_password = "{V}";'),
    ("a.c", 'char db_password[32] = "{V}";'),
    ("a.h", '#define DB_PASSWORD "{V}"'),
    ("a.h", '#define DB_PASSWORD ("{V}")'),
    ("a.cpp", 'std::string api_key{{"{V}"}};'),
    ("a.cpp", 'const std::string api_key("{V}");'),
    ("a.cpp", 'constexpr std::string_view kApiKey = "{V}";'),
    ("a.cpp", 'auto token = R"({V})";'),
    ("a.m", 'NSString *apiKey = @"{V}";'),
    ("a.cs", 'private readonly string _clientSecret = @"{V}";'),
    ("a.cs", 'public string ClientSecret {{ get; set; }} = "{V}";'),
    ("a.java", 'private static final String DB_PASSWORD = "{V}";'),
    ("a.java", 'builder.setPassword("{V}");'),
    ("a.java", 'map.put("password", "{V}");'),
    ("a.go", 'var dbPassword string = "{V}"'),
    ("a.go", 'dbPassword := "{V}"'),
    ("a.go", "const dbPassword = `{V}`"),
    ("a.go", 'cfg := Config{{Password: "{V}"}}'),
    ("a.rs", 'const API_KEY: &str = "{V}";'),
    ("a.rs", 'pub static API_KEY: &\'static str = "{V}";'),
    ("a.rs", 'let api_key = String::from("{V}");'),
    ("a.rs", 'let api_key: Option<String> = Some("{V}".into());'),
    ("a.ts", "const apiKey: string = '{V}';"),
    ("a.ts", 'readonly apiKey: string | undefined = "{V}";'),
    ("a.ts", 'const k = process.env.API_KEY || "{V}";'),
    ("a.ts", 'const k = process.env.API_KEY ?? "{V}";'),
    ("a.js", 'localStorage.setItem("api_key", "{V}");'),
    ("a.js", 'const cfg = {{ apiKey: "{V}", host: "x" }};'),
    ("a.kt", 'val apiKey: String = "{V}"'),
    ("a.swift", 'let apiKey: String? = "{V}"'),
    ("a.scala", 'val apiKey: String = "{V}"'),
    ("a.dart", "final String apiKey = '{V}';"),
    ("a.php", "define('DB_PASSWORD', '{V}');"),
    ("a.php", "'password' => env('DB_PASSWORD', '{V}'),"),
    ("a.php", "$password = <<<EOT\n{V}\nEOT;"),
    ("a.pl", "my $db_password = q{{{V}}};"),
    ("a.rb", "db_password = %q({V})"),
    ("a.rb", 'ENV["DB_PASSWORD"] ||= "{V}"'),
    ("a.ex", '@api_key "{V}"'),
    ("a.hs", 'apiKey :: String\napiKey = "{V}"'),
    ("a.pas", "const DbPassword = '{V}';"),
    ("a.vb", 'Const DB_PASSWORD As String = "{V}"'),
    ("a.ps1", 'param([string]$Password = "{V}")'),
    ("a.R", 'password <- "{V}"'),
    # Python
    ("a.py", 'api_key: str = "{V}"'),
    ("a.py", 'api_key: Optional[str] = "{V}"'),
    ("a.py", 'api_key: dict[str, str] | None = "{V}"'),
    ("a.py", 'api_key: str = Field(default="{V}")'),
    ("a.py", 'password = SecretStr("{V}")'),
    ("a.py", 'os.environ.setdefault("DB_PASSWORD", "{V}")'),
    ("a.py", 'connect(user="u", password="{V}")'),
    ("a.py", 'password = os.environ.get("DB_PASSWORD", "{V}")'),
    ("a.py", 'password = """\n{V}"""'),
    ("a.py", 'auth=("user", "{V}")'),
    # shells, containers, make
    ("a.sh", "export DB_PASSWORD={V}"),
    ("a.sh", "X=${{DB_PASSWORD:-{V}}}"),
    ("a.sh", ': "${{DB_PASSWORD:={V}}}"'),
    ("a.fish", "set -gx DB_PASSWORD {V}"),
    ("a.csh", "setenv DB_PASSWORD {V}"),
    ("a.bat", "set DB_PASSWORD={V}"),
    ("Dockerfile", "ENV DB_PASSWORD {V}"),
    ("Dockerfile", "ENV DB_PASSWORD={V}"),
    ("a.mk", "DB_PASSWORD := {V}"),
    ("a.mk", "DB_PASSWORD ?= {V}"),
    # YAML, TOML, INI, properties, HCL
    ("a.yml", "password: {V}"),
    ("a.yml", "password:   '{V}'"),
    ("a.yml", "password: &secret {V}"),
    ("a.yml", "password: !vault-text {V}"),
    ("a.yml", "password: |\n  {V}\nuser: x"),
    ("a.yml", "password: >-\n  {V}\nuser: x"),
    ("a.yml", "password:\n  {V}"),
    ("a.yml", "tokens:\n  - {V}"),
    ("a.yml", "tokens:\n- {V}"),
    ("a.yml", "app:dbPassword: {V}"),
    ("a.yml", "user: {{name: x, password: {V}}}"),
    ("a.yml", "users: [{{name: x, password: {V}}}]"),
    ("a.toml", 'password = "{V}"'),
    ("a.toml", 'password = """\n{V}"""'),
    ("a.ini", "password ={V}"),
    ("a.ini", "password= {V}"),
    ("a.properties", "db.password : {V}"),
    ("a.properties", "db.password {V}"),
    ("a.tf", 'variable "db_password" {{\n  type    = string\n  default = "{V}"\n}}'),
    ("a.bicep", "param dbPassword string = '{V}'"),
    # prose
    ("a.md", "The password is {V}."),
    ("a.md", "api key: `{V}`"),
]


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_it_reads_the_value_exactly(name: str, form: str) -> None:
    assert VALUE.encode() in read_values(name, form.format(V=VALUE).encode())


@pytest.mark.parametrize(
    ("name", "text", "never"),
    [
        ("a.yml", b"password:\nuser: hunter22\n", b"hunter22"),  # the next key is not its value
        ("a.yml", b"password: |\nuser: hunter22\n", b"hunter22"),
        ("a.json", b'{"name": "db_password"}, {"value": "hunter22"}', b"hunter22"),  # another record
        ("a.xml", b"<a>password</a><note>hunter22</note>", b"hunter22"),
        ("a.sh", b"docker run -p 8080hunter22 image", b"8080hunter22"),  # a port, since nothing logs in
        ("a.csv", b"user,password\na,b,hunter22\n", b"hunter22"),  # a row of another table
        ("a.yml", b"user: {password: hunter22}", b"hunter22}"),  # the bracket is none of the value
    ],
)
def test_it_reads_no_value_of_something_else(name: str, text: bytes, never: bytes) -> None:
    assert never not in read_values(name, text)
