"""Makes identifiers of rows: random UUIDs, and UUIDs that are derived from names."""

from __future__ import annotations

import uuid

__all__ = ["derive_id", "is_uuid", "new_id"]

_NAMESPACE = uuid.UUID("5f0a9d5e-4c0b-5d0e-9a57-1e57b3a8c7d1")


def new_id() -> str:
    """Returns a random UUID (version 4, RFC 9562) as text."""
    return str(uuid.uuid4())


def derive_id(*names: str) -> str:
    """Returns a UUID (version 5) as text: the same for the same names, on every machine and at every
    start."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(names)))


def is_uuid(text: str) -> bool:
    """Returns True if `text` is a UUID of any version, in any form that `uuid.UUID` reads."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
