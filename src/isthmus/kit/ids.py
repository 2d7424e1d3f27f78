"""Identifiers: random for rows that are created, derived for rows that follow from a name."""

from __future__ import annotations

import uuid

__all__ = ["derived_id", "is_uuid", "new_id"]

_NAMESPACE = uuid.UUID("5f0a9d5e-4c0b-5d0e-9a57-1e57b3a8c7d1")


def new_id() -> str:
    """A random UUID (version 4, RFC 9562) as text."""
    return str(uuid.uuid4())


def derived_id(*names: str) -> str:
    """The same UUID (version 5) for the same names, on every machine and at every start."""
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(names)))


def is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
