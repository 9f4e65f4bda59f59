"""Derive from its path how the lines of a file are read.

A path is no evidence for or against a credential: half of the real ones are in
tests and examples. It only distinguishes code, where an unquoted word is a variable,
from configuration, where it is a value, and from texts for people.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from detector.engine.lazy_regex import compile_lazily


class FileType(NamedTuple):
    """Kind of file (`code`, `configuration`, …) and its extension in lower case."""

    kind: str
    extension: str


UNKNOWN_FILE = FileType("unknown", "")
"""Content without a path, such as an object of a history: it may be of any kind."""


_KINDS = {
    "code": "py pyi pyx js ts mts cts jsx tsx mjs cjs java kt kts go rs cs php rb groovy scala swift c h cc cpp hpp m "
    "mm pl pm lua r dart ex exs erl hs clj vue svelte gradle vb fs ml jsp coffee cr nim zig sol jenkinsfile "
    "vagrantfile ps1 psm1 bicep eex heex leex erb slim haml ejs hbs twig nix fsx elm jl cls vbs bas pas proto graphql "
    "gql",
    "documentation": "md rst txt adoc html htm markdown asciidoc textile tex org mdx",
    "data": "json json5 xml csv har lock sql golden tfstate ipynb plist resx xaml",
    "configuration": "yml yaml ini cfg conf config toml properties env tf tfvars hcl netrc npmrc pypirc cnf dist "
    "example rsp template",
    "shell": "sh bash zsh bat cmd dockerfile makefile mk fish ksh profile",
    "key": "pem key crt cer pub p12 asc",
}
_KIND_OF = {extension: kind for kind, extensions in _KINDS.items() for extension in extensions.split()}
_WHOLE_NAMES = ("dockerfile", "makefile", "jenkinsfile", "vagrantfile")
ALL_FILE_TYPES = (
    *(FileType(kind, extension) for extension, kind in _KIND_OF.items() if kind == "code"),
    *(FileType(kind, "") for kind in (*_KINDS, "other") if kind != "code"),
)
"""All types of files except translations."""

_TRANSLATION = compile_lazily(
    r"(?:^|/)(?:i18n|l10n|locales?|lang(?:uages?)?|translations?|intl|nls|messages)(?:/|[._-])"
    r"|[_.-](?:messages|strings|resources)\.\w+$"
    r"|(?:^|[/_.\-])[a-z]{2}(?:[_-][A-Z][A-Za-z]{1,3})?\.(?:json|ya?ml|properties|po|resx|ts|js|php|strings|xlf)$"
    r"|\.(?:po|pot|xlf|xliff|strings|resx|arb)$"
)


@lru_cache(maxsize=1024)
def read_path(path: str) -> FileType:
    """Return the type of the file *path*, `UNKNOWN_FILE` if *path* is empty.

    >>> read_path("deploy/Dockerfile"), read_path("assets/i18n/de_DE.json").kind
    (FileType(kind='shell', extension='dockerfile'), 'translation')
    """
    if not path:
        return UNKNOWN_FILE
    name = path.rsplit("/", 1)[-1].lower()
    extension = name.rpartition(".")[2]
    if name.startswith(_WHOLE_NAMES):
        extension = name.split(".")[0].rstrip("0123456789")
    if name.startswith(".env"):
        extension = "env"
    if _TRANSLATION.search(path):
        return FileType("translation", extension)
    return FileType(_KIND_OF.get(extension, "other"), extension)
