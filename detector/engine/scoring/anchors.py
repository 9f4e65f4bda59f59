"""The anchors of generic credentials: where pass 1 searches for values without a format.

Every hit costs Python time, so an anchor requires more than a suspicious word:
an operator and the beginning of a literal must follow. A word that is common in
code (`key`, `auth`, `sign`) requires a literal that starts like a random one. Prose,
declarations and references cost nothing.

The tails end in fixed counts (otherwise one place is reported many times), and none
matches the end of a line: small blobs are scanned joined together.

Anchors with frequent words have a loose expression: what is between the name and
the value without bounds, and the same end (see engine/anchors.py).
"""

from __future__ import annotations

import re

from detector.model import Anchor

_NAME = r"[\w\-.$]{0,20}"
_SHORT = r"[\w\-]{0,16}"
_CLOSE = r"(?:\\{0,3}[\"'`\])*]{1,3}|&#34;|&quot;){0,2}(?:\.(?:[tT]ext|[vV]alue))?"
_ALIGNED = r"[ \t]{0,24}(?:[=!]==?|[:?]?=|=>|:|,|\(|>)[ \t]{0,24}"
_TYPED = r"[ \t]?:[ \t]?[\w<>?.*]{2,24}[ \t]?=[ \t]?"
_CALLED = r"\)?(?:\.[a-zA-Z]{2,12}){1,2}\("
_NEAR = r"[ \t]{0,8}(?:[=!]==?|[:?]?=|=>|:|,|\(|>)[ \t]{0,4}"
_CALL = r"(?:new )?[A-Za-z_][\w.:]{1,24}\([ \t]?(?:[A-Za-z_][\w.:]{1,15}\()?"
_PREFIX = r"(?:[bruf@$]{0,2}|\[\]byte\()"
_GAP = r"[ \t]{0,24}"
_OPEN = r"(?:\\{0,7}[\"'`]{1,3}|&#34;|&quot;)"
_START = r"(?:[^\s\"'`\\$%{<(#\[,;:=\x00]|[$#%][^\s\"'`\\${(<=%|\x00])"
_REST = r"[^\s\"'`\x00]"
_BARE_START = r"[^\s\"'`\\$%{<(\[,;:=&|!*\x00]"
_BARE = r"[^\s\"'`(){}<>\[\],;&\\\x00]"
_RANDOM = r"[A-Za-z+/=_\-.]{0,24}[0-9][\w+/=\-.]{7}"
_SIGNED = r"(?:[^\s\"'`()0-9\x00]{0,24}[0-9][^\s\"'`()\x00]{7}|[^\s\"'`()0-9\x00]{6,24}[0-9][^\s\"'`()\x00]{4})"

_DIGITED = r"[^\s\"'`(){}<>\[\],;&\\0-9\x00]{0,24}[0-9][^\s\"'`(){}<>\[\],;&\\\x00]{2}"

# between a name and its literal: aligned columns, a type, or calls such as base64decode(
_TO_LITERAL = f"(?:{_ALIGNED}|{_TYPED}|{_CALLED}|(?:{_NEAR}|{_TYPED}|{_CALLED}){_CALL}){_PREFIX}"
_QUOTED = _CLOSE + _TO_LITERAL + _OPEN + _START + _REST + r"[^\s\"\x00]"
_LONGER = _QUOTED + r"[^\s\"'\x00]{2}"
_CREDENTIALS = r"(?:ential\w{0,20}|s?(?:[_\-.$0-9][\w\-.$]{0,20})?)"  # not "credit"
# NAME=value without spaces; name: value
_UNQUOTED = r"[\"'`*]{0,2}(?:=|:[ \t]{0,8})" + _BARE_START + _BARE + "{3}"
_SPACED = _NAME + _GAP + r"=[ \t]{1,4}" + _BARE_START + _BARE + "{2}"
_ELEMENT = _SHORT + ">" + _BARE_START + _BARE + "{2}"
_RANDOM_QUOTED = _NAME + _CLOSE + _TO_LITERAL + _OPEN + _SIGNED
_RANDOM_BARE = _NAME + r"[\"'`*]{0,2}(?:=|:|>| = )[ \t]{0,4}`{0,2}" + _RANDOM
# "name": "password", "value": "…", also on the next line
_PAIR = (
    _SHORT + r"\\{0,3}[\"']?(?:,\s{0,40}|\s{1,40})\\{0,3}[\"']?[vV]alue\\{0,3}[\"']?[ \t]?[:=]\s{0,4}\\{0,3}[\"']?"
    + _BARE_START + _BARE + "{3}"
)  # fmt: skip
# a name at the end of a line, the literal on the next line
_BELOW = _SHORT + _CLOSE + r"[ \t]?(?:=|:|=>|\(|,)[ \t]?\\?\r?\n[ \t]{1,40}" + _OPEN + _START + _REST + "{3}"
_FLAG = r"[\w\-]{0,16}[ =][\"']?" + _BARE_START + _BARE + "{2}"

