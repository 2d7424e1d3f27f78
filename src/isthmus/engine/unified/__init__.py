"""Unified calls: the same records and methods whichever provider is behind the account."""

from __future__ import annotations

from isthmus.engine.unified.mapping_plans import UnifiedTarget, require_method
from isthmus.engine.unified.pipeline import call_method

__all__ = ["UnifiedTarget", "call_method", "require_method"]
