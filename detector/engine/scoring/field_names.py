"""Classify the name of a field.

`mysqlRootPwd`, `mysql_root_pwd` and `MYSQL-ROOT-PWD` are the same name. The last
credential word in it decides the class; the words around it can reverse the
meaning: a `password_field` is not a password, a `publicKey` not a secret.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from detector.engine.lazy_regex import compile_lazily


class FieldName(NamedTuple):
    """Class of the credential word, of the word after it and of the word before it."""

    kind: str
    tail: str
    head: str


_SQUEEZE = compile_lazily(rb"[_$@.\-]+")
_KINDS = compile_lazily(
    rb"(?P<passphrase>passphrase|passcode|motdepasse|mnemonic(?:_?phrase)?)"
    rb"|(?P<password>passw(?:or[dt]e?|d)?|senha|contrase(?:n|\xc3\xb1)a|kennwort|parola|\xe5\xaf\x86.{3}.?|\xe5\x8f\xa3\xe4\xbb\xa4|\xd0\xbf\xd0\xb0\xd1\x80\xd0\xbe\xd0\xbb\xd1\x8c)"
    rb"|(?P<pwd>pwd|psw|(?<=_)pw\b|\bpw\b)"
    rb"|(?P<pass>pass(?!_?(?:ed|ing|es|ive|port|age|enger|through))|(?<=_)pass)"
    rb"|(?P<key_id>(?:access_?)?key_?ids?\b)"
    rb"|(?P<public_key>pub(?:lic)?_?key(?:_?token)?|ssh_rsa|pub_key)"
    rb"|(?P<secret_key>secret_?(?:access_?)?key|key_?secret)"
    rb"|(?P<client_secret>(?:client|app|application|consumer|oauth|webhook|token)_?secret)"
    rb"|(?P<jwt>jwt(?:_?(?:secret|token|key))?)"
    rb"|(?P<secret>secret)"
    rb"|(?P<csrf_token>(?:csrf|xsrf|crumb|authenticity|verification)_?token)"
    rb"|(?P<page_token>(?:page|next(?:_?\w{1,12})??|starting|backward|forward|continuation|sync|start|end|cancellation|limit|stop|sep|unk|pad|special|eos|bos)_?token)"
    rb"|(?P<refresh_token>refresh_?token)"
    rb"|(?P<access_token>(?:access|auth|api|bearer|bot|session|personal|deploy|private|oauth|user|security|npm|id|admin)_?token)"
    rb"|(?P<token>token|sonar_login)"
    rb"|(?P<structural_key>(?:foreign|primary|partition|sort|hash|range|index|cache|object|map|row|group|unique|translation|"
    rb"i18n|message|locale|redis|topic|routing|registry|event|data|column|item|storage_?item|field|attr|prop|hot|short|"
    rb"context|query|react|lookup|shift|arrow|any|label|count|parent|name)_?key)"
    rb"|(?P<private_key>(?:private|priv|rsa|dsa|ssh|ssl|tls|pem)_?key|private)"
    rb"|(?P<crypto_key>(?:encrypt(?:ion)?|encoding|decrypt(?:ion)?|cipher|crypto?|sign(?:ing|ature)?|master|shared|session|validation|hmac|aes|des|"
    rb"account|storage|machine|license|licence|pre_?shared|symmetric|auth|cookie|hash)_?key)"
    rb"|(?P<api_key>(?:api|app|application|developer|dev|subscription|maps?|service|access|consumer|integration|x_api|site|server|user|client)_?key)"
    rb"|(?P<key>key)"
    rb"|(?P<licence>licen[sc]es?(?![a-z]))"
    rb"|(?P<authorization>authori[sz]ation|www_?auth(?:enticate)?)"
    rb"|(?P<author>signed_off|sign_?off|author|authentic(?!at)|authori[sz]e|authority)"
    rb"|(?P<auth>auth)"
    rb"|(?P<credit>credit)"
    rb"|(?P<credential>cred(?:ential)?s?)"
    rb"|(?P<signature>sign(?:ature)?|sig(?![a-z]))"
    rb"|(?P<salt>salt)|(?P<nonce>nonce)|(?P<hash>hash)|(?P<otp>t?otp)|(?P<sid>sid)"
    rb"|(?P<session>session|cookie)"
    rb"|(?P<api>api)"
)
_TAILS = compile_lazily(
    rb"_?(?:(?P<about>type|names?|kind|class|scheme|mode|method|provider|manager|service|handler|format|policy|strategy|alg(?:orithm)?|"
    rb"encoding|spec|store|factory|function|func|fn|callback|endpoint|server|host|scope|grant|status|state|level|version|"
    rb"generator|parser|helper|util|config|options?|settings?|params?|filter|module|context|client|controller|view|page)"
    rb"|(?P<place>files?|path|dir(?:ectory)?|url|uri|location|link|folder|env|var(?:iable)?|header|column|table|field|input|box|"
    rb"element|attribute|prop(?:erty)?|param(?:eter)?|selector|form|locator|xpath)"
    rb"|(?P<number>len(?:gth)?|size|min|max|count|index|num(?:ber)?|limit|ttl|expir\w*|timeout|lifetime|age|duration|time|date|at|iterations?|rounds)"
    rb"|(?P<text>label|text|title|message|msg|error|hint|prompt|placeholder|description|desc|info|help|doc|regex|pattern|rules?|warning|question|caption|tip)"
    rb"|(?P<flag>enabled?|required|is|has|should|valid(?:at\w*)?|change|changed|reset|forgot\w*|expired|strength|toggle|show|hide|update|check(?:ed|er)?)"
    rb"|(?P<digest>hash(?:ed)?|digest|sha\d*|md5|salt|encrypted|encoded|cipher\w*|crypt)"
    rb"|(?P<user>user(?:name)?|login|account|email|owner|client_?id)"
    rb"|(?P<ident>id|ids|ref|arn|fingerprint|prefix|suffix|alias|ring|words?)|(?P<plural>s\b)"
    rb"|(?P<again>confirm\w*|repeat|again|verify|verification|new|old|\d{1,2}|one|two|1|2|value|val|str(?:ing)?|data|bytes|raw|"
    rb"plain|text|default|b64|base64))"
)
_HEADS = compile_lazily(
    rb"(?P<wrong>invalid|wrong|bad|incorrect|no|non|not|without|missing|empty|fake|dummy|mock|unknown)_?$"
    rb"|(?P<digest>hash(?:ed)?|encrypted|enc|encoded|crypted|md5|sha\d*|sha_?256|digest)_?$"
    rb"|(?P<flag>is|has|show|hide|use|enable|disable|forgot|reset|change|update|require|need|check|validate|get|generate|create|find|fetch|parse)_?$"
    rb"|(?P<tried>test|example|sample|demo|default|temp|tmp|my|your|the|some|old|new|current|confirm|verify|initial|random)_?$"
    rb"|(?P<owner>admin|root|user|db|database|mysql|postgres(?:ql)?|pg|redis|mongo(?:db)?|oracle|ldap|smtp|mail|email|ftp|ssh|sudo|"
    rb"rabbit(?:mq)?|proxy|login|http|server|service|client|app|consumer|oauth|account|aws|github|gitlab|slack|bot|keystore|"
    rb"truststore|store|key_?store|trust_?store|ssl|tls|jdbc|sql|jwt|api|session|cookie|master|wifi|system|sys|owner|token|device|ds|datasource)_?$"
)


@lru_cache(maxsize=4096)
def read_name(name: bytes) -> FieldName:
    """Return the classes of *name*; `""` where none is known.

    >>> read_name(b"MYSQL_ROOT_PASSWORD")
    FieldName(kind='password', tail='', head='owner')
    >>> read_name(b"passwordField").tail
    'place'
    """
    # camelCase gets the separators of snake_case, so that "idToken" is not read as "…didtoken"
    low = _SQUEEZE.sub(b"_", re.sub(rb"(?<=[a-z0-9])(?=[A-Z])", b"_", name).lower()).strip(b"_")
    found_kinds = list(_KINDS.finditer(low))
    if not found_kinds:
        return FieldName("", "", "")
    last = found_kinds[-1]
    kind = str(last.lastgroup).replace("_", " ")
    rest = low[last.end() :].strip(b"_")
    tail = ""
    if rest:
        found = _TAILS.match(rest)
        tail = str(found.lastgroup) if found else "other"
    before = low[: last.start()].strip(b"_")
    head = ""
    if before:
        found = _HEADS.search(before)
        head = str(found.lastgroup) if found else "other"
    if "digest" in (tail, head):
        kind = "hash"
    return FieldName(kind, tail, head)