# the same declarations in further languages
_STEM = r"[\w\-.$]{0,14}"
_TYPE = r"[ \t]{0,4}(?:::?[ \t]?|[ \t])[\w&'<>?.*\[\]|, ]{2,30}[ \t]?=[ \t]?"
# how further languages connect a name and a quoted value
_CONNECTIONS = (
    _TYPE,  # name: Optional[str] = "…"; name string = "…"
    r"[ \t]{1,20}",  # #define NAME "…"
    r"(?:\[\w{0,8}\][ \t]{0,8}=|[ \t]?\{)[ \t]{0,4}",  # name[] = "…"; name{"…"}
    r"[\"'\])]{0,3}[ \t]{0,3}(?:\|\||\?\?|or|\?:)[ \t]{0,3}",  # env.NAME || "…"
)
_DELIMITED = r"[ \t]{0,8}=>?[ \t]{0,4}(?:q[qw]?|%[qQ]?)[({\[<|!/~][^\s\x00]{5}"  # q{…}
_EXPANDED = ":[-=]" + _BARE_START + _BARE + "{3}"  # ${NAME:-…}
_EQUALS_CLOSE = r"[ \t]{1,24}:?[=:][ \t]{0,4}" + _BARE_START + _DIGITED  # name =value
_LOWER_LINE = (
    r"[\w\-.]{0,12}[\"'`]?[ \t]{0,2}[:=][ \t]{0,2}(?:[&!|>][\w\-+]{0,6}[ \t]?|\"\"\"|<<[<\-~]?[\"']?\w{1,6}[\"']?)?"
    r"\\?\r?\n[ \t]{0,16}(?:- )?[\"']?" + _BARE_START + _DIGITED
)  # fmt: skip  # name: | and the value below
_ANCHORED = r"[\"']?: [&!]\w{1,12} [\"']?" + _BARE_START + _BARE + "{3}"  # name: &a value
_TAGS = (
    r"</[\w:.\-]{1,20}>\s{0,12}<[\w:.\-]{0,12}(?:[vV]alue|string|data|text)[\w\-]{0,4}>\s{0,8}"
    + _BARE_START + _BARE + "{3}"
)  # fmt: skip
_ATTRIBUTE = r"[\"'](?:>| [\w:.\-]{0,12}[vV]alue=[\"'])" + _BARE_START + _BARE + "{3}"
_INSERTED = (
    r"[\"'`\]]?(?:,[\w\s\"'`]{1,20}){0,2}\s{0,4}\)\s{1,10}(?:values|VALUES|Values)\s{0,10}\("
)  # fmt: skip
_LAST_COLUMN = r"[\w\"]{0,4}[ |]{0,2}(?:[,;\t|][^\n\x00]{0,30})?\r?\n[^\s\x00#/*(){}]"
# ENV NAME value; the password is value
_PROSE = (
    r"(?:[ \t](?:for|of|to|on)[ \t][\w\"' ]{1,24})?[ \t]{1,8}(?:(?:is|was|are)[ \t:]{1,2}|[:=][ \t])?[\"'`*]{0,2}"
    r"(?:[^\s\"'`(){}<>\[\],;&\\\x00\-$0-9]" + _DIGITED + _BARE + r"|[0-9]{1,4}[A-Za-z]" + _BARE + "{6})"
)  # fmt: skip


