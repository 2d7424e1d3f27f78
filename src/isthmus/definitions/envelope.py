"""What a mapping may give around records: `{result, next_cursor, prev_cursor}` (`definitions.md` §3.5)."""

from __future__ import annotations

from typing import Any, TypeGuard

from isthmus.expressions.static_analysis import ENVELOPE

__all__ = ["is_envelope"]


def is_envelope(made: object) -> TypeGuard[dict[str, Any]]:  # its values are whatever JSON the mapping made
    """An object with an array `result`. So is one that has nothing but an envelope's keys: an expression
    gives one record as itself, and none as nothing."""
    return isinstance(made, dict) and (isinstance(made.get("result"), list) or made.keys() <= ENVELOPE)
