"""Checks that a PATCH request names a field that it may change."""

from __future__ import annotations

from collections.abc import Mapping, Set

from isthmus.errors import BadRequest, failure

__all__ = ["require_writable_field"]


def require_writable_field(changes: Mapping[str, object], writable: Set[str]) -> None:
    """Raises BadRequest if `changes` holds none of the `writable` fields. Other fields are allowed, because
    clients send rows back as they read them."""
    if not writable & changes.keys():
        raise BadRequest(
            f"nothing to change was sent. Send at least one of: {', '.join(sorted(writable))}.",
            failures=[failure("body", "must name at least one field", "empty")],
        )
