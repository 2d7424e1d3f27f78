"""Reads the logo of an integration's folder, for the definition that is applied to a server."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

import typer

__all__ = ["read_logo"]

_NAME: Final = "logo.svg"
_MAX_BYTES: Final = 16_384
"""Every row of an account shows the logo of its integration."""


def read_logo(directory: Path) -> dict[str, str]:
    """Returns `{logo}`, the folder's logo.svg as an address that holds it; {} where there is none, or it is
    too large to be a part of the definition, which is told."""
    file = directory / _NAME
    if not file.is_file():
        return {}
    content = file.read_bytes()
    if len(content) > _MAX_BYTES:
        typer.echo(
            f"{file} is left out: it has more than {_MAX_BYTES} bytes. Put an address into config.logo.",
            err=True,
        )
        return {}
    return {"logo": f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"}
