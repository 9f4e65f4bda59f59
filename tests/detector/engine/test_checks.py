"""Offline checks: published vectors, samples that pass, damage that does not, hostile bytes that change nothing."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.engine import checks
from detector.engine.checks.azure import compute_marvin32
from detector.rules.shapes import expand

VECTORS = {
    "github-crc32": ("ghp_{repeat:A:30}", "0uCPlr"),
    "npm-crc32": ("npm_{repeat:A:30}", "0uCPlr"),
    "grafana-crc32": ("glsa_{repeat:A:32}", "_d8dc8af3"),
    "cloudflare-crc32": ("cfut_{repeat:A:40}", "2ae98c30"),
    "zuplo-crc32": ("zpka_{repeat:a:32}", "_cab11777"),
    "atlassian-crc32": ("ATATT3xFfGF0{repeat:A:20}=", "733FD834"),
}

SAMPLES = [
    ("atlassian-crc32", "ATBB{alnum:24}{check:atlassian-crc32}"),
    ("gitlab-routable", "glpat-{gitlab-payload}{check:gitlab-routable}"),
    ("gitlab-routable", "glrt-t3_{gitlab-payload}{check:gitlab-routable}"),
    ("nats-nkey", "{nkey:U}"),
    ("nats-nkey", "{nkey:X}"),
    ("bech32", "AGE-SECRET-KEY-1{[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]:52}{check:bech32}"),
    ("supabase-self-hosted", "sb_secret_{base64url:22}{check:supabase-self-hosted}"),
    ("azure-key", "{azure:+ASt:76}"),
    ("azure-key", "{azure:AIoT:33}"),
    ("azure-key", "{azure:AzSe:42}"),
    ("azure-key", "{azure:AzFu:44}"),
    ("azure-key", "{azure:+ACR:42}"),
    ("azure-cask", "{alnum:52}JQQJ99BC{alnum:16}AZDO{check:azure-cask}"),
    ("azure-entra", "{alnum:3}8Q~{alnum:31}{check:azure-entra}"),
    ("jwt", "{jwt:HS256}"),
    ("jwt", "{jwt:RS256}"),
    ("supabase-service-role", "{jwt:HS256;iss=supabase;role=service_role}"),
    ("kubernetes-service-account", "{jwt:RS256;sub=system:serviceaccount:prod:web}"),
    ("github-stateless", "ghs_1234_{jwt:RS256}"),
    ("pypi-macaroon", "pypi-{macaroon:pypi.org}"),
    ("sentry-org", "sntrys_{json64:iat=1;region_url=*;org=acme}_{alnum:43}"),
    ("grafana-cloud", "glc_{json64:o=1;n=*;k=*}"),
    ("grafana-legacy", "{json64:k=*;n=x;id=1}"),
    ("onepassword", "ops_{json64:signInAddress=x;secretKey=*}"),
    ("mapbox", "sk.{json64:!u=acme;a=*}.{base64url:22}"),
    ("discord-bot", "{discord}"),
    ("jfrog-reference", "{text64:reftkn:01:1900000000:*}"),
    ("id-and-random", "{text64:12345678:*}"),
    ("aws-bedrock", "ABSK{text64:BedrockAPIKey-a-at-210987654321:*}"),
    ("private-key", "{pem:pkcs8}"),
    ("private-key", "{pem:pkcs8-rsa}"),
    ("private-key", "{pem:pkcs8-locked}"),
    ("private-key", "{pem:rsa}"),
    ("private-key", "{pem:rsa-locked}"),
    ("private-key", "{pem:ec}"),
    ("private-key", "{pem:openssh}"),
    ("private-key", "{pem:openssh-locked}"),
    ("private-key", "{pem:pgp}"),
    ("private-key", "{pem-json:ec}"),
    ("putty-key", "{ppk:2}"),
    ("putty-key", "{ppk:3}"),
]


@pytest.mark.parametrize("name", VECTORS)
def test_published_vectors(name: str) -> None:
    shape, checksum = VECTORS[name]
    text = expand(shape)
    assert checks.complete_sample(name, text) == checksum
    assert checks.run_check(name, (text + checksum).encode()).valid


def test_marvin32_vectors() -> None:
    assert [compute_marvin32(data, b"Default0") for data in (b"", b"a", bytes(60))] == [
        0xCFD9B134,
        0x71828DE7,
        0xF7BD4557,
    ]


def test_bech32_and_gitlab_vectors() -> None:
    payload = "QUFBQUFBQUFBQUFBQUFBQW86MQp1OjEH"  # 16 letters A, then o:1, u:1 and their length
    assert checks.complete_sample("gitlab-routable", "glpat-" + payload) == ".01.0w1wurug0"
    assert checks.run_check("bech32", b"A12UEL5L").valid  # from BIP 173


@pytest.mark.parametrize(("name", "shape"), SAMPLES)
def test_samples_are_proven_and_damage_shows(name: str, shape: str) -> None:
    for seed in range(3):
        sample = expand(shape, seed).encode()
        assert checks.run_check(name, sample).valid is True
        assert checks.run_check(name, sample[: len(sample) // 3]).valid is not True


@pytest.mark.parametrize("name", ["github-crc32", "gitlab-routable", "azure-key", "bech32", "nats-nkey"])
def test_one_changed_letter_is_noticed(name: str) -> None:
    shape = next((s for n, s in SAMPLES if n == name), "ghp_{alnum:30}{check:github-crc32}")
    rng = random.Random(name)
    for seed in range(40):
        sample = bytearray(expand(shape, seed).encode())
        at = rng.randrange(len(sample) // 2, len(sample) - 8)
        sample[at] = sample[at] ^ 1 or 65
        assert checks.run_check(name, bytes(sample)).valid is not True


FACTS = [
    ("aws-key-id", "ASIAY34FZKBOKMUTVV7A", ("account", "609629065308")),
    ("aws-key-id", "AKIA{[Q-W]:1}{base32:15}", ("key", "long-term")),
    ("azure-key", "{azure:+ASt:76}", ("key of", "Azure Storage account")),
    ("azure-key", "{azure:AzSe:42}", ("may", "query")),
    ("azure-cask", "{alnum:52}JQQJ99BC{alnum:16}AZDO{check:azure-cask}", ("key of", "Azure DevOps")),
    ("azure-cask", "{alnum:52}JQQJ99BC{alnum:16}AZDO{check:azure-cask}", ("issued", "2025-03")),
    ("jwt", "{jwt:HS256;exp=1900000000}", ("expires", "2030-03-17T17:46:40Z")),
    ("jwt", "{jwt:RS256}", ("issuer", "https://issuer.test")),
    ("pypi-macaroon", "pypi-{macaroon:pypi.org}", ("host", "pypi.org")),
    ("nats-nkey", "{nkey:O}", ("type", "operator")),
    ("grafana-cloud", "glc_{json64:o=77;n=*;k=*}", ("organisation", "77")),
    ("private-key", "{pem:rsa}", ("type", "RSA 1024")),
    ("private-key", "{pem:ec}", ("type", "EC secp256r1")),
    ("private-key", "{pem:openssh}", ("type", "ssh-ed25519")),
    ("private-key", "{pem:openssh}", ("encrypted", "no")),
    ("private-key", "{pem:openssh-locked}", ("encrypted", "yes")),
    ("private-key", "{pem:pkcs8-locked}", ("encrypted", "yes")),
    ("private-key", "{pem:pgp}", ("type", "OpenPGP EdDSA")),
    ("private-key", "{pem:pgp}", ("encrypted", "no")),
    ("putty-key", "{ppk:3}", ("encrypted", "no")),
    ("jfrog-reference", "{text64:reftkn:01:0:*}", ("expires", "never")),
]


@pytest.mark.parametrize(("name", "shape", "fact"), FACTS)
def test_facts(name: str, shape: str, fact: tuple[str, str]) -> None:
    assert fact in checks.run_check(name, expand(shape, 1).encode()).facts


def test_an_old_aws_id_hides_its_account() -> None:
    assert checks.run_check("aws-key-id", b"AKIA" + b"7" * 16).valid is None  # no account of twelve digits
    result = checks.run_check("aws-key-id", b"AKIAIOSFODNN7EXAMPLE")
    assert result.valid is None and result.facts == (("key", "long-term"),)


def test_a_guessable_signing_key_is_told_and_not_shown() -> None:
    import hmac

    from detector.engine.checks.result import encode_base64url

    head = expand("{jwt:HS256}", 1).rpartition(".")[0].encode()
    token = head + b"." + encode_base64url(hmac.digest(b"secret", head, "sha256"))
    facts = dict(checks.run_check("jwt", token).facts)
    assert "guessable" in facts["signing key"]
    assert "signing key" not in dict(checks.run_check("jwt", expand("{jwt:HS256}", 1).encode()).facts)


def test_unsigned_and_sample_tokens_are_refused() -> None:
    from detector.engine.checks.result import encode_base64url

    unsigned = encode_base64url(b'{"alg":"none"}') + b"." + encode_base64url(b'{"iss":"x"}') + b"."
    assert checks.run_check("jwt", unsigned).valid is False
    assert checks.run_check("jwt", expand("{jwt:HS256;sub=1234567890;name=John Doe}").encode()).valid is False


def test_the_anonymous_key_of_supabase_is_public() -> None:
    for role, valid in (("anon", False), ("service_role", True)):
        token = expand(f"{{jwt:HS256;iss=supabase;role={role}}}").encode()
        assert checks.run_check("jwt", token).valid is valid, role


def test_keys_are_read_wherever_they_travel() -> None:
    pem = expand("{pem:rsa}", 1)
    lines = pem.split("\n")
    carried = [
        "\r\n".join(lines),
        "\\n".join(lines),
        "\\\\n".join(lines),
        "\n".join("      " + line for line in lines),
        "\n".join(f'"{line}\\n" +' for line in lines),
        "\n".join(f"'{line}'," for line in lines),
        "\n".join(f"# {line}" for line in lines),
    ]
    facts = checks.run_check("private-key", pem.encode()).facts
    for text in carried:
        assert checks.run_check("private-key", text.encode()) == (True, facts), text[:80]


@pytest.mark.parametrize("number", range(1, 9))
def test_an_rsa_key_is_proven_only_if_its_numbers_belong_together(number: int) -> None:
    """Of the eight numbers of a key one is off by two, and nothing else."""
    from base64 import b64decode, b64encode

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem = expand("{pem:rsa}", 1)
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, RSAPrivateKey)
    of = key.private_numbers()
    values = (of.public_numbers.n, of.public_numbers.e, of.d, of.p, of.q, of.dmp1, of.dmq1, of.iqmp)
    whole = "".join(pem.split("\n")[1:-2] if pem.endswith("\n") else pem.split("\n")[1:-1])
    value = values[number - 1]
    size = (value.bit_length() + 7) // 8
    old, new = value.to_bytes(size, "big"), (value ^ 2).to_bytes(size, "big")
    der = b64decode(whole)
    assert der.count(old) >= 1
    wrong = b64encode(der.replace(old, new, 1)).decode()
    label = pem.split("\n")[0].strip("-").removeprefix("BEGIN ")
    text = f"-----BEGIN {label}-----\n{wrong}\n-----END {label}-----"
    assert checks.run_check("private-key", pem.encode()).valid is True
    assert checks.run_check("private-key", text.encode()).valid is None


@pytest.mark.parametrize("name", sorted(checks.CHECKS))
def test_every_check_has_its_two_texts(name: str) -> None:
    check = checks.CHECKS[name]
    assert len(check.valid_text) > 8 and len(check.invalid_text) > 10


@given(st.binary(max_size=200), st.sampled_from(sorted(checks.CHECKS)), st.sampled_from([s for _, s in SAMPLES]))
def test_hostile_bytes_never_raise(noise: bytes, name: str, shape: str) -> None:
    """Nor do they when they stand in the middle of something that parses."""
    checks.run_check(name, noise)
    sample = expand(shape, 0).encode()
    middle = len(sample) // 2
    result = checks.run_check(name, sample[:middle] + noise + sample[middle + len(noise) :])
    assert all(isinstance(name, str) and isinstance(value, str) for name, value in result.facts)
