"""Property tests here judge values, not speed: the first case of a test compiles its expression."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("functions", deadline=None)
settings.load_profile("functions")
