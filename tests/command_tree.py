"""Builds the tree of the `isthmus` commands once in a process: it takes longer than most commands."""

from __future__ import annotations

from functools import cache

import typer.main
import typer.testing

__all__: list[str] = []

_get_command = cache(typer.main.get_command)
setattr(typer.main, "get_command", _get_command)  # noqa: B010  # a name that the type checker knows as a function
setattr(typer.testing, "_get_command", _get_command)  # noqa: B010  # as above
