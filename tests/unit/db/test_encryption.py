"""Sealed values: what opens them, and what does not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.db.encryption import (
    DecryptionFailed,
    EncryptedJSON,
    KeyMissing,
    KeyRing,
    compute_key_id,
    read_encryption_key_id,
)
from isthmus.db.key_file import create_key_file, generate_key, prepend_key, read_key_file
from isthmus.db.tables import integrated_account, integration
from isthmus.errors import SetupError

OLD, NEW, OTHER = (f"{name}-key-0123456789-abcdefghijklmnop" for name in ("old", "new", "other"))
CONTEXT = EncryptedJSON(integrated_account.c.context_secrets)

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(value=JSON.filter(lambda value: value is not None))
def test_any_json_comes_back_as_it_was(value: object) -> None:
    keys = KeyRing([OLD])
    assert CONTEXT.decrypt(keys, "row", CONTEXT.encrypt(keys, "row", value)) == value


def test_nothing_stays_nothing() -> None:
    keys = KeyRing([OLD])
    assert CONTEXT.encrypt(keys, "row", None) is None
    assert CONTEXT.decrypt(keys, "row", None) is None


def test_a_sealed_value_shows_nothing_and_differs_each_time() -> None:
    keys = KeyRing([OLD])
    first, second = CONTEXT.encrypt(keys, "row", "hunter2"), CONTEXT.encrypt(keys, "row", "hunter2")
    assert first is not None
    assert b"hunter2" not in first
    assert first != second


def test_a_value_moved_to_another_row_or_column_does_not_open() -> None:
    keys = KeyRing([OLD])
    sealed = CONTEXT.encrypt(keys, "row", {"api_key": "k"})
    with pytest.raises(DecryptionFailed):
        CONTEXT.decrypt(keys, "another row", sealed)
    with pytest.raises(DecryptionFailed):
        EncryptedJSON(integration.c.secrets).decrypt(keys, "row", sealed)


@pytest.mark.parametrize("position", [0, 5, 16, 17, -1])
def test_an_altered_value_does_not_open(position: int) -> None:
    keys = KeyRing([OLD])
    sealed = bytearray(CONTEXT.encrypt(keys, "row", "x") or b"")
    sealed[position] ^= 1
    with pytest.raises(DecryptionFailed):
        CONTEXT.decrypt(keys, "row", bytes(sealed))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01abcd", b"\x02" + b"a" * 40])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(DecryptionFailed):
        CONTEXT.decrypt(KeyRing([OLD]), "row", sealed)


@pytest.mark.parametrize(
    ("length", "complaint"), [(16, "not in a form this version"), (17, "was altered or moved")]
)
def test_a_value_that_is_cut_within_its_nonce_has_no_form_of_ours(length: int, complaint: str) -> None:
    keys = KeyRing([OLD])
    sealed = CONTEXT.encrypt(keys, "row", "x") or b""
    with pytest.raises(DecryptionFailed, match=complaint):
        CONTEXT.decrypt(keys, "row", sealed[:length])


def test_the_first_key_seals_and_every_key_opens() -> None:
    before = CONTEXT.encrypt(KeyRing([OLD]), "row", 1)
    ring = KeyRing([NEW, OLD])
    after = CONTEXT.encrypt(ring, "row", 2)
    assert after is not None
    assert CONTEXT.decrypt(ring, "row", before) == 1
    assert read_encryption_key_id(after) == compute_key_id(NEW) == ring.primary_id


def test_a_missing_key_is_named_by_its_id_and_the_way_out() -> None:
    sealed = CONTEXT.encrypt(KeyRing([OTHER]), "row", 1)
    with pytest.raises(KeyMissing, match=rf"{compute_key_id(OTHER)}.*ISTHMUS_SECRET_KEY") as caught:
        CONTEXT.decrypt(KeyRing([NEW, OLD]), "row", sealed)
    assert OTHER not in str(caught.value)
    assert OLD not in str(caught.value)


def test_a_made_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    old_mask = os.umask(0)
    try:
        create_key_file(path)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_the_first_to_make_a_key_file_wins(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    create_key_file(path)
    keys = read_key_file(path)
    create_key_file(path)
    assert read_key_file(path) == keys


def test_a_key_put_first_in_the_file_seals_in_a_ring_that_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    create_key_file(path)
    ring = KeyRing(read_key_file(path), file=path)
    before = CONTEXT.encrypt(ring, "row", "before")
    key = generate_key()
    prepend_key(path, key)
    after = CONTEXT.encrypt(ring, "row", "after")
    assert after is not None
    assert read_encryption_key_id(after) == compute_key_id(key)
    assert CONTEXT.decrypt(ring, "row", before) == "before"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_unknown_key_is_looked_for_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    create_key_file(path)
    running = KeyRing(read_key_file(path), file=path)
    prepend_key(path, generate_key())
    sealed = CONTEXT.encrypt(KeyRing(read_key_file(path)), "row", "by another process")
    assert CONTEXT.decrypt(running, "row", sealed) == "by another process"


def test_a_ring_survives_its_file_being_away(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    create_key_file(path)
    ring = KeyRing(read_key_file(path), file=path)
    path.unlink()
    assert CONTEXT.decrypt(ring, "row", CONTEXT.encrypt(ring, "row", 1)) == 1


@pytest.mark.parametrize("content", [b"", b"\n", b"short\n", "kéy-0123456789-abcdefghijklmnopqrst".encode()])
def test_a_key_file_that_cannot_be_right_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"secret\.key"):
        read_key_file(path)


def test_a_key_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot be read"):
        read_key_file(tmp_path)
