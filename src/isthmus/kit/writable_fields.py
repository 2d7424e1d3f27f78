"""What a client sent to change a row with."""

from __future__ import annotations

from collections.abc import Mapping, Set

from isthmus.errors import BadRequest, failure

__all__ = ["sent_only"]


def sent_only(changes: Mapping[str, object], writable: Set[str]) -> None:
    """Raises BadRequest where nothing of `writable` was sent. Other fields are ignored, since clients send
    back rows as they read them."""
    if not writable & changes.keys():
        raise BadRequest(
            f"nothing to change was sent. Send at least one of: {', '.join(sorted(writable))}.",
            failures=[failure("body", "must name at least one field", "empty")],
        )
