"""The rows of a server: list, get, create, update, delete (`cli.md` §4)."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import typer

from isthmus.cli.record_output import Format, Json, at, printable, refuse_ids, show
from isthmus.cli.remote.api_client import Remote, RemoteCallFailed, ran
from isthmus.cli.remote.arguments import ask, parsed, path_of, read_body, standard_input
from isthmus.cli.remote.resources.command_groups import Group
from isthmus.errors import SetupError
from isthmus.kit.close_names import closest

__all__ = ["create_rows", "delete_row", "get_row", "list_rows", "update_row"]

_SWITCHES: Final = {"true": True, "false": False}


def list_rows(
    group: Group,
    options: Sequence[str],
    *,
    limit: int,
    next_cursor: str | None,
    every: bool,
    select: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """The exit code. `options`: filters, as they were written."""

    async def work(remote: Remote) -> tuple[list[Json], str | None]:
        filters = _options(options, group.filters, "filter")
        if group.one_of and not filters.keys() & set(group.one_of):
            wanted = ", ".join(f"--{name.replace('_', '-')}" for name in group.one_of)
            raise SetupError(f"say whose {group.name} are listed: one of {wanted}.")
        if select is not None:
            filters["select"] = ",".join(_names(select))
        if every:
            return await remote.rows(group.route, **filters), None
        page = {**filters, "limit": str(limit)} | ({"next_cursor": next_cursor} if next_cursor else {})
        return await remote.page(group.route, page)

    def shown(found: tuple[list[Json], str | None]) -> int:
        rows, cursor = found
        show(
            [_selected(row, select) for row in rows],
            output or "table",
            columns=() if select else group.columns,
        )
        if cursor:
            typer.echo(f"Next page: --next-cursor {shlex.quote(printable(str(cursor)))}", err=True)
        return 0

    return ran(api_url, token, work, shown)


def get_row(
    group: Group,
    id: str,
    *,
    brief: bool,
    select: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    async def work(remote: Remote) -> Json:
        return await remote.call("GET", _path(group, id))

    def shown(row: Json) -> int:
        chosen = ",".join(group.columns) if brief and select is None else select
        show(_selected(row, chosen), output or "json")
        return 0

    return ran(api_url, token, work, shown)


def create_rows(
    group: Group,
    options: Sequence[str],
    *,
    body: str | None,
    stdin: bool,
    fail_fast: bool,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Several from standard input are made one by one; one that is refused does not stop the others."""

    async def work(remote: Remote) -> int:
        if not group.has_id:
            refuse_ids(output)
        fields = _fields(options, group)
        if not stdin:
            sent = {**_object(read_body(body, stdin=False), fields), **fields}
            show(await remote.call("POST", group.route, body=sent), output or "json")
            return 0
        if body is not None:
            typer.echo("Both --body and --stdin are given: --stdin is sent.", err=True)
        made, failed = 0, 0
        for place, row in _many(standard_input()):
            try:
                show(await remote.call("POST", group.route, body={**row, **fields}), output or "ndjson")
                made += 1
            except RemoteCallFailed as refused:
                failed += 1
                typer.echo(f"{place}: {refused.message}", err=True)
                if fail_fast:
                    break
        typer.echo(f"{made} made, {failed} refused.", err=True)
        return 1 if failed else 0

    return ran(api_url, token, work, int)


def update_row(
    group: Group,
    words: Sequence[str],
    *,
    body: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """The exit code. `words`: the id, and fields in front of it and behind it, as they were written."""

    async def work(remote: Remote) -> Json:
        id, options = _apart(words)
        fields = _fields(options, group)
        sent = {**_object(read_body(body, stdin=False), fields), **fields}
        if group.versioned and "version" not in sent:
            raise SetupError(
                f"the body needs the version that was read, so that no other change is lost: `isthmus "
                f"{group.name} get {id} --select version` shows it."
            )
        return await remote.call("PATCH", _path(group, id), body=sent)

    def shown(row: Json) -> int:
        show(row, output or "json")
        return 0

    return ran(api_url, token, work, shown)


def delete_row(group: Group, id: str, *, force: bool, api_url: str | None, token: str | None) -> int:
    async def work(remote: Remote) -> Json:
        if not force:
            ask(f"Delete the {group.about} {id} at {remote.url}?", otherwise="--force to delete")
        return await remote.call("DELETE", _path(group, id))

    def shown(_: Json) -> int:
        typer.echo(f"Deleted {id}.")
        return 0

    return ran(api_url, token, work, shown)


def _path(group: Group, id: str) -> str:
    return f"{group.route}{path_of(id)}"


def _fields(options: Sequence[str], group: Group) -> dict[str, Json]:
    given = _options(options, group.fields, "field")
    return {name: _SWITCHES.get(value, value) for name, value in given.items()}


def _object(body: Json, fields: Mapping[str, Json]) -> Mapping[str, Json]:
    if body is None and fields:
        return {}
    if not isinstance(body, dict):
        raise SetupError("the body must be a JSON object: give --body, or fields as options.")
    return body


def _apart(words: Sequence[str]) -> tuple[str, list[str]]:
    """The word that is no option and no option's value, and the others. Raises SetupError."""
    id: str | None = None
    options: list[str] = []
    rest = iter(words)
    for word in rest:
        if word.startswith("--") and "=" not in word:
            options += [word, *islice(rest, 1)]
        elif id is None and not word.startswith("-"):
            id = word
        else:
            options.append(word)
    if id is None:
        raise SetupError("say which row is changed: its id is missing.")
    return id, options


def _options(given: Sequence[str], known: Sequence[str], what: str) -> dict[str, str]:
    """`--tenant-id x`, `--tenant_id=x` and `--integration.name x`, by the server's own names. Raises
    SetupError for one that nobody knows."""
    names = {_plain(name): name for name in known}
    found: dict[str, str] = {}
    rest = iter(given)
    for word in rest:
        option, equals, value = word.partition("=")
        name = names.get(_plain(option.removeprefix("--"))) if option.startswith("--") else None
        if name is None:
            close = closest(_plain(option.lstrip("-")), names)
            hint = f" Did you mean --{close}?" if close else f" There are: {_shown(names)}." if names else ""
            raise SetupError(f"{option} is no option, and no {what} of these rows.{hint}")
        if not equals:
            value = next(rest, "")
            if not value:
                raise SetupError(f"{option} needs a value.")
        found[name] = value
    return found


def _plain(name: str) -> str:
    return name.replace("_", "-").replace(".", "-")


def _shown(names: Mapping[str, str]) -> str:
    return ", ".join(f"--{name}" for name in names)


def _many(text: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Each object of an array, or of a line, with its place. Raises SetupError for what is none."""
    if text.lstrip().startswith("["):
        rows = [(f"item {number}", row) for number, row in enumerate(parsed(text, "standard input"), 1)]
    else:
        lines = enumerate(text.splitlines(), 1)
        rows = [(f"line {number}", parsed(line, f"line {number}")) for number, line in lines if line.strip()]
    for place, row in rows:
        if not isinstance(row, dict):
            raise SetupError(f"{place} of standard input is no JSON object.")
    yield from rows


def _selected(row: Json, select: str | None) -> Json:
    if select is None or not isinstance(row, Mapping):
        return row
    return {name: at(row, name) for name in _names(select)}


def _names(select: str) -> list[str]:
    """Raises SetupError where there is none."""
    names = [name for each in select.split(",") if (name := each.strip())]
    if not names:
        raise SetupError("--select names no field: write a,b.c.")
    return names
