"""Implements `isthmus explain`: prints the effective definition and mappings of an account or install."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import typer

from isthmus.cli.local.administration import run_with_database
from isthmus.cli.record_output import get_table_width
from isthmus.db import Database
from isthmus.errors import SetupError

__all__ = ["explain"]

_OUTPUTS: Final = ("text", "json")
_MAX_PATH_WIDTH: Final = 60


def explain(
    id: str,
    *,
    path: str | None,
    model: str | None,
    resource: str | None,
    method: str | None,
    output: str,
) -> None:
    """Prints each value of the definition and mappings with the layer that set it. Raises NotFound for an id
    of neither an account nor an install, SetupError for an unknown output format."""
    from isthmus.accounts.connections.explained_account import (
        explain_account,
        explain_install,
        find_environment,
    )

    if output not in _OUTPUTS:
        raise SetupError(f"--output must be one of {', '.join(_OUTPUTS)}.")

    async def load(database: Database) -> Mapping[str, Any]:
        """Reads the explanation of the account or install."""
        async with database.read() as conn:
            environment_id, is_account = await find_environment(conn, id)
            read_explanation = explain_account if is_account else explain_install
            return await read_explanation(
                conn, environment_id, id, path=path, model=model, resource=resource, method=method
            )

    explanation = run_with_database(load)
    if output == "json":
        typer.echo(orjson.dumps(explanation, option=orjson.OPT_INDENT_2).decode())
        return
    selects_mapping = (model, resource, method) != (None, None, None)
    for line in _format_text(
        explanation,
        definition=not selects_mapping or path is not None,
        mappings=selects_mapping or path is None,
    ):
        typer.echo(line)


def _format_text(explanation: Mapping[str, Any], *, definition: bool, mappings: bool) -> Iterator[str]:
    """Yields the lines of the text output; `definition` and `mappings` say which parts to include."""
    if definition:
        yield f"{explanation['integration_name']}: definition"
        yield from _format_values(explanation["definition"])
    for mapping in explanation["mappings"] if mappings else ():
        yield ""
        yield f"{mapping['model']}/{mapping['resource']}.{mapping['method']}: mapping"
        yield from _format_values(mapping)


def _format_values(layered: Mapping[str, Any]) -> Iterator[str]:
    """Yields a line for each value of a merged document, and for each value that a layer removed."""
    rows = [(entry["path"], entry["layer"], _format_value(entry["value"])) for entry in layered["values"]]
    rows += [(entry["path"], entry["layer"], "(removed)") for entry in layered["removed"]]
    yield from _align_columns(rows)


def _align_columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Yields the rows of path, layer and value as aligned lines."""
    width = min(max((len(path) for path, _, _ in rows), default=0), _MAX_PATH_WIDTH)
    for path, layer, value in rows:
        yield f"  {path.ljust(width)}  {layer.ljust(11)}  {value}"


def _format_value(value: Any) -> str:
    """Formats the value on one line; on a terminal truncated. The JSON output has it as it is."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    is_whole = get_table_width() is None or len(text) <= _MAX_PATH_WIDTH * 2
    return text if is_whole else f"{text[: _MAX_PATH_WIDTH * 2]}…"
