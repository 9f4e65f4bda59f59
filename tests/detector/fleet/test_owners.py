"""CODEOWNERS as GitHub and GitLab document it."""

import pytest

from detector.fleet.owners import CodeOwners, Owners

TEXT = """
# the last line that fits wins
*                 @all
*.js              @js  # a remark
/build/logs/      @doctocat
docs/*            docs@example.com
apps/             @octocat
/scripts/         @doctocat @octocat
**/logs           @logs
/apps/github
with\\ space/      @space
!*.ts             @never
[a-z].rb          @never
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README", ("@all",)),
        ("src/app.js", ("@js",)),
        ("build/logs/a.log", ("@logs",)),
        ("build/logs.txt", ("@all",)),
        ("docs/start.md", ("docs@example.com",)),
        ("docs/build/trouble.md", ("@all",)),
        ("lib/docs/start.md", ("@all",)),
        ("lib/apps/x/y.py", ("@octocat",)),
        ("scripts/run", ("@doctocat", "@octocat")),
        ("lib/scripts/run", ("@all",)),
        ("apps/github", ()),
        ("apps/github/file", ()),
        ("with space/file", ("@space",)),
        ("x.ts", ("@all",)),
        ("a.rb", ("@all",)),
    ],
)
def test_the_last_matching_line_wins(path, owners):
    assert CodeOwners(TEXT).find(path) == owners


def test_each_section_adds_owners_and_has_default_owners():
    text = "* @all\n[Docs] @writers\ndocs/\ndocs/api/ @api\n^[Database][2] @dba\n*.sql\n[docs]\n/docs/legal/ @legal\n"
    owners = CodeOwners(text)
    assert owners.find("docs/a.md") == ("@all", "@writers")
    assert owners.find("docs/api/x.sql") == ("@all", "@api", "@dba")
    assert owners.find("docs/legal/x") == ("@all", "@legal")


def test_the_operators_map_takes_precedence_and_the_last_committer_comes_last():
    table = {"acme/*": "acme", "acme/pay:src/**": "payments", "other": "nobody"}
    code = CodeOwners("/docs/ @docs\n")
    assert Owners("acme/pay", table, code, str).find("src/a.py", "author") == "payments"
    assert Owners("acme/pay", table, code, str).find("docs/a.md", "author") == "acme"
    assert Owners("b/c", table, code, str).find("docs/a.md", "author") == "@docs"
    assert Owners("b/c", table, code, lambda path: f"last of {path}").find("x.zip!in/y", "author") == "last of x.zip"
    assert Owners("b/c", table, None, lambda path: "").find("x", "author") == "author"
