"""Key files: DER, PKCS#12, Java key stores, KeePass, and files whose whole content is a value."""

from __future__ import annotations

import datetime
import hashlib
import io
import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from detector.containers import key_files, kinds, unpack
from detector.model import Blob
from leakfirst import Engine
from tests.detector.containers.reading import ORIGIN

RANDOM = random.Random("key files")
DER, PKCS8 = serialization.Encoding.DER, serialization.PrivateFormat.PKCS8
OLD = serialization.PrivateFormat.TraditionalOpenSSL
PLAIN = serialization.NoEncryption()
CURVE = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)


def lock(password: bytes, rounds: int) -> serialization.KeySerializationEncryption:
    builder = serialization.PrivateFormat.PKCS12.encryption_builder().kdf_rounds(rounds)
    return builder.key_cert_algorithm(pkcs12.PBES.PBESv2SHA256AndAES256CBC).build(password)


def certificate() -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a.test")])
    day = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(CURVE.public_key())
    return made.serial_number(7).not_valid_before(day).not_valid_after(day.replace(2034)).sign(CURVE, hashes.SHA256())


def make_java_store(tags: list[int], password: str) -> bytes:
    data = b"\xfe\xed\xfe\xed\0\0\0\2" + len(tags).to_bytes(4, "big")
    for tag in tags:
        data += tag.to_bytes(4, "big") + b"\0\1a" + bytes(8)
        if tag == 1:
            data += (40).to_bytes(4, "big") + RANDOM.randbytes(40) + bytes(4)
        else:
            data += b"\0\5X.509" + (30).to_bytes(4, "big") + RANDOM.randbytes(30)
    digest = hashlib.sha1(password.encode("utf-16-be") + b"Mighty Aphrodite" + data, usedforsecurity=False)
    return data + digest.digest()


def read(data: bytes) -> list[bytes]:
    kind = kinds.detect_kind(data)
    return [blob.data for blob in unpack.unpack(data, kind, ORIGIN) if isinstance(blob, Blob)] if kind else []


def find(data: bytes) -> list[str]:
    engine = Engine()
    return [hit.rule.id for text in read(data) for hit in engine.scan(text)]


@pytest.mark.parametrize(
    "data",
    [
        RSA_KEY.private_bytes(DER, PKCS8, PLAIN), RSA_KEY.private_bytes(DER, OLD, PLAIN),
        CURVE.private_bytes(DER, PKCS8, PLAIN), CURVE.private_bytes(DER, OLD, PLAIN),
        ed25519.Ed25519PrivateKey.generate().private_bytes(DER, PKCS8, PLAIN),
        RSA_KEY.private_bytes(DER, PKCS8, PLAIN) + b"\n",
    ],
    ids=["rsa pkcs8", "rsa pkcs1", "ec pkcs8", "ec sec1", "ed25519", "line end"],
)  # fmt: skip
def test_a_key_in_der_is_a_private_key(data: bytes) -> None:
    assert find(data) == ["private-key.pem"]


def test_what_looks_like_der_is_no_key() -> None:
    public = serialization.PublicFormat.SubjectPublicKeyInfo
    for data in (
        RSA_KEY.public_key().public_bytes(DER, public), CURVE.public_key().public_bytes(DER, public),
        certificate().public_bytes(DER), b"0123456789", b"0\x82\x01\x00", b"0\x84\xff\xff\xff\xff\x02\x01\x00",
        b"0", b"0\x80", b"0\x03\x02\x01\x00", b"0\x05\x02\x01\x000\x00",
    ):  # fmt: skip
        assert read(data) == []


@pytest.mark.parametrize(
    ("password", "rounds", "rules"),
    [
        (None, 0, ["private-key.pem"]),
        (b"changeit", 1000, ["private-key.pem"]),
        (b"g7Rw2-Kq81zT", 1000, ["private-key.key-store"]),
        (b"changeit", key_files.MAX_ITERATIONS + 1, ["private-key.key-store"]),
    ],
)
def test_a_store_is_opened_with_what_everybody_tries_first(
    password: bytes | None, rounds: int, rules: list[str]
) -> None:
    encryption = lock(password, rounds) if password else PLAIN
    store = pkcs12.serialize_key_and_certificates(b"a", CURVE, certificate(), None, encryption)
    assert find(store) == rules


def test_passwords_are_tried_for_few_keys_of_a_store(monkeypatch: pytest.MonkeyPatch) -> None:
    store = pkcs12.serialize_key_and_certificates(b"a", CURVE, None, None, lock(b"g7Rw2-Kq81zT", 1000))
    tried: list[bytes] = []
    monkeypatch.setattr(key_files, "_decrypt", tried.append)
    at = store.index(key_files._BAG)
    assert len(list(key_files.read_pkcs12(io.BytesIO(store[:at] + store[at:] * 50)))) == 1
    assert len(tried) == key_files.MAX_TRIED


def test_a_store_of_certificates_alone_is_nothing() -> None:
    assert read(pkcs12.serialize_key_and_certificates(b"a", None, certificate(), None, PLAIN)) == []
    assert read(make_java_store([2, 2], "changeit")) == []


def test_a_java_store_tells_whether_its_password_is_known() -> None:
    assert find(make_java_store([2, 1], "changeit")) == ["private-key.open-key-store"]
    assert find(make_java_store([2, 1], "g7Rw2-Kq81zT")) == ["private-key.key-store"]
    assert find(b"\x03\xd9\xa2\x9a\x67\xfb\x4b\xb5" + RANDOM.randbytes(200)) == ["private-key.key-store"]


@pytest.mark.parametrize("seed", range(40))
def test_damage_raises_nothing(seed: int) -> None:
    pick = random.Random(seed)
    whole = pkcs12.serialize_key_and_certificates(b"a", CURVE, certificate(), None, lock(b"changeit", 100))
    data = bytearray(pick.choice([whole, make_java_store([2, 1], "x"), CURVE.private_bytes(DER, PKCS8, PLAIN)]))
    for _ in range(pick.randint(1, 6)):
        data[pick.randrange(len(data))] = pick.randrange(256)
    for kind in ("DER key", "PKCS#12", "key store"):
        list(unpack.unpack(bytes(data[: pick.randint(1, len(data))]), kind, ORIGIN))


HEX = f"{RANDOM.getrandbits(128):032x}"


@pytest.mark.parametrize(
    ("path", "content", "is_found"),
    [
        ("config/master.key", HEX, True),
        ("app/config/credentials/production.key", f"{HEX}\n", True),
        (".vault_pass", "k7-Dq2mmZ81xR\n", True),
        ("ops/vault-password.txt", "k7-Dq2mmZ81xR\n", True),
        ("secrets/db_password.txt", "k7Dq2mmZ81xR", True),
        (".erlang.cookie", "QWPZXNDYVMKLRTBHJEUA", True),
        ("config/master.key", "two words here", False),
        ("config/master.key", "changeme", False),
        ("docs/master.key.md", HEX, False),
        ("src/api_key.py", HEX, False),
        ("config/master.key", f"{HEX}\n{HEX}\n", False),
    ],
)
def test_a_file_may_be_one_value(path: str, content: str, is_found: bool) -> None:
    blob = Blob(content.encode(), ORIGIN._replace(path=path))
    kind = kinds.detect_container(blob)
    texts = [one.data for one in unpack.unpack(blob.data, kind, blob.origin) if isinstance(one, Blob)] if kind else []
    hits = [hit for text in texts for hit in Engine().scan(text) if hit.rule.id == "generic.bare-secret"]
    assert [hit.secret.reveal().decode() for hit in hits] == ([content.strip()] if is_found else [])
