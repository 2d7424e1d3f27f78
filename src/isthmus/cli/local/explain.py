"""`isthmus explain`: what an account or an install runs on, value by value with the layer that set it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
import typer

from isthmus.cli.local.administration import with_database
from isthmus.db import Database
from isthmus.errors import SetupError

__all__ = ["explain"]

_OUTPUTS: Final = ("text", "json")
_WIDEST: Final = 60


def explain(
    id: str,
    *,
    path: str | None,
    model: str | None,
    resource: str | None,
    method: str | None,
    output: str,
) -> None:
    """Raises NotFound for an id that neither an account nor an install has, SetupError for an output that
    does not exist."""
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

    found = with_database(work)
    if output == "json":
        typer.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    by_name = (model, resource, method) != (None, None, None)
    for line in _text(found, definition=not by_name or path is not None, mappings=by_name or path is None):
        typer.echo(line)


def _text(found: Mapping[str, Any], *, definition: bool, mappings: bool) -> Iterator[str]:
    """Who asks for some mappings does not want the definition first; nor all mappings after a path of it."""
    if definition:
        yield f"{found['integration_name']}: definition"
        yield from _values(found["definition"])
    for mapping in found["mappings"] if mappings else ():
        yield ""
        yield f"{mapping['model']}/{mapping['resource']}.{mapping['method']}: mapping"
        yield from _values(mapping)


def _values(layered: Mapping[str, Any]) -> Iterator[str]:
    rows = [(each["path"], each["layer"], _short(each["value"])) for each in layered["values"]]
    rows += [(each["path"], each["layer"], "(removed)") for each in layered["removed"]]
    yield from _columns(rows)


def _columns(rows: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    width = min(max((len(path) for path, _, _ in rows), default=0), _WIDEST)
    for path, layer, value in rows:
        yield f"  {path.ljust(width)}  {layer.ljust(11)}  {value}"


def _short(value: Any) -> str:
    """On one line; the whole of it is in the JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= _WIDEST * 2 else f"{text[: _WIDEST * 2]}…"
