"""How commands print records: people's tables, and formats for programs (`cli.md` §3)."""

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
    "at",
    "cell",
    "closed_pipe",
    "drop_output",
    "lines_of",
    "printable",
    "refuse_ids",
    "show",
]

Json: TypeAlias = Any
"""What a server or a file holds: any JSON, read where it is looked into."""

Format: TypeAlias = Literal["table", "json", "yaml", "csv", "ndjson", "id"]

_CLOSED_PIPE: Final = 141
_GAP: Final = "  "
_WIDEST_CELL: Final = 32


def show(value: Json, output: Format, *, columns: Sequence[str] = ()) -> None:
    """A record, or a list of them, on standard output. `columns`: dotted names that a table shows; none for
    what fits. Raises SetupError for `id` of what has none; Exit where the reader has gone away."""
    try:
        for line in lines_of(value, output, columns):
            sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    except BrokenPipeError:
        raise closed_pipe() from None


def closed_pipe() -> typer.Exit:
    """For a reader of standard output that has gone away: an end without words."""
    drop_output()
    return typer.Exit(_CLOSED_PIPE)


def drop_output() -> None:
    """What is left in the buffer of standard output, which cannot be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def lines_of(value: Json, output: Format, columns: Sequence[str] = ()) -> Iterator[str]:
    """What `show` prints, line by line."""
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
        yield from _csv(records)
    elif output == "id":
        yield from _ids(records)
    elif isinstance(value, list):
        yield from _table(value, columns)
    else:
        yield from _fields(value)


def _ids(records: Sequence[Json]) -> Iterator[str]:
    for record in records:
        if not isinstance(record, Mapping) or record.get("id") is None:
            raise _no_id()
        yield str(record["id"])


def refuse_ids(output: Format | None) -> None:
    """Before a call whose answer has no id, and may be shown only once. Raises SetupError."""
    if output == "id":
        raise _no_id()


def _no_id() -> SetupError:
    return SetupError("these records have no id: choose another --output than id.")


class _Lines:
    """What `csv` writes to: the line that it wrote last."""

    line = ""

    def write(self, text: str) -> None:
        self.line = text


def _csv(records: Sequence[Json]) -> Iterator[str]:
    """The header is the union of what the records have; RFC 4180."""
    rows = [record if isinstance(record, Mapping) else {"value": record} for record in records]
    names = list(dict.fromkeys(name for row in rows for name in row))
    sink = _Lines()
    writer = csv.writer(sink, lineterminator="\r\n")
    for row in (names, *([cell(row.get(name)) for name in names] for row in rows)) if names else ():
        writer.writerow(row)
        yield sink.line.removesuffix("\n")


def cell(value: Json) -> str:
    """A value in a table or in CSV: text as it is, nothing for null, else JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _fields(record: Json) -> Iterator[str]:
    if not isinstance(record, Mapping):
        yield cell(record)
        return
    width = max(map(len, record), default=0)
    for name, value in record.items():
        yield f"{name.ljust(width)}{_GAP}{_on_one_line(cell(value))}".rstrip()


def _table(records: Sequence[Json], columns: Sequence[str]) -> Iterator[str]:
    rows = [record if isinstance(record, Mapping) else {"value": record} for record in records]
    if not rows:
        yield "No results found."
        return
    names = list(columns) or _scalars(rows)
    cells = [names, *([cell(at(row, name)) for name in names] for row in rows)]
    shown = _fitting(names, cells)
    for line in cells:
        yield _GAP.join(_cut(line[place], width).ljust(width) for place, width in shown).rstrip()


def _scalars(rows: Sequence[Mapping[str, Json]]) -> list[str]:
    """Columns that say something in a cell, an id first."""
    names = dict.fromkeys(name for row in rows for name in row)
    found = [
        name
        for name in names
        if any(row.get(name) is not None for row in rows)
        and not any(isinstance(row.get(name), Mapping | list) for row in rows)
    ]
    return sorted(found, key=lambda name: name != "id") or list(names)


def _fitting(names: Sequence[str], cells: Sequence[Sequence[str]]) -> list[tuple[int, int]]:
    """Place and width of the columns that the terminal has room for. An id is never cut, nor left out; the
    last column takes what room is left."""
    room = shutil.get_terminal_size().columns
    shown: list[tuple[int, int]] = []
    for place, name in enumerate(names):
        width = max(len(line[place]) for line in cells)
        if name != "id":
            width = min(width, _WIDEST_CELL)
        if shown and width > room:
            break
        shown.append((place, width))
        room -= width + len(_GAP)
    if shown:
        place, width = shown[-1]
        shown[-1] = (place, min(max(len(line[place]) for line in cells), width + max(0, room)))
    return shown


def at(record: Json, path: str) -> Json:
    """The value at a dotted path; None where there is none."""
    value = record
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _on_one_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _cut(text: str, width: int) -> str:
    text = _on_one_line(text)
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"


def printable(text: str) -> str:
    """Without control characters: what a server or a product sent moves no cursor and paints no terminal."""
    return "".join("\ufffd" if category(each) == "Cc" else each for each in text)