# the same without bounds
_ANY_NAME = r"[\w\-.$]*"
_ANY_TO_LITERAL = (
    r"[\w\-.$\\\"'`\])*&#;]*[ \t]*[=!:?>,(]{1,3}[ \t]*(?:(?:new )?[\w<>?.*][\w.:<>?*]*[ \t]?[(=][ \t]*){0,3}"
    r"(?:[bruf@$]*|\[\]byte\()(?:\\*[\"'`]{1,3}|&#34;|&quot;)"
)
_ANY_QUOTED = _ANY_TO_LITERAL + _START + _REST + r"[^\s\"\x00]"
_ANY_LONGER = _ANY_QUOTED + r"[^\s\"'\x00]{2}"
_ANY_UNQUOTED = _ANY_NAME + r"[\"'`*]{0,2}(?:=|:[ \t]*)" + _BARE_START + _BARE + "{3}"
# "value" in classes: Hyperscan would begin with that word, which is ten times as frequent as the names
_ANY_PAIR = (
    r"[\w\-]*[\\\"']*(?:,\s*|\s+)[\\\"']*[u-w][a-b][l-m][t-v][d-f]\\*[\"']?[ \t]?[:=]\s*\\*[\"']?"
    + _BARE_START + _BARE + "{3}"
)  # fmt: skip
_LOOSE = {
    _NAME + _QUOTED: _ANY_QUOTED,
    _NAME + _LONGER: _ANY_LONGER,
    _CREDENTIALS + _LONGER: _ANY_LONGER,
    _NAME + _UNQUOTED: _ANY_UNQUOTED,
    _CREDENTIALS + _UNQUOTED: _ANY_UNQUOTED,
    _PAIR: _ANY_PAIR,
    _RANDOM_QUOTED: _ANY_TO_LITERAL + _SIGNED,
    _RANDOM_BARE: _ANY_NAME + r"[\"'`*]{0,2}(?:=|:|>| = )[ \t]*`{0,2}" + _RANDOM,
}


_LITERAL = _PREFIX + _OPEN + _START + _REST + "{4}"
_SIGNED_LITERAL = _PREFIX + _OPEN + _SIGNED
_CONNECTED = tuple(_STEM + connection + _LITERAL for connection in _CONNECTIONS)
_CONNECTED_SIGNED = tuple(_STEM + connection + _SIGNED_LITERAL for connection in _CONNECTIONS)
_FURTHER = tuple(
    _STEM + tail for tail in (_DELIMITED, _EXPANDED, _EQUALS_CLOSE, _ANCHORED, _TAGS, _ATTRIBUTE, _INSERTED)
)


def _loosen(*tails: str) -> str:
    """Return one expression that matches whatever one of *tails* does, without their bounds."""
    return "(?:" + "|".join(re.sub(r"\{[12],\d+\}", "+", re.sub(r"\{0,\d+\}", "*", tail)) for tail in tails) + ")"


def _join(words: tuple[str, ...]) -> str:
    return "(?:" + "|".join(map(re.escape, words)) + ")"


_STRONG = ("passw", "passphrase", "passcode", "pwd", "secret")
_DECLARED = ("passw", "passphrase", "pwd", "secret", "token")
_SPOKEN = (
    "password", "passwd", "passphrase", "secret", "token", "api_key", "apikey", "api key", "access key", "secret key",
)  # fmt: skip
_KEYS = ("apikey", "api_key", "api-key", "access_key", "access-key", "authkey", "auth_key")
_WEAK = ("key", "auth", "sig", "jwt", "otp", "salt", "cookie", "session", "private", "api")
_FOREIGN = ("senha", "contrase", "kennwort", "parola", "密码", "密碼", "口令", "пароль", "mot de passe")
_FLAGS = ("-pass", "--token", "--secret", "--api-key", "--apikey")
_CRYPT = ("$5$", "$6$", "$y$", "$apr1$", "{SHA}", "{SSHA}")
_LOGIN = r"[\w.\-@]{1,40}:" + _BARE_START + _BARE + "{2}"


class _Anchors:
    """Collects anchors: each word with each tail, and the loose expression of the tail if it has one."""

    def __init__(self) -> None:
        self.made: list[Anchor] = []

    def __call__(self, words: str | tuple[str, ...], *tails: str, case: bool = False, loose: str = "") -> None:
        given = loose
        for word in (words,) if isinstance(words, str) else words:
            for tail in tails:
                loose = given or (re.escape(word) + _LOOSE[tail] if tail in _LOOSE else "")
                self.made.append(Anchor(word.encode(), not case, tail, loose))


