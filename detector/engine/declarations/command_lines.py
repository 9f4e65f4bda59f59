"""Passwords on command lines: behind long options, and behind the short ones of known tools.

`-p` is a port for one tool and a password for another, so short options are read only
behind the tool that gives them this meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from detector.engine.declarations.candidate import Candidate
from detector.engine.lazy_regex import compile_lazily

_VALUE = rb"[\"']?([^\s\"'`;|&<>]{3,200})"
TOOLS: tuple[tuple[str, str, str], ...] = (
    # tools, subcommand (may be empty), options: `-p ` takes the next word, `-p` alone is glued to its value
    ("docker|podman|buildah|skopeo|nerdctl|crane|oras|regctl|helm|cosign|img|wharfie", "login", "-p "),
    ("az|acr|oc|ibmcloud|cf|rancher|argocd|faas-cli|heroku|snyk|doctl|linode-cli", "login|auth", "-p |-t "),
    ("ldap(?:search|modify|add|delete|passwd|whoami|compare|modrdn|exop)", "", "-w |-s "),
    ("zip|unzip|zipcloak|zipnote|funzip", "", "-P "),
    ("7z|7za|7zr|7zz|rar|unrar", "", "-p|-hp"),
    ("mysql\\w*|mariadb[\\w\\-]*|mytop|innotop|pt-[\\w\\-]+", "", "-p"),
    ("sshpass", "", "-p|-p "),
    ("mongo\\w*", "", "-p "),
    ("redis-cli|redis-benchmark|valkey-cli|keydb-cli", "", "-a "),
    ("mosquitto_(?:pub|sub|rr)", "", "-P "),
    ("ncftp\\w*|lftp|cadaver|wput", "", "-p "),
    ("twine|flit|poetry|devpi", "upload|publish|login", "-p |--password="),
    ("nuget|dotnet", "push|add|delete|setapikey|source", "-k |-ApiKey |-Password |-p "),
    ("sqlcmd|bcp|osql|isql|tsql|freebcp", "", "-P|-P "),
    ("cqlsh|beeline|influx|clickhouse[\\w\\-]*|cypher-shell|vsql|nzsql|hdbsql", "", "-p |-w |-password "),
    ("ipmitool|impitool|racadm|bmc-\\w+|wsman", "", "-P |-p "),
    ("snmp\\w+", "", "-A |-X "),
    ("xfreerdp\\w*|wlfreerdp|rdesktop", "", "/p:|-p "),
    ("plink|pscp|psftp|putty|kitty|winscp(?:\\.com)?", "", "-pw |-password "),
    ("psexec(?:64)?|paexec|schtasks|wmic|cmdkey|runas|net", "", "-p |/rp |/password:|/pass:"),
    ("keytool|jarsigner|apksigner|importkeystore", "", "-storepass |-keypass |-srcstorepass |-deststorepass "),
    ("gpg2?", "", "--passphrase "),
    ("openssl", "", "-k |-K "),
    ("swaks|sendemail|mailx|s-nail", "", "-ap |-xp "),
    ("glab|gh|gitlab-runner|vault|consul|nomad|boundary", "login|auth|register|token", "-t |-r |-token=|-token "),
    ("kaggle|wandb|huggingface-cli|hf|modal|railway|fly|flyctl|vercel|netlify|surge|expo|eas", "", "-t |--token "),
    ("openvpn|vpnc|openconnect|f5fpc|snx", "", "-p "),
    ("rabbitmqadmin|activemq|stomp|kcat|kafkacat", "", "-p "),
    ("svn|hg|cvs|p4|bk", "", "-P |--password "),
    ("restic|borg|rclone|duplicati-cli|b2|s3cmd|mc", "", "--secret_key=|--secret-key "),
    ("useradd|usermod|adduser|pw", "", "-p "),
    ("mvn|mvnw|gradle|gradlew|sbt|ant|sonar-scanner|java", "", "-Dsonar.login=|-Dsonar.token="),
)  # fmt: skip


def _compile_tool(tools: str, subcommand: str, options: str) -> re.Pattern[bytes]:
    middle = rf"[^\n|;]{{0,60}}?[ \t](?:{subcommand})\b" if subcommand else ""
    listed = "|".join(
        re.escape(option.strip()) + (r"(?:[ \t]+|=)" if option.endswith(" ") else "") for option in options.split("|")
    )
    program = rf"(?<![\w\-./])(?:[\w./~\-]{{0,60}}/)?(?:{tools})(?:\.exe)?{middle}"
    text = program + rf"(?:[ \t\"',\]]+[^\n|;]{{0,160}}?)?[ \t\"',]({listed})"
    return re.compile(text.encode() + _VALUE)


_TOOL_NAMES = compile_lazily("|".join(f"(?P<t{number}>{tools})" for number, (tools, _, _) in enumerate(TOOLS)).encode())
_WORDS = compile_lazily(rb"[\w\-]{2,40}")
NO_TOOL = -1
_COMPILED: dict[int, re.Pattern[bytes]] = {}
_OPTION = re.compile(rb"[ \t\"',][\-/]")
"""Begins each short option that a tool of `TOOLS` takes."""
_FLAG = compile_lazily(
    rb"(-(?<![^\s\"',\[]-)-?[\w.\-]{0,32}(?:pass(?:w(?:or)?d|phrase)?|pwd|token|secret|(?:api|access|secret"
    rb"|private|auth)-?_?key|"
    rb"storepass|keypass)[\w\-]{0,32})"
    rb"(?:[ =]+|[\"'],[ ]?|:)[\"']?([^\s\"'`]{2,200})"
)
_USER_FLAG = compile_lazily(
    rb"(?:^|[\s\"',\[])(?:-u|--user|--proxy-user|-U|-a|--auth)(?:[ =]|[\"'], ?"
    rb"|(?=[\w]))[\"']?([\w.\-@\\$%+]{1,60}):([^\s\"'`]{1,80})"
)
_USER_KEY = compile_lazily(
    rb"\b(?:curl|http|https|xh)\b[^\n|;]{0,160}?[ \t](-u|--user|-a)[ =]?[\"']?([\w.\-]{12,200}):?(?=[\s\"'])"
)
_NO_USER = compile_lazily(
    rb"\b(?:curl|http|https|xh)\b[^\n|;]{0,160}?[ \t](-u|--user|-a|--auth)[ =]?[\"']?:"
    rb"([^\s\"'`:]{4,200})(?=[\s\"']|\Z)"
)
_PERCENT_USER = compile_lazily(
    rb"\b(?:smb\w+|rpcclient|net|winexe|cifs\w*)\b[^\n|;]{0,160}?[ \t](-u"
    rb"|--user)[ =]?[\"']?[\w.\-\\/@]{1,60}%([^\s\"'`]{3,120})"
)
_COMMA_USER = compile_lazily(rb"\blftp\b[^\n|;]{0,120}?[ \t](-u)[ \t][\"']?[\w.\-@]{1,60},([^\s\"'`]{3,120})")
_HTPASSWD = compile_lazily(
    rb"\b(htpasswd)(?:[ \t]+-\w{1,6}){0,4}[ \t]+-\w{0,6}b\w{0,6}(?:[ \t]+-\w{1,6}){0,4}(?:[ \t]+"
    rb"[^\s\-]\S{0,80}){1,2}[ \t]+[\"']?([^\s\"'`;|&<>]{3,120})"
)
_ECHOED = compile_lazily(
    rb"\b(?:echo|printf|print)(?:[ \t]+-\w{1,3}){0,2}[ \t]+[\"']?(?:[\w.\-]{1,40}:)?([^\s\"'`"
    rb"|:$]{4,200})(?:\\n)?[\"']?[ \t]*\|[ \t]*"
    rb"[^\n]{0,120}(chpasswd|--password-stdin|--stdin|sudo[ \t]+-\w{0,4}s|kinit|--with-token|--passphrase-fd"
    rb"|passwd\b|gpg\b|smbpasswd)"
)
_SOURCE = compile_lazily(rb"\b(pass):([^\s\"'`:@/$]{3,80})")
_SECURE = compile_lazily(rb"(convertto-securestring)[ \t]+(?:-\w{2,12}[ \t]+){0,2}[\"']?([^\s\"'$|()]{2,120})")
_ARGUMENT = compile_lazily(
    rb"\b(?:cargo[ \t]+(login)|vault[ \t]+(login)|nuget[ \t]+(setapikey)|net[ \t]+(use)[ \t]+[\w:*\\/.$\-]{2,80}"
    rb"|rclone[ \t]+(obscure)|"
    rb"(mkpasswd))[ \t]+(?:-\w+[ \t]+){0,2}[\"']?([^\s\"'`;|&<>/\-][^\s\"'`;|&<>]{5,200})"
)
_ARGUMENT_WORDS = (b"cargo", b"vault", b"setapikey", b"net", b"obscure", b"mkpasswd")
"""One of them stands in whatever `_ARGUMENT` matches."""


def find_command_line(text: bytes, low: bytes) -> Iterator[Candidate]:
    """Yield what options of command lines in *text* hold; *low* is *text* in lower case."""
    if b"-" in low or b"/" in low:
        yield from _from_matches("flag", text, _FLAG.finditer(low))
        if _OPTION.search(low):
            yield from _find_short_options(text, low)
    if b"-u" in low or b"-a" in low or b"--proxy-user" in low:
        if b":" in low:
            yield from _from_matches("user-flag", text, _USER_FLAG.finditer(low))
        if b"curl" in low or b"http" in low or b"xh" in low:
            yield from _from_matches("user-flag", text, _USER_KEY.finditer(low))
            yield from _from_matches("user-flag", text, _NO_USER.finditer(low))
        if b"%" in low:
            yield from _from_matches("user-flag", text, _PERCENT_USER.finditer(low))
        if b"lftp" in low:
            yield from _from_matches("user-flag", text, _COMMA_USER.finditer(low))
    if b"htpasswd" in low:
        yield from _from_matches("flag", text, _HTPASSWD.finditer(low))
    if b"|" in low and (b"echo" in low or b"print" in low):
        for found in _ECHOED.finditer(low):
            start, end = found.span(1)
            yield Candidate("flag", text[slice(*found.span(2))], found.start(), start, end, b"", b"")
    if b"securestring" in low:
        yield from _from_matches("flag", text, _SECURE.finditer(low))
    if b"pass:" in low:
        yield from _from_matches("flag", text, _SOURCE.finditer(low))
    for found in _ARGUMENT.finditer(low) if any(word in low for word in _ARGUMENT_WORDS) else ():
        start, end = found.span(7)
        yield Candidate("flag", text[found.start() : start].strip(), found.start(), start, end, b"", b"")


def _find_short_options(text: bytes, low: bytes) -> Iterator[Candidate]:
    for number in sorted({_find_tool(word) for word in set(_WORDS.findall(low))} - {NO_TOOL}):
        pattern = _COMPILED.get(number)
        if pattern is None:
            pattern = _COMPILED[number] = _compile_tool(*TOOLS[number])
        yield from _from_matches("flag", text, pattern.finditer(text))


@lru_cache(maxsize=65_536)
def _find_tool(word: bytes) -> int:
    """Return the index in `TOOLS` of the tools to which *word* belongs, or `NO_TOOL`: most words are none."""
    found = _TOOL_NAMES.fullmatch(word)
    return int(str(found.lastgroup)[1:]) if found else NO_TOOL


def _from_matches(way: str, text: bytes, matches: Iterator[re.Match[bytes]]) -> Iterator[Candidate]:
    for match in matches:
        at, stop = match.span(1)
        start, end = match.span(2)
        yield Candidate(way, text[at:stop], at, start, end, b"", b"")
