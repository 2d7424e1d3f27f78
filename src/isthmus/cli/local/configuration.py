"""`isthmus config show`: the settings of a server that is started in this folder with these variables."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Literal

from isthmus.cli.record_output import show
from isthmus.config import Settings
from isthmus.config.settings import get_variable_name
from isthmus.kit.secret import Secret

__all__ = ["show_configuration"]


def show_configuration(output: Literal["table", "json"]) -> None:
    """Raises SetupError for a variable that cannot be right."""
    rows = list(_rows(Settings.from_environment()))
    show(rows, output, columns=("variable", "from", "value"))


def _rows(settings: Settings) -> Iterator[dict[str, str]]:
    for each in fields(settings):
        name = get_variable_name(each)
        is_set = bool(os.environ.get(name, "").strip())
        value = _shown(getattr(settings, each.name)) if is_set else each.metadata["shown"].replace("`", "")
        yield {"variable": name, "from": "environment" if is_set else "default", "value": value}


def _shown(value: object) -> str:
    if isinstance(value, Secret):
        return "(set, not shown)"
    if isinstance(value, Mapping):
        return ",".join(f"{name}={number:g}" for name, number in value.items())
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
