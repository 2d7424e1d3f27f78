"""Settings: each is an environment variable `ISTHMUS_<NAME>`, read once at start."""

from __future__ import annotations
