"""The work of the commands `list`, `get`, `create`, `update` and `delete` of resources."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import typer

from isthmus.cli.record_output import (
    Format,
    Json,
    get_value,
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

    async def work(remote: ApiClient) -> tuple[list[Json], str | None]:
        filters = _parse_options(options, group.filters, "filter")
        if group.one_of and not filters.keys() & set(group.one_of):
            wanted = ", ".join(f"--{name.replace('_', '-')}" for name in group.one_of)
            raise SetupError(f"a list of {group.name} needs one of {wanted}.")
        if select is not None:
            filters["select"] = ",".join(_parse_select(select))
        if every:
            return await remote.fetch_all_rows(group.route, **filters), None
        page = {**filters, "limit": str(limit)} | ({"next_cursor": next_cursor} if next_cursor else {})
        return await remote.fetch_page(group.route, page)

    def print_result(found: tuple[list[Json], str | None]) -> int:
        rows, cursor = found
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

    return run_command(api_url, token, work, print_result)


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
    async def work(remote: ApiClient) -> Json:
        return await remote.call("GET", _build_row_path(group, id))

    def print_result(row: Json) -> int:
        chosen = ",".join(group.columns) if brief and select is None else select
        print_records(_select_values(row, chosen), output or "json")
        return 0

    return run_command(api_url, token, work, print_result)


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

    async def work(remote: ApiClient) -> int:
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

    return run_command(api_url, token, work, int)


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

    async def work(remote: ApiClient) -> Json:
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
        print_records(row, output or "json")
        return 0

    return run_command(api_url, token, work, print_result)


def delete_row(group: CommandGroup, id: str, *, force: bool, api_url: str | None, token: str | None) -> int:
    async def work(remote: ApiClient) -> Json:
        if not force:
            confirm(f"Delete the {group.about} {id} at {remote.url}?", otherwise="--force to delete")
        return await remote.call("DELETE", _build_row_path(group, id))

    def print_result(_: Json) -> int:
        typer.echo(f"Deleted {id}.")
        return 0

    return run_command(api_url, token, work, print_result)


def _build_row_path(group: CommandGroup, id: str) -> str:
    return f"{group.route}{build_path(id)}"


def _parse_fields(options: Sequence[str], group: CommandGroup) -> dict[str, Json]:
    given = _parse_options(options, group.fields, "field")
    return {name: _BOOLEANS.get(value, value) for name, value in given.items()}


def _require_object(body: Json, fields: Mapping[str, Json]) -> Mapping[str, Json]:
    """The body; empty where only fields are given. Raises SetupError where it is not an object."""
    if body is None and fields:
        return {}
    if not isinstance(body, dict):
        raise SetupError("the body must be a JSON object: give --body, or fields as options.")
    return body


def _split_id_and_options(words: Sequence[str]) -> tuple[str, list[str]]:
    """The id, which is the word that is neither an option nor the value of one; and the other words. Raises
    SetupError where there is no id."""
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
        raise SetupError("the id of the row to update is missing.")
    return id, options


def _parse_options(given: Sequence[str], known: Sequence[str], what: str) -> dict[str, str]:
    """The values of options such as `--tenant-id x`, `--tenant_id=x` and `--integration.name x`, by the
    server's names. `what`: filter or field, for the message. Raises SetupError for an unknown option."""
    names = {_normalize_name(name): name for name in known}
    found: dict[str, str] = {}
    rest = iter(given)
    for word in rest:
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
            raise SetupError(f"unknown option or {what} {option}.{hint}")
        if not equals:
            value = next(rest, "")
            if not value:
                raise SetupError(f"{option} needs a value.")
        found[name] = value
    return found


def _normalize_name(name: str) -> str:
    return name.replace("_", "-").replace(".", "-")


def _format_options(names: Mapping[str, str]) -> str:
    return ", ".join(f"--{name}" for name in names)


def _parse_rows(text: str) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """Each object of a JSON array, or of a line of JSON, with its position. Raises SetupError for anything
    else."""
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
    if select is None or not isinstance(row, Mapping):
        return row
    return {name: get_value(row, name) for name in _parse_select(select)}


def _parse_select(select: str) -> list[str]:
    """The names of a comma list. Raises SetupError where there is none."""
    names = [name for each in select.split(",") if (name := each.strip())]
    if not names:
        raise SetupError("--select names no field: write a,b.c.")
    return names
