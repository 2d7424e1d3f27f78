"""Commands run in the process of the tests."""

from __future__ import annotations

import tests.command_tree  # noqa: F401  # makes them faster
