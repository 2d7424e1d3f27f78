"""The work of `isthmus explain`: prints the effective definition and mappings of an account or install."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import typer

from isthmus.cli.local.administration import run_with_database
from isthmus.db import Database
from isthmus.errors import SetupError

__all__ = ["explain_definition"]

_OUTPUTS: Final = ("text", "json")
_MAX_PATH_WIDTH: Final = 60


def explain_definition(
    id: str,
    *,
    path: str | None,
    model: str | None,
    resource: str | None,
    method: str | None,
    output: str,
) -> None:
    """Prints each value with the layer that set it. Raises NotFound for an id of neither an account nor an
    install, SetupError for an unknown output format."""
    from isthmus.accounts.connections.explained_account import (
        explain_account,
        explain_install,
        find_environment,
    )

    if output not in _OUTPUTS:
        raise SetupError(f"--output must be one of {', '.join(_OUTPUTS)}.")

    async def work(database: Database) -> Mapping[str, Any]:
        async with database.read() as conn:
            environment_id, is_account = await find_environment(conn, id)
            read = explain_account if is_account else explain_install
            return await read(
                conn, environment_id, id, path=path, model=model, resource=resource, method=method
            )

    found = run_with_database(work)
    if output == "json":
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    by_name = (model, resource, method) != (None, None, None)
    for line in _format_text(
        found, definition=not by_name or path is not None, mappings=by_name or path is None
    ):
        typer.echo(line)


def _format_text(found: Mapping[str, Any], *, definition: bool, mappings: bool) -> Iterator[str]:
    """The lines of the text output; `definition` and `mappings` say which parts to include."""
    if definition:
        yield f"{found['integration_name']}: definition"
        yield from _format_values(found["definition"])
    for mapping in found["mappings"] if mappings else ():
        yield ""
        yield f"{mapping['model']}/{mapping['resource']}.{mapping['method']}: mapping"
        yield from _format_values(mapping)


def _format_values(layered: Mapping[str, Any]) -> Iterator[str]:
    rows = [(each["path"], each["layer"], _format_value(each["value"])) for each in layered["values"]]
    rows += [(each["path"], each["layer"], "(removed)") for each in layered["removed"]]
    yield from _align_columns(rows)


def _align_columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    width = min(max((len(path) for path, _, _ in rows), default=0), _MAX_PATH_WIDTH)
    for path, layer, value in rows:
        yield f"  {path.ljust(width)}  {layer.ljust(11)}  {value}"


def _format_value(value: Any) -> str:
    """The value on one line, truncated; the JSON output has the whole value."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_PATH_WIDTH * 2 else f"{text[: _MAX_PATH_WIDTH * 2]}…"
