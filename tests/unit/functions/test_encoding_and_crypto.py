"""Encoding and cryptography."""

from __future__ import annotations

import base64
import re

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value

from isthmus.expressions import UNDEFINED


def test_base64encode_takes_text_as_utf8_and_bytes_as_they_are() -> None:
    check('$base64encode("日本")', "5pel5pys")
    check("$base64encode(b)", "/9j/4A==", {"b": b"\xff\xd8\xff\xe0"})
    check('$base64encode($blob("hi"))', "aGk=")
    check("$base64encode([1, true])", "MSx0cnVl")


def test_base64encode_url_safe_swaps_two_letters_and_drops_padding() -> None:
    check('$base64encode("??>>")', "Pz8+Pg==")
    check('$base64encode("??>>", true)', "Pz8-Pg")


def test_base64encode_of_nothing() -> None:
    check("$base64encode(missing)", "")
    check('$base64encode("")', "")
    check("$base64encode(null)", "bnVsbA==")


def test_base64decode_forgives_padding_spaces_bad_bytes_and_a_mark() -> None:
    check('$base64decode("aGk")', "hi")
    check('$base64decode("aG k=")', "hi")
    check('$base64decode("/w==")', "�")
    check('$base64decode("77u/YQ==")', "a")
    check('$base64decode("")', "")
    check('$base64decode("_w", true)', "�")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("'a'", "The string to be decoded is not correctly encoded."),
        ("'a*b='", "Invalid character"),
        ("'_w'", "Invalid character"),
        ("'aG=k'", "Invalid character"),
        ("'aGk=x'", "The string to be decoded is not correctly encoded."),
        ("missing", "The string to be decoded is not correctly encoded."),
        ("missing, true", "base64decode: with urlSafe the value must be text"),
    ],
)
def test_base64decode_refuses_what_is_no_base64(text: str, message: str) -> None:
    assert error(f"$base64decode({text})").message == message


@given(st.text())
def test_base64_round_trips(text: str) -> None:
    assert value("$base64decode($base64encode(t, u), u)", {"t": text, "u": True}) == text.removeprefix(
        "\ufeff"
    )


def test_base64_to_blob_takes_options_and_data_uris() -> None:
    check('$base64ToBlob("aGk").type', "application/octet-stream")
    check('$base64ToBlob("  aGk=  ", {"mimeType": "text/Plain"}).[type, text()]', ["text/plain", "hi"])
    check('$base64ToBlob("data:image/png;base64,aGk=", {"mimeType": "a/b"}).type', "image/png")
    check('$base64ToBlob("_w", {"urlSafe": true}).size', 1)
    check('$base64ToBlob(5, {"mimeType": "a/b"}).[type, size]', ["a/b", 0])


@pytest.mark.parametrize(
    "uri", ["data:text/plain,x", "data:text/plain;charset=x;base64,aGk=", "data:a/b;base64,aG\nk="]
)
def test_base64_to_blob_refuses_other_data_uris(uri: str) -> None:
    assert error("$base64ToBlob(u)", {"u": uri}).message == "Invalid data URI format"


def test_base64_to_blob_refuses_bad_data_and_null_options() -> None:
    assert error("$base64ToBlob('*')").message.startswith("Invalid base64 string: ")
    error("$base64ToBlob('aGk', null)")


def test_digest_vectors_of_the_contract() -> None:
    assert str(value('$digest("Hello World")')).startswith("a591a6d4")
    check('$digest("42", "MD5")', "a1d0c6e83f027327d8461063f4ac58a6")
    check('$digest("42", "sha-1", "base64-urlSafe")', "ks_Os51X2RTtixTQ43ZD3geXrlY")
    check("$digest($blob('42'), 'sha-1')", "92cfceb39d57d914ed8b14d0e37643de0797ae56")


def test_digest_of_nothing_and_in_unknown_forms() -> None:
    assert str(value("$digest(missing)")).startswith("e3b0c442")
    check('$digest("42", "sha-1", "foo")', UNDEFINED)
    check('$digest("42", "md5", "foo")', "odDG6D8CcyfYRhBj9KxYpg==")


@pytest.mark.parametrize("name", ['"SHA256"', '"Md5"', "null", '"RS256"'])
def test_digest_refuses_unknown_algorithms(name: str) -> None:
    assert error(f"$digest('x', {name})").message == "Unrecognized algorithm name"


def test_digest_md5_takes_text_or_bytes_only() -> None:
    error("$digest(42, 'MD5')")
    check("$digest($blob('42'), 'MD5')", "a1d0c6e83f027327d8461063f4ac58a6")


def test_sign_makes_hmacs() -> None:
    assert str(value("$sign('Hello World', 'SHA-256', 'secret')")).startswith("82ce0d2f")
    check("$sign('Hello World', '', 'secret') = $sign('Hello World', null, 'secret')", True)
    check(
        "$sign('Hello World', ' sha-512 ', 'secret', 'base64-urlSafe')",
        "bR0YbsSB8-fR9gTnp0CBFApxOo2LrFaOJX7Rr5WY9k8n8fS9rw7fodMWoad0BkfbOOfegud5QsuYxKCKTRfonw",
    )
    check("$sign('x', 'SHA-256', 'secret', 'foo')", UNDEFINED)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'x', 'SHA-256', ''", "Zero-length key is not supported"),
        ("'x', 'SHA-256'", "Zero-length key is not supported"),
        ("'x', 'MD5', 'k'", "Unrecognized algorithm name"),
        ("'x', 'RS256', 'k'", "RS256 requires a PKCS#8 PEM private key (BEGIN PRIVATE KEY)"),
    ],
)
def test_sign_refuses(arguments: str, message: str) -> None:
    assert error(f"$sign({arguments})").message == message


def test_sign_rs256_verifies_and_never_tells_the_key() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    signature = value("$sign('data', 'rs256', key, 'base64')", {"key": pem.replace("\n", "\\n")})
    key.public_key().verify(base64.b64decode(str(signature)), b"data", padding.PKCS1v15(), hashes.SHA256())
    broken = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----"
    message = error("$sign('data', 'RS256', key)", {"key": broken}).message
    assert message.startswith("RS256 key import failed")
    assert "c2VjcmV0" not in message


def _make_der(kind: str) -> bytes:
    """Returns a key that cannot sign with RS256, as PKCS#8 in DER."""
    if kind == "encrypted":
        rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return rsa_key.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"password"),
        )
    key = ec.generate_private_key(ec.SECP256R1())
    der = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    curve = bytes.fromhex("2a8648ce3d030107")
    return der if kind == "of another algorithm" else der.replace(curve, curve[:-1] + b"\x7f")


@pytest.mark.parametrize(
    ("kind", "cause"),
    [
        ("encrypted", "TypeError"),
        ("of another algorithm", "ValueError"),
        ("of an unknown curve", "UnsupportedAlgorithm"),
    ],
)
def test_sign_refuses_keys_that_are_no_plain_rsa_keys(kind: str, cause: str) -> None:
    text = base64.b64encode(_make_der(kind)).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----"
    message = error("$sign('data', 'RS256', key)", {"key": pem}).message
    assert message.endswith(f"Underlying: {cause}")


def test_uuid_is_a_new_version_4_each_time() -> None:
    found = value("[$uuid(), $uuid()]")
    assert isinstance(found, list)
    assert found[0] != found[1]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", found[0])
