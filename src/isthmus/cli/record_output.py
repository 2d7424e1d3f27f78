"""Prints records: as tables for people, and in formats for programs."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias
from unicodedata import category

import typer

from isthmus.errors import SetupError

__all__ = [
    "Format",
    "Json",
    "discard_output",
    "format_cell",
    "format_lines",
    "get_at_path",
    "get_table_width",
    "make_closed_pipe_exit",
    "print_records",
    "refuse_id_output",
    "replace_control_characters",
]

Json: TypeAlias = Any
"""Any JSON value, of a server or a file."""

Format: TypeAlias = Literal["table", "json", "yaml", "csv", "ndjson", "id"]

_CLOSED_PIPE_EXIT_CODE: Final = 141
_COLUMN_GAP: Final = "  "
_MAX_CELL_WIDTH: Final = 32
_MIN_CELL_WIDTH: Final = 12
"""A column is cut to the width that is left, unless that is less than this."""


def print_records(value: Json, output: Format, *, columns: Sequence[str] = ()) -> None:
    """Prints a record or a list of records. `columns`: dotted names of a table's columns, empty for those
    that are chosen. Says on standard error which columns of a table do not fit the terminal. Raises
    SetupError for the format `id` where a record has none, Exit where the reader has closed the pipe."""
    try:
        for line in format_lines(value, output, columns):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise make_closed_pipe_exit() from None


def make_closed_pipe_exit() -> typer.Exit:
    """Returns the exit to raise after the reader of standard output has closed the pipe; it prints no
    message. Discards the unwritten output."""
    discard_output()
    return typer.Exit(_CLOSED_PIPE_EXIT_CODE)


def discard_output() -> None:
    """Discards what is still in the buffer of standard output and cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def format_lines(value: Json, output: Format, columns: Sequence[str] = ()) -> Iterator[str]:
    """Yields the lines that `print_records` prints."""
    records = value if isinstance(value, list) else [value]
    if output == "json":
        yield json.dumps(value, indent=2, ensure_ascii=False)
    elif output == "ndjson":
        for record in records:
            yield json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    elif output == "yaml":
        import yaml

        yield yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")
    elif output == "csv":
        yield from _format_csv(records)
    elif output == "id":
        yield from _format_ids(records)
    elif isinstance(value, list):
        yield from _format_table(value, columns)
    else:
        yield from _format_fields(value)


def _format_ids(records: Sequence[Json]) -> Iterator[str]:
    """Yields the ids. Raises SetupError for a record without one."""
    for record in records:
        if not isinstance(record, Mapping) or record.get("id") is None:
            raise _make_no_id_error()
        yield str(record["id"])


def refuse_id_output(output: Format | None) -> None:
    """Raises SetupError for the format `id`; for calls whose response has no id and cannot be fetched
    again."""
    if output == "id":
        raise _make_no_id_error()


def _make_no_id_error() -> SetupError:
    """Returns the error for records without ids."""
    return SetupError("these records have no id: choose an --output other than id.")


class _LastLine:
    """The target of a CSV writer, which holds the last line written."""

    line = ""

    def write(self, text: str) -> None:
        """Keeps the line, in place of the one before."""
        self.line = text


def _format_csv(records: Sequence[Json]) -> Iterator[str]:
    """Yields the lines of a CSV file (RFC 4180). The header has the names of all records."""
    rows = [record if isinstance(record, Mapping) else {"value": record} for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    sink = _LastLine()
    writer = csv.writer(sink, lineterminator="\r\n")
    for row in (names, *([format_cell(row.get(name)) for name in names] for row in rows)) if names else ():
        writer.writerow(row)
        yield sink.line.removesuffix("\n")


def format_cell(value: Json) -> str:
    """Formats a value for a table or CSV: text unchanged, null as nothing, anything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _format_fields(record: Json) -> Iterator[str]:
    """Yields a line with name and value for each field of a record."""
    if not isinstance(record, Mapping):
        yield format_cell(record)
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        yield f"{name.ljust(width)}{_COLUMN_GAP}{_to_one_line(format_cell(value))}".rstrip()


def _format_table(records: Sequence[Json], columns: Sequence[str]) -> Iterator[str]:
    """Yields the lines of a table. `columns`: dotted names, empty for those that are chosen. A terminal gets
    the columns that fit it, and on standard error the names of the others; a pipe or file gets everything."""
    rows = [record if isinstance(record, Mapping) else {"value": record} for record in records]
    if not rows:
        yield "No results found."
        return
    names = list(columns) or _choose_columns(rows)
    cells = [
        [_to_one_line(text) for text in line]
        for line in (names, *([format_cell(get_at_path(row, name)) for name in names] for row in rows))
    ]
    table_width = get_table_width()
    shown = (
        [(index, max(len(line[index]) for line in cells)) for index in range(len(names))]
        if table_width is None
        else _fit_columns(names, cells, table_width)
    )
    for line in cells:
        yield _COLUMN_GAP.join(_truncate(line[index], width).ljust(width) for index, width in shown).rstrip()
    left_out = [name for index, name in enumerate(names) if index not in {place for place, _ in shown}]
    if left_out:
        typer.echo(
            f"Left out, to fit the terminal: {', '.join(map(replace_control_characters, left_out))}. "
            "`-o json` shows everything.",
            err=True,
        )


def get_table_width() -> int | None:
    """Returns the width of the terminal that standard output is; None if it is a pipe or a file."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _choose_columns(rows: Sequence[Mapping[str, Json]]) -> list[str]:
    """Returns the columns to show by default: those with values that are not objects or arrays, the id
    first."""
    names = dict.fromkeys(name for row in rows for name in row)
    scalar_names = [
        name
        for name in names
        if any(row.get(name) is not None for row in rows)
        and not any(isinstance(row.get(name), Mapping | list) for row in rows)
    ]
    return sorted(scalar_names, key=lambda name: name != "id") or list(names)


def _fit_columns(
    names: Sequence[str], cells: Sequence[Sequence[str]], width_left: int
) -> list[tuple[int, int]]:
    """Returns index and width of the columns that fit `width_left`. An id is never truncated; the last column
    takes the remaining width."""
    shown: list[tuple[int, int]] = []
    for index, name in enumerate(names):
        width = max(len(line[index]) for line in cells)
        if name != "id" and not name.endswith("_id"):
            width = min(width, _MAX_CELL_WIDTH, max(width_left, _MIN_CELL_WIDTH))
        if shown and width > width_left:
            break
        shown.append((index, width))
        width_left -= width + len(_COLUMN_GAP)
    if shown:
        index, width = shown[-1]
        shown[-1] = (index, min(max(len(line[index]) for line in cells), width + max(0, width_left)))
    return shown


def get_at_path(record: Json, path: str) -> Json:
    """Returns the value at a dotted path of object keys; None if a key is missing or its value is null. Does
    not index lists."""
    value = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _to_one_line(text: str) -> str:
    """Replaces line breaks by spaces, and control characters by U+FFFD."""
    return replace_control_characters(" ".join(text.split()))


def _truncate(text: str, width: int) -> str:
    """Returns the text, cut to `width` characters with "…" at its end."""
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def replace_control_characters(text: str) -> str:
    """Returns the text with U+FFFD for each control character, so that what a server sent cannot control the
    terminal."""
    return "".join("\ufffd" if category(character) == "Cc" else character for character in text)