def _add_named(add: _Anchors) -> None:
    add(_STRONG, _NAME + _QUOTED, _NAME + _UNQUOTED, _SPACED, _ELEMENT, _PAIR, _BELOW)
    short = r"[\])\"']{0,2}" + _GAP + r"(?:[:=]=?|=>|,)" + _GAP + _OPEN + _START + _REST + "{2}"
    add("mnemonic", _NAME + _QUOTED, _NAME + _UNQUOTED)
    add(("stringdata:", "kind: secret", 'kind": "secret'), "")
    add(("pass", "psw"), short, _PAIR, r"[:=][ ]?" + _BARE_START + _BARE + "{3}")
    add(_KEYS, _NAME + _QUOTED, _NAME + _UNQUOTED, _RANDOM_BARE, _PAIR, _BELOW)
    add("token", _NAME + _LONGER, _NAME + _UNQUOTED, _RANDOM_BARE, _PAIR, _BELOW)
    add("cred", _CREDENTIALS + _LONGER, _CREDENTIALS + _UNQUOTED, _RANDOM_BARE, _PAIR, _BELOW)
    add(_WEAK, _RANDOM_QUOTED, _RANDOM_BARE)
    add("pw", r"[\"'\])]{0,2}[ ]{0,4}[=:][ ]{0,4}[\"']?" + _BARE_START + _BARE + "{3}")
    foreign = r"[^\s:=\"']{0,8}" + _CLOSE + _GAP + r"(?:=|:|=>|：)" + _GAP
    add(_FOREIGN, foreign + r"[\"'`]{0,3}" + _START + _REST + "{2}")
    add(_DECLARED, *_CONNECTED, loose=_join(_DECLARED) + _loosen(*_CONNECTED))
    add("key", *_CONNECTED_SIGNED, loose="key" + _loosen(*_CONNECTED_SIGNED))
    words: tuple[str, ...] = (*_DECLARED, "key")
    add(words, *_FURTHER, loose=_join(words) + _loosen(*_FURTHER))
    words = (*_DECLARED, "key", "pass", "auth")
    add(words, _LOWER_LINE, loose=_join(words) + _loosen(_LOWER_LINE))
    add(_SPOKEN, r"[\w\-]{0,8}" + _PROSE)
    columns = ("password", "passwd", "pwd", "secret", "token", "api_key", "apikey")
    for name in columns:  # the sign in front of it is searched for only where a line ends behind the name
        add(
            tuple(sign + name for sign in (",", ";", "|", "| ", "\t")),
            _LAST_COLUMN,
            loose=_join(columns) + _loosen(_LAST_COLUMN),
        )
    # the value of a record whose name stands in another field
    unquoted = r"[^\s\"'\x00]"
    random = (
        r"(?:[^\s\"'0-9\x00]{0,6}[0-9]"
        + unquoted
        + r"{4}|[^\s\"'0-9\x00]{3,24}[0-9]"
        + unquoted
        + r"{2}|[^\s\"'0-9\x00]{11,24}[0-9])"
    )
    add(('value": "', 'value":"', 'value = "'), random)
    add("default", r"[\"']?[ \t]{0,8}[:=][ \t]{0,4}[\"']?" + _BARE_START + random)
    add(("license", "licence"), _RANDOM_QUOTED, _RANDOM_BARE)
    add('"result": "', r"[^\s\"\x00]{12}", case=True)
    # a list of tokens; a PHP serialisation; the "auth" of a registry
    add(
        ("token", "key", "secret", "password", "passwd"),
        r"s?\\{0,3}[\"']?[ \t]{0,4}[:=][ \t]{0,4}[\[(]\s{0,4}\\{0,3}[\"']" + _RANDOM,
    )
    add(("pass", "pwd", "secret", "token", "key"), r"[\w\-]{0,16}\\{0,3}\";s:\d{1,4}:\\{0,3}\"" + _RANDOM)
    add("auth", r"\\{0,3}[\"'][ \t]{0,4}:[ \t]{0,4}\\{0,3}[\"'][A-Za-z0-9+/=]{8}")
    add("auth", r"\w{0,8}[\"']?[ \t]?(?:=|:|=>)[ \t]?[(\[][\"'][\w.\-@]{1,30}[\"'],[ ]?[\"']" + _BARE_START + _DIGITED)


def _add_servers(add: _Anchors) -> None:
    # HTTP
    add("ntlm", r" [\w+/=]{20}")
    basic = r"(?: {1,2}|%20)[A-Za-z0-9][a-z+/_\-]{0,24}[A-Z0-9][A-Za-z0-9+/=_\-]{3}"
    add(("Basic", "basic", "BASIC"), basic, case=True)
    add(("bearer", "apikey", "digest", "token"), r" [\w+/=\-.]{0,24}[0-9][\w+/=\-.]{2}")
    add(
        "authorization",
        _CLOSE + r"[ \t]?(?:[:=,]|=>)[ \t]?\\?[\"'`]?[A-Za-z]{0,10}[ ]?[\w+/=\-.]{0,24}[0-9][\w+/=\-.]{4}",
    )
    # URLs and other names of servers
    add("://", r"[^\s/:@\"'<>\[\]{}()`|,\x00]{0,40}:[^\s/@\"'<>{}`|,\x00]{2,66}@[\w\[{$%<]", case=True)
    add("@", r"(?:tcp|unix)?\([\w.\-]{1,60}:\d", case=True)
    # SQL, .netrc, password hashes
    identified = r" (?:with [\w\"'`]{2,40} )?(?:by|as) (?:password )?"
    add("identified", identified + r"[\"'`\\]{1,4}[^\s\"'`&]{3}", identified + _DIGITED)
    add("IDENTIFIED", r" BY [^\s\"'`&\x00]{3}", case=True)  # lower case without a quote is prose
    add(("alter user", "create user"), r" [^\s\x00]{1,40} identified by [^\s\"'`&\x00]{3}")
    add("password", r"\([\"'][^\s\"')]{2}", r" [\"'][^\s\"']{3}")
    add("login", r" [\w.\-@]{1,40} password \S{3}")
    add(_CRYPT, r"[\w./$=+]{16}", case=True)
    add("pbkdf2", r"[\w:$.]{4,40}[0-9]{3}[\w:$+/=]{12}")


