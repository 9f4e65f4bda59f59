"""Words that people write in place of a credential, grouped by what they indicate.

Collected by hand from documentation, tutorials and default installations; nothing
here was counted in a repository.
"""

from __future__ import annotations

from binascii import a2b_base64
from functools import cache
from typing import Any

from detector.engine.lazy_regex import compile_lazily

WORDS: dict[str, str] = {
    "placeholder": (
        "example sample your yours placeholder changeme change insert replace redacted dummy fake here enter "
        "fill todo tbd goes foobar foo bar baz qux lorem ipsum some xxx xxxx masked hidden removed omitted "
        "elided mypassword mysecret mytoken mykey yourpassword yourtoken yourkey yoursecret thisis optional "
        "required anything whatever something value"
    ),
    "test": ("test testing tests demo mock stub spec fixture temp tmp try tutorial hello world sandbox"),
    "wrong": (
        "invalid wrong bad incorrect not no missing unknown none null nil undefined empty blank false true "
        "never expired"
    ),
    "default": (
        "admin administrator root password passwd passw0rd p@ssw0rd pa55w0rd pass passphrase qwerty "
        "qwertyuiop asdf asdfgh zxcvbn letmein welcome postgres postgresql mysql mariadb oracle tiger scott "
        "guest user default master manager changeit system toor hunter docker redis mongo mongodb rabbit "
        "rabbitmq grafana zabbix minio vagrant wordpress jenkins kafka elastic sonar nacos superuser "
        "supersecret topsecret monkey dragon iloveyou sunshine princess football alice bob secret database "
        "nexus gitlab keycloak consul vault druid sentinel activemq solr tomcat wildfly weblogic db2 sybase "
        "informix"
    ),
    "credential": (
        "token key auth credential credentials hash api login access client private session bearer oauth jwt "
        "nonce signature consumer refresh apikey authorization authentication username email identity crypto "
        "cipher"
    ),
    "type": (
        "string str int integer bool boolean object number any varchar text bytes byte char void array list "
        "dict map function class float double json xml uuid date datetime enum struct tuple type interface "
        "promise"
    ),
    "prose": (
        "the and for is are was must be should with please error failed match cannot could from this that "
        "when have has been will a an of to in on or if by as at you we it"
    ),
    "interface": (
        "field input label button form page view modal dialog title name id header column table row index "
        "file path url uri host port service provider manager handler config settings options param params "
        "request response error message get set create update delete find new old current reset forgot "
        "confirm show hide on is has"
    ),
    "algorithm": (
        "sha sha1 sha256 sha512 md5 rsa aes des hmac ecdsa ed25519 hs256 rs256 es256 base64 hex utf8 pem "
        "pkcs8 x509 bcrypt pbkdf2 scrypt argon2 gcm cbc pkcs5padding oaep ssh ssl tls"
    ),
    "sequence": (
        "123456 12345 1234 4321 54321 654321 abcdef abcd 0000 1111 6666 8888 9999 abc123 123123 112233 111111 000000"
    ),
}
STAND_INS = frozenset({
    b"secret", b"password", b"passwd", b"pass", b"pwd", b"token", b"test", b"testing", b"testpass", b"foo", b"bar",
    b"foobar", b"root", b"credential", b"credentials", b"apikey",
})  # fmt: skip
"""Values that are a word for any credential: half of them are tests, and nobody would revoke the others."""
_ENCODED = compile_lazily(rb"(?:[A-Za-z0-9+/]{4}){1,5}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_PHRASE_NAMES = (b"phrase", b"mnemonic", b"phrases", b"seed")
_PHRASE = compile_lazily(rb"[A-Za-z]{2,14}(?: [A-Za-z]{2,14}){3,23}(?: \d{1,6})?\Z")
_PHRASE_AND_NUMBER = compile_lazily(rb"[a-z]{3,14}(?: [a-z]{3,14}){2,7} \d{1,6}\Z")
_SPOKEN = ("prose", "placeholder", "wrong", "credential", "interface", "test")
_SHORTEST = 5
"""Words of this length or more are also found inside other words (`mysupersecretpw`)."""


@cache
def _automaton() -> Any:
    import ahocorasick

    automaton = ahocorasick.Automaton()
    for group, words in WORDS.items():
        for word in words.split():
            if len(word) >= _SHORTEST or group == "sequence":
                automaton.add_word(word, group)
    automaton.make_automaton()
    return automaton


@cache
def _by_word() -> dict[str, str]:
    return {word: group for group, words in WORDS.items() for word in words.split()}


def is_stand_in(value: bytes) -> bool:
    """Return whether *value* is a word for any credential, as it stands or in Base64.

    >>> is_stand_in(b"Password"), is_stand_in(b"cGFzc3dvcmQ="), is_stand_in(b"cGFzc3dvcmQ3")
    (True, True, False)
    """
    if value.lower() in STAND_INS:
        return True
    return bool(_ENCODED.match(value)) and a2b_base64(value).strip().lower() in STAND_INS


def is_passphrase(name: bytes, value: bytes) -> bool:
    """Return whether *value* is several unconnected words under the *name* of a passphrase, or words and a number.

    >>> is_passphrase(b"wallet_passphrase", b"seven blue otters dance"), is_passphrase(b"passphrase", b"enter it here")
    (True, False)
    """
    if b" " not in value or len(value) > 400:
        return False
    pattern = _PHRASE if name.lower().endswith(_PHRASE_NAMES) else _PHRASE_AND_NUMBER
    if not pattern.match(value):
        return False
    words = value.decode("ascii").lower().split()
    return not any(_by_word().get(word) in _SPOKEN for word in words)


def find_word_groups(low: str, words: list[str]) -> set[str]:
    """Return the groups of the words in *low*, a value in lower case.

    *words* are its parts, split at separators and camel case.
    """
    known = _by_word()
    found = {known[word] for word in words if word in known}
    found.update([group for _, group in _automaton().iter_long(low)])
    return found
