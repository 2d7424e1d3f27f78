"""Implements the commands `list`, `get`, `create`, `update` and `delete` of resources."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import typer

from isthmus.cli.record_output import (
    Format,
    Json,
    get_at_path,
    print_records,
    refuse_id_output,
    replace_control_characters,
)
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, run_command
from isthmus.cli.remote.arguments import build_path, confirm, parse_json, read_body, read_standard_input
from isthmus.cli.remote.resources.command_groups import CommandGroup
from isthmus.errors import SetupError
from isthmus.kit.close_names import find_closest_name

__all__ = ["create_rows", "delete_row", "get_row", "list_rows", "update_row"]

_BOOLEANS: Final = {"true": True, "false": False}


def list_rows(
    group: CommandGroup,
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
    """Prints a page of a list, or all of it. `options`: filters, as they were typed. Returns the exit
    code."""

    async def fetch_rows(remote: ApiClient) -> tuple[list[Json], str | None]:
        """Fetches a page, or all; returns the rows, and the cursor of the next page or None."""
        filters = _parse_options(options, group.filters, "filter")
        if group.one_of and not filters.keys() & set(group.one_of):
            choices = ", ".join(f"--{name.replace('_', '-')}" for name in group.one_of)
            raise SetupError(f"a list of {group.name} needs one of {choices}.")
        if select is not None:
            filters["select"] = ",".join(_parse_select(select))
        if every:
            return await remote.fetch_all_rows(group.route, **filters), None
        page = {**filters, "limit": str(limit)} | ({"next_cursor": next_cursor} if next_cursor else {})
        return await remote.fetch_page(group.route, page)

    def print_result(page_and_cursor: tuple[list[Json], str | None]) -> int:
        """Prints the rows, and how to fetch the next page."""
        rows, cursor = page_and_cursor
        print_records(
            [_select_values(row, select) for row in rows],
            output or "table",
            columns=() if select else group.columns,
        )
        if cursor:
            typer.echo(
                f"Next page: --next-cursor {shlex.quote(replace_control_characters(str(cursor)))}", err=True
            )
        return 0

    return run_command(api_url, token, fetch_rows, print_result)


def get_row(
    group: CommandGroup,
    id: str,
    *,
    brief: bool,
    select: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Prints one row. `brief`: only the columns of a list. `select`: a comma list of dotted names, None for
    all. Returns the exit code."""

    async def fetch_row(remote: ApiClient) -> Json:
        """Fetches the row."""
        return await remote.call("GET", _build_row_path(group, id))

    def print_result(row: Json) -> int:
        """Prints the selected fields of the row."""
        chosen = ",".join(group.columns) if brief and select is None else select
        print_records(_select_values(row, chosen), output or "json")
        return 0

    return run_command(api_url, token, fetch_row, print_result)


