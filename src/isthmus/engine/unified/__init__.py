"""A unified call: the same record whatever provider is behind it (`definitions.md` §4.2)."""

from __future__ import annotations

from isthmus.engine.unified.mapping_plans import Target, check_method
from isthmus.engine.unified.pipeline import call

__all__ = ["Target", "call", "check_method"]
