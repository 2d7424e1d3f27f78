"""Implements `isthmus config show`: prints the settings that a server started here would have."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import fields

from isthmus.cli.record_output import Format, print_records
from isthmus.config import Settings
from isthmus.config.settings import get_variable_name
from isthmus.kit.secret import Secret

__all__ = ["show_configuration"]


def show_configuration(output: Format) -> None:
    """Prints each setting with its source. Raises SetupError for an invalid variable."""
    rows = list(_list_settings(Settings.from_environment()))
    print_records(rows, output, columns=("variable", "from", "value"))


def _list_settings(settings: Settings) -> Iterator[dict[str, str]]:
    """Yields a row for each setting: variable, source and value. Values of secrets are not shown."""
    for setting in fields(settings):
        name = get_variable_name(setting)
        is_set = bool(os.environ.get(name, "").strip())
        value = (
            _format_value(getattr(settings, setting.name))
            if is_set
            else setting.metadata["default_text"].replace("`", "")
        )
        yield {"variable": name, "from": "environment" if is_set else "default", "value": value}


def _format_value(value: object) -> str:
    """Formats a setting as one writes it in its variable; hides a secret."""
    if isinstance(value, Secret):
        return "(set, not shown)"
    if isinstance(value, Mapping):
        return ",".join(f"{name}={number:g}" for name, number in value.items())
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
