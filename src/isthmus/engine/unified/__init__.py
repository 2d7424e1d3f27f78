"""A unified call: the same record whatever provider is behind it (`definitions.md` §4.2)."""

from __future__ import annotations

from isthmus.engine.unified.calls import call
from isthmus.engine.unified.plans import Target, check_method

__all__ = ["Target", "call", "check_method"]