def create_rows(
    group: CommandGroup,
    options: Sequence[str],
    *,
    body: str | None,
    stdin: bool,
    fail_fast: bool,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Creates one row, or each row of standard input; one that is refused does not stop the others. Returns
    the exit code."""

    async def send_rows(remote: ApiClient) -> int:
        """Creates the row of the body, or those of standard input; returns the exit code."""
        if not group.has_id:
            refuse_id_output(output)
        fields = _parse_fields(options, group)
        if not stdin:
            sent = {**_require_object(read_body(body, stdin=False), fields), **fields}
            print_records(await remote.call("POST", group.route, body=sent), output or "json")
            return 0
        if body is not None:
            typer.echo("Both --body and --stdin are given: --stdin is sent.", err=True)
        created, failed = 0, 0
        for place, row in _parse_rows(read_standard_input()):
            try:
                print_records(
                    await remote.call("POST", group.route, body={**row, **fields}), output or "ndjson"
                )
                created += 1
            except RemoteCallFailed as refused:
                failed += 1
                typer.echo(f"{place}: {refused.message}", err=True)
                if fail_fast:
                    break
        typer.echo(f"{created} created, {failed} refused.", err=True)
        return 1 if failed else 0

    return run_command(api_url, token, send_rows, int)


def update_row(
    group: CommandGroup,
    words: Sequence[str],
    *,
    body: str | None,
    api_url: str | None,
    token: str | None,
    output: Format | None,
) -> int:
    """Updates one row. `words`: its id, and fields before and after it, as they were typed. Returns the exit
    code."""

    async def send_changes(remote: ApiClient) -> Json:
        """Sends the changes. Raises SetupError if the version is missing that the server needs."""
        id, options = _split_id_and_options(words)
        fields = _parse_fields(options, group)
        sent = {**_require_object(read_body(body, stdin=False), fields), **fields}
        if group.versioned and "version" not in sent:
            raise SetupError(
                f"the body needs the version that was read, so that no other update is lost: `isthmus "
                f"{group.name} get {id} --select version` shows it."
            )
        return await remote.call("PATCH", _build_row_path(group, id), body=sent)

    def print_result(row: Json) -> int:
        """Prints the row."""
        print_records(row, output or "json")
        return 0

    return run_command(api_url, token, send_changes, print_result)


def delete_row(group: CommandGroup, id: str, *, force: bool, api_url: str | None, token: str | None) -> int:
    """Deletes a row. `force`: does not ask for confirmation. Returns the exit code."""

    async def delete(remote: ApiClient) -> Json:
        """Deletes the row, once it is confirmed."""
        if not force:
            confirm(f"Delete the {group.about} {id} at {remote.url}?", otherwise="--force to delete")
        return await remote.call("DELETE", _build_row_path(group, id))

    def print_result(_: Json) -> int:
        """Prints what was deleted."""
        typer.echo(f"Deleted {id}.")
        return 0

    return run_command(api_url, token, delete, print_result)


def _build_row_path(group: CommandGroup, id: str) -> str:
    """Builds the path of a row. Raises SetupError for an invalid id."""
    return f"{group.route}{build_path(id)}"


def _parse_fields(options: Sequence[str], group: CommandGroup) -> dict[str, Json]:
    """Parses options to fields; the texts `true` and `false` become booleans. Raises SetupError."""
    values = _parse_options(options, group.fields, "field")
    return {name: _BOOLEANS.get(value, value) for name, value in values.items()}


def _require_object(body: Json, fields: Mapping[str, Json]) -> Mapping[str, Json]:
    """Returns the body; empty if only fields are given. Raises SetupError if it is not an object."""
    if body is None and fields:
        return {}
    if not isinstance(body, dict):
        raise SetupError("the body must be a JSON object: give --body, or fields as options.")
    return body


def _split_id_and_options(words: Sequence[str]) -> tuple[str, list[str]]:
    """Returns the id, which is the word that is neither an option nor the value of one; and the other words.
    Raises SetupError if there is no id."""
    id: str | None = None
    options: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word.startswith("--") and "=" not in word:
            options += [word, *islice(remaining, 1)]
        elif id is None and not word.startswith("-"):
            id = word
        else:
            options.append(word)
    if id is None:
        raise SetupError("the id of the row to update is missing.")
    return id, options


def _parse_options(words: Sequence[str], known: Sequence[str], kind: str) -> dict[str, str]:
    """Parses options such as `--tenant-id x`, `--tenant_id=x` and `--integration.name x`; returns their
    values by the server's names. `kind`: filter or field, for the message. Raises SetupError for an unknown
    option."""
    names = {_normalize_name(name): name for name in known}
    values: dict[str, str] = {}
    remaining = iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        name = names.get(_normalize_name(option.removeprefix("--"))) if option.startswith("--") else None
        if name is None:
            close = find_closest_name(_normalize_name(option.lstrip("-")), names)
            hint = (
                f" Did you mean --{close}?"
                if close
                else f" There are: {_format_options(names)}."
                if names
                else ""
            )
            raise SetupError(f"unknown option or {kind} {option}.{hint}")
        if not equals:
            value = next(remaining, "")
            if not value:
                raise SetupError(f"{option} needs a value.")
        values[name] = value
    return values


def _normalize_name(name: str) -> str:
    """Returns a name with hyphens in place of underscores and dots."""
    return name.replace("_", "-").replace(".", "-")


def _format_options(names: Mapping[str, str]) -> str:
    """Formats the names as a list of options."""
    return ", ".join(f"--{name}" for name in names)


def _parse_rows(text: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Yields each object of a JSON array, or of a line of JSON, with its position, such as `item 3`. Raises
    SetupError for anything else, before the first."""
    if text.lstrip().startswith("["):
        rows = [(f"item {number}", row) for number, row in enumerate(parse_json(text, "standard input"), 1)]
    else:
        lines = enumerate(text.splitlines(), 1)
        rows = [
            (f"line {number}", parse_json(line, f"line {number}")) for number, line in lines if line.strip()
        ]
    for place, row in rows:
        if not isinstance(row, dict):
            raise SetupError(f"{place} of standard input is not a JSON object.")
    yield from rows


def _select_values(row: Json, select: str | None) -> Json:
    """Returns the row with the selected fields; unchanged for None, or if it is no object."""
    if select is None or not isinstance(row, Mapping):
        return row
    return {name: get_at_path(row, name) for name in _parse_select(select)}


def _parse_select(select: str) -> list[str]:
    """Returns the names of a comma list. Raises SetupError if there is none."""
    names = [name for part in select.split(",") if (name := part.strip())]
    if not names:
        raise SetupError("--select names no field: write a,b.c.")
    return names
