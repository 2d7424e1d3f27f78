"""Numbers as providers and callers write them."""

from __future__ import annotations

from typing import Any

__all__ = ["whole_number"]


def whole_number(value: Any) -> int | None:
    """An integer from JSON or text; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 16:
        return int(value)
    return None