def _add_command_lines(add: _Anchors) -> None:
    add(_FLAGS, r"[\w\-]{0,16}[ =][\"']?" + _BARE_START + _BARE + "{2}")
    add((" -u", "\t-u", '"-u', "'-u"), r"[ =]?[\"']?" + _LOGIN, case=True)
    add("--user", r"[ =][\"']?" + _LOGIN, case=True)
    add("pass:", _BARE_START + _BARE + "{3}", case=True)
    _add_tools(add)
    bare = r"[\"']?" + _BARE_START + _BARE + "{3}"
    add((" -pw ", " -storepass ", " -keypass ", " /rp "), bare)
    add((" -U", " --user="), r"[ =]?[\"']?[\w.\-\\/@]{1,40}%[^\s\"']{3}", case=True)
    near = r"[^\n\x00]{0,40}"
    add("htpasswd", near + r" -[a-zA-Z]{0,5}b[a-zA-Z]{0,4} " + near + r"[^\s]{3}", case=True)
    add(("| chpasswd", "|chpasswd", "--password-stdin", "passwd --stdin", "sudo -S"), "", case=True)
    add(("sonar.login", "sonar.token"), r"[\"']?[=:, ]{1,4}" + bare)
    add(("cargo login ", "vault login ", "net use ", "rclone obscure "), near + bare)
    add("sshpass", r" -p ?[\"']?" + _BARE_START + _BARE + "{2}", case=True)
    add("ConvertTo-SecureString", r" (?:-\w{2,12} )?[\"']?" + _BARE_START + _BARE + "{2}")


def _add_tools(add: _Anchors) -> None:
    """Add the tools with short options for a password.

    Their names are short and frequent (`zip`, `rar`), so pass 1 searches for the option
    and its value, and for the name of the tool only on the line in front of it.
    """
    bare = r"[\"']?" + _BARE_START + _BARE + "{3}"
    far = r"[^\n\x00]{0,72}"
    for option, tools in (
        (" -p ", (" login", "mongo", "ncftp", "lftp", "cqlsh", "psexec", "rdesktop", "twine", "nuget")),
        (" -p=", (" login",)),
        (" -t ", (" login",)),
        (" -u ", ("lftp", "ncftp")),
        (" -w ", ("ldap",)),
        (" -s ", ("ldap",)),
        (" -P ", ("zip", "mosquitto_", "sqlcmd", "bcp", "osql", "isql", "ipmitool")),
        (" -k ", ("nuget", "setapikey")),
        (" -ApiKey ", ("nuget",)),
        (" -Password ", ("nuget",)),
        (" -a ", ("redis-cli", "redis-benchmark", "valkey-cli")),
        (" -A ", ("snmp",)),
        (" -X ", ("snmp",)),
        (" /p:", ("freerdp", "wmic", "cmdkey")),
        (" /pass:", ("cmdkey", "wmic")),
        (" /password:", ("cmdkey", "wmic")),
    ):
        for tool in tools:
            add(tool, far + re.escape(option) + bare, case=True, loose=re.escape(option) + bare)
    glued = r"[^\s$\"'\-]" + _BARE + "{2}"
    for option, tool in ((" -p", "mysql"), (" -p", "7z"), (" -p", "rar"), (" -hp", "rar"), (" -P", "sqlcmd")):
        add(tool, far + option + glued, case=True, loose=option + glued)
    for option in (" -u", " --user"):
        for value in (r"[\w.\-]{12}", r":[^\s\"'$:]{4}"):
            key = option + r"[ =]?[\"']?" + value
            add("curl", far + key, case=True, loose=key)


def _build_anchors() -> tuple[Anchor, ...]:
    add = _Anchors()
    for collect in (_add_named, _add_servers, _add_command_lines):
        collect(add)
    return tuple(add.made)


ANCHORS: tuple[Anchor, ...] = _build_anchors()
"""All anchors of generic credentials."""
