"""Base64, hashes, signatures and UUIDs: `$base64encode`, `$digest`, `$sign`, `$uuid` and others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid as uuids
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_input_text, require_options, to_bytes
from isthmus.expressions.functions.offloading import offload_if_heavy
from isthmus.expressions.host.blobs import Blob, extract_bytes, normalize_media_type
from isthmus.expressions.javascript import is_nil, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import charge_bytes_use
from isthmus.expressions.values import UNDEFINED

__all__ = ["base64_to_blob", "base64decode", "base64encode", "digest", "sign", "uuid"]

_BASE64_WHITESPACE: Final = "\t\n\f\r "
_BASE64_ALPHABET: Final = re.compile(r"[A-Za-z0-9+/]*")
_DATA_URI: Final = re.compile(r"data:([^;,]+);base64,(.*)")
_HASHES: Final = {"SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_HEAVY_BYTES: Final = 1024 * 1024
_PKCS8_PEM: Final = re.compile(r"-----BEGIN PRIVATE KEY-----(.*?)-----END PRIVATE KEY-----", re.S)


def base64encode(evaluation: Evaluation, value: object = UNDEFINED, url_safe: object = UNDEFINED) -> str:
    """Base64 of a text's UTF-8 bytes, or of bytes as they are.

    Arguments:
        value: text, or a blob, buffer or bytes; numbers and booleans by their text form.
        urlSafe: `-` and `_` instead of `+` and `/`, no `=` at the end (default `false`).
    Null and missing: missing gives `""`; null is encoded as the word `null`.
    Example:
        $base64encode("こんにちは")
        => "44GT44KT44Gr44Gh44Gv"
    """
    if value is UNDEFINED:
        return ""
    data = to_bytes(value)
    if len(data) > evaluation.limits.input_chars * 4:
        raise evaluation.make_limit_error("input_chars", "base64encode")
    return _encode_bytes(data, "base64-urlSafe" if is_truthy(url_safe) else "base64") or ""


def base64decode(evaluation: Evaluation, value: object = UNDEFINED, url_safe: object = UNDEFINED) -> str:
    """The text that Base64 stands for, read as UTF-8; bytes that are none become U+FFFD.

    Arguments:
        base64: Base64; padding may be missing, white space is ignored.
        urlSafe: read `-` and `_` as `+` and `/` (default `false`).
    Null and missing: missing raises an error.
    Errors: characters outside the alphabet, or a length that no text can have.
    Example:
        $base64decode("aMOpbGxv")
        => "héllo"
    """
    if is_truthy(url_safe):
        if not isinstance(value, str):
            raise make_function_error("base64decode", "base64decode: with urlSafe the value must be text")
        value = value.replace("-", "+").replace("_", "/")
    data = _decode_base64(check_input_text(evaluation, to_text(value), "base64decode"), "base64decode")
    return data.decode("utf-8", "replace").removeprefix("\ufeff")


def _decode_base64(value: str, function: str, prefix: str = "") -> bytes:
    """Return the bytes of Base64, padded or not; raises ExpressionError in the words of a browser's
    `atob`."""
    compact = value
    for blank in _BASE64_WHITESPACE:
        compact = compact.replace(blank, "")
    if len(compact) % 4 == 0:
        compact = compact.removesuffix("==") if compact.endswith("==") else compact.removesuffix("=")
    if len(compact) % 4 == 1:
        raise make_function_error(function, f"{prefix}The string to be decoded is not correctly encoded.")
    if not _BASE64_ALPHABET.fullmatch(compact):
        raise make_function_error(function, f"{prefix}Invalid character")
    return base64.b64decode(compact + "=" * (-len(compact) % 4))


def base64_to_blob(evaluation: Evaluation, value: object = UNDEFINED, options: object = UNDEFINED) -> Blob:
    """A blob of the bytes that Base64, or a `data:` URI, stands for.

    Arguments:
        base64: Base64 or `data:<type>;base64,<data>`, whose type wins.
        options: `mimeType` (default `application/octet-stream`), `urlSafe` (default `false`).
    Null and missing: anything that is no text, or empty, gives an empty blob.
    Errors: `Invalid data URI format`; `Invalid base64 string: …`.
    Example:
        $base64ToBlob("data:text/plain;base64,aGk=").text()
        => "hi"
    """
    options = require_options(options, "base64ToBlob")
    mime_type = options.get("mimeType", UNDEFINED)
    kind = "application/octet-stream" if mime_type is UNDEFINED else to_text(mime_type)
    if not isinstance(value, str):
        return Blob(b"", normalize_media_type(kind))
    trimmed = check_input_text(evaluation, value, "base64ToBlob").strip()
    if trimmed.startswith("data:"):
        found = _DATA_URI.fullmatch(trimmed)
        if found is None:
            raise make_function_error("base64ToBlob", "Invalid data URI format")
        kind, trimmed = found[1], found[2]
    if is_truthy(options.get("urlSafe")):
        trimmed = trimmed.replace("-", "+").replace("_", "/")
    trimmed += "=" * (-len(trimmed) % 4)
    data = _decode_base64(trimmed, "base64ToBlob", "Invalid base64 string: ")
    charge_bytes_use(len(data))
    return Blob(data, normalize_media_type(kind))


def _encode_bytes(data: bytes, form: object) -> str | None:
    """Return bytes as `hex`, `base64` or `base64-urlSafe` (no padding); None for another form."""
    if form == "hex":
        return data.hex()
    if form == "base64":
        return base64.b64encode(data).decode()
    if form == "base64-urlSafe":
        return base64.urlsafe_b64encode(data).decode().rstrip("=")
    return None


def digest(
    value: object = UNDEFINED, algorithm: object = UNDEFINED, string_type: object = UNDEFINED
) -> object:
    """A hash of a text (its UTF-8 bytes) or of bytes.

    Arguments:
        text: what to hash; other values by their text form.
        algorithm: `SHA-1`, `SHA-256` (default), `SHA-384`, `SHA-512` in any case; `MD5` or `md5`.
        stringType: `hex` (default), `base64` or `base64-urlSafe`.
    Null and missing: a missing text is hashed as empty. An unknown `stringType` gives nothing (plain
        `base64` for MD5).
    Errors: `Unrecognized algorithm name`; MD5 of anything but text or bytes.
    Example:
        $digest("Hello World")
        => "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"
    """
    name = "SHA-256" if algorithm is UNDEFINED else algorithm
    form = "hex" if string_type is UNDEFINED else string_type
    data = b"" if value is UNDEFINED else to_bytes(value)
    return offload_if_heavy(_compute_digest, value, data, name, form, heavy=len(data) > _HEAVY_BYTES)


def _compute_digest(value: object, data: bytes, name: object, form: object) -> object:
    """Return the hash of `data`, the bytes of `value`, in a form of `_encode_bytes`; missing for an
    unknown form."""
    if name in ("MD5", "md5"):
        if not isinstance(value, str) and extract_bytes(value) is None:
            raise make_function_error("digest", "digest: for MD5 the value must be text or bytes")
        sum_ = hashlib.md5(data, usedforsecurity=False).digest()
        return _encode_bytes(sum_, form) or _encode_bytes(sum_, "base64")
    algorithm = _HASHES.get(name.upper()) if isinstance(name, str) else None
    if algorithm is None:
        raise make_function_error("digest", "Unrecognized algorithm name")
    result = _encode_bytes(hashlib.new(algorithm, data, usedforsecurity=False).digest(), form)
    return UNDEFINED if result is None else result


def sign(
    value: object = UNDEFINED,
    algorithm: object = UNDEFINED,
    secret: object = UNDEFINED,
    output_format: object = UNDEFINED,
) -> object:
    """A keyed signature of a text: HMAC, or RSA (`RS256`). A JWT is put together from `$base64encode`.

    Arguments:
        text: what to sign; other values by their text form, a missing one as empty.
        algorithm: `SHA-1`, `SHA-256` (default), `SHA-384`, `SHA-512` for HMAC, or `RS256`
            (RSASSA-PKCS1-v1_5 with SHA-256).
        secret: the HMAC key; for `RS256` an unencrypted PKCS#8 PEM, in which `\\n` stands for a line end.
        outputFormat: `hex` (default), `base64` or `base64-urlSafe`; another one gives nothing.
    Null and missing: an empty or null algorithm is `SHA-256`.
    Errors: `Zero-length key is not supported`; `Unrecognized algorithm name`; `RS256 requires a PKCS#8
        PEM private key (BEGIN PRIVATE KEY)`; `RS256 key import failed…`.
    Example:
        $sign("Hello World", "SHA-256", "secret")
        => "82ce0d2f821fa0ce5447b21306f214c99240fecc6387779d7515148bbdd0c415"
    """
    name = "SHA-256" if is_nil(algorithm) else to_text(algorithm).strip().upper() or "SHA-256"
    data = b"" if value is UNDEFINED else to_bytes(value)
    form = "hex" if output_format is UNDEFINED else output_format
    if name == "RS256":
        signature = _sign_rsa(data, secret)
    else:
        found = _HASHES.get(name)
        if found is None:
            raise make_function_error("sign", "Unrecognized algorithm name")
        key = b"" if secret is UNDEFINED else to_bytes(secret)
        if not key:
            raise make_function_error("sign", "Zero-length key is not supported")
        signature = hmac.new(key, data, found).digest()
    result = _encode_bytes(signature, form)
    return UNDEFINED if result is None else result


def _sign_rsa(data: bytes, secret: object) -> bytes:
    """Return the RS256 signature; raises ExpressionError where `secret` is no PKCS#8 PEM of an RSA key."""
    # Slow to import, and no other function needs it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_der_private_key

    pem = _PKCS8_PEM.search(to_text(secret).replace("\\n", "\n"))
    if pem is None:
        raise make_function_error("sign", "RS256 requires a PKCS#8 PEM private key (BEGIN PRIVATE KEY)")
    try:
        key = load_der_private_key(base64.b64decode("".join(pem[1].split()), validate=True), None)
        if not isinstance(key, RSAPrivateKey):
            raise ValueError("the key is not an RSA key")
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        # The cause may quote key material, so only its class is told.
        raise make_function_error(
            "sign",
            "RS256 key import failed. Ensure an unencrypted PKCS#8 PEM (BEGIN PRIVATE KEY). "
            f"Underlying: {type(error).__name__}",
        ) from None
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def uuid(evaluation: Evaluation) -> str:
    """A random UUID (version 4), new at each call.

    Example:
        $length($uuid())
        => 36
    """
    return str(uuids.UUID(int=evaluation.services.random.getrandbits(128), version=4))
