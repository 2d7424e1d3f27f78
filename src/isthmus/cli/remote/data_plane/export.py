"""Implements `isthmus export`: fetches all records of a list and writes each page as it arrives."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Final, Literal, TextIO, TypeAlias

import typer

from isthmus.cli.record_output import Json, format_cell, make_closed_pipe_exit
from isthmus.cli.remote.account_choice import choose_account
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed
from isthmus.cli.remote.arguments import (
    build_path,
    format_cursor_option,
    parse_pairs,
    refuse_overwrite,
)
from isthmus.errors import IsthmusError, SetupError

__all__ = ["ExportFormat", "export_records"]

ExportFormat: TypeAlias = Literal["json", "ndjson", "csv", "yaml"]

_INTERRUPTED: Final = 130


def export_records(
    resource: str,
    *,
    account: str | None,
    query: Sequence[str],
    out: Path | None,
    force: bool,
    limit: int | None,
    page_size: int | None,
    api_url: str | None,
    token: str | None,
    output: ExportFormat,
) -> int:
    """Fetches and writes the records. Returns the exit code. After a failure, what was fetched stays on
    standard output or in a file of another name, which is printed with the cursor to continue from."""
    export = _Export(limit)
    try:
        route = _build_route(resource)
        params = parse_pairs(query, "--query") | ({} if page_size is None else {"limit": str(page_size)})
        remote = ApiClient(api_url, token)
        with export.open_target(out, force=force) as stream:
            asyncio.run(export.run(remote, route, account, params, _WRITERS[output](stream)))
    except BrokenPipeError:
        raise make_closed_pipe_exit() from None
    except KeyboardInterrupt:
        return export.report_stop("interrupted", _INTERRUPTED)
    except RemoteCallFailed as failed:
        return export.report_stop(failed.message, failed.code)
    except IsthmusError as error:
        return export.report_stop(error.message, 2)
    return 0


def _build_route(resource: str) -> str:
    """Builds the route of a resource: `crm/contacts` is a unified one, `contacts` one of the provider. Raises
    SetupError."""
    parts = resource.split("/")
    if not all(parts) or len(parts) > 2:
        raise SetupError(
            f"invalid resource {resource}: write <model>/<resource>, or <resource> for the proxy API."
        )
    return build_path("proxy" if len(parts) == 1 else "unified", *parts)


class _Export:
    """One export: counts the records, and knows the cursor to continue from. `max_records`: how many to
    export, None for all."""

    def __init__(self, max_records: int | None) -> None:
        self._max_records = max_records
        self._count = 0
        self._cursor: str | None = None
        self._partial: Path | None = None

    @contextmanager
    def open_target(self, out: Path | None, *, force: bool) -> Iterator[TextIO]:
        """Opens the stream to write to: standard output, or a file that appears only when it is complete. If
        the export stops early, what was written is kept in a partial file. Raises SetupError."""
        if out is None:
            yield sys.stdout
            return
        refuse_overwrite(out, force=force)
        try:
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary_folder:
                unfinished = Path(temporary_folder) / out.name
                try:
                    with unfinished.open(
                        "w", encoding="utf-8", errors="backslashreplace", newline=""
                    ) as stream:
                        yield stream
                except OSError:  # it is unknown how much was written
                    raise
                except BaseException:
                    if self._count:
                        self._partial = unfinished.replace(_choose_partial_file(out))
                    raise
                unfinished.replace(out)
        except OSError as error:
            self._cursor = None
            raise SetupError(f"{out} cannot be written: {error.strerror}. Nothing was saved.") from error

    async def run(
        self, remote: ApiClient, route: str, account: str | None, params: dict[str, str], writer: _Writer
    ) -> None:
        """Fetches the pages and writes each as it arrives; nothing if the first one fails."""
        is_started = False
        try:
            async with remote:
                params = {"integrated_account_id": await choose_account(remote, account), **params}
                async for page in self._fetch_pages(remote, route, params):
                    if not is_started:
                        writer.write_start()
                        is_started = True
                    writer.write_page(page)
                    self._count += len(page)
                    typer.echo(f"Exported {self._count} records...", err=True)
        finally:
            if is_started:
                writer.write_end()

    async def _fetch_pages(
        self, remote: ApiClient, route: str, params: dict[str, str]
    ) -> AsyncIterator[list[Json]]:
        """Yields the records page by page, cut to `_max_records` in all; the caller counts them in `_count`.
        Raises RemoteCallFailed, and SetupError for a response that is no list of records.

        `_cursor` is the one to continue from if the export stops: of the page that is being fetched or
        written.
        """
        self._cursor = params.get("next_cursor")
        while True:
            query = params | ({"next_cursor": self._cursor} if self._cursor else {})
            answer = await remote.call("GET", route, params=query)
            if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
                raise SetupError(
                    "the response is not a list of records: `isthmus unified` and `proxy` show it."
                )
            records_left = None if self._max_records is None else self._max_records - self._count
            yield answer["result"][:records_left]
            self._cursor = answer.get("next_cursor")
            if not self._cursor or (self._max_records is not None and self._count >= self._max_records):
                return

    def report_stop(self, reason: str, code: int) -> int:
        """Prints why the export stopped, where its records are, and how to continue. Returns `code`."""
        typer.echo(f"isthmus: {reason}", err=True)
        saved = f", saved in {self._partial}" if self._partial else ""
        if self._cursor:
            further = ", to another file, with" if self._partial else " with"
            typer.echo(
                f"Stopped after {self._count} records{saved}. Continue{further}: "
                f"{format_cursor_option(self._cursor)}",
                err=True,
            )
        return code


def _choose_partial_file(out: Path) -> Path:
    """Returns a file name beside `out` that does not exist yet, so that earlier partial files are kept."""
    names = (out.with_name(f"{out.name}.partial-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


class _Writer:
    """Writes records as text. What was written after each page is a valid beginning of the whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write_start(self) -> None:
        """Writes what comes before the first page."""

    def write_page(self, records: Sequence[Json]) -> None:
        """Writes the records of a page, and flushes them."""
        for record in records:
            self._write_record(record)
        self._stream.flush()

    def write_end(self) -> None:
        """Writes what comes after the last page, or where the export stopped."""

    def _write_record(self, record: Json) -> None:
        """Writes one record."""
        raise NotImplementedError


class _Ndjson(_Writer):
    """Writes each record as a line of JSON."""

    def _write_record(self, record: Json) -> None:
        """Writes one record as a line."""
        self._stream.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


class _Json(_Writer):
    """Writes a JSON array, which is valid even where the export stopped."""

    _before = "\n"

    def write_start(self) -> None:
        """Begins the array."""
        self._stream.write("[")

    def _write_record(self, record: Json) -> None:
        """Writes one record, after a comma unless it is the first."""
        text = json.dumps(record, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        self._stream.write(f"{self._before}  {text}")
        self._before = ",\n"

    def write_end(self) -> None:
        """Ends the array."""
        self._stream.write("]\n" if self._before == "\n" else "\n]\n")
        self._stream.flush()


class _Yaml(_Writer):
    """Writes the records as items of one YAML list."""

    def _write_record(self, record: Json) -> None:
        """Writes one record as an item of the list."""
        import yaml

        self._stream.write(yaml.safe_dump([record], sort_keys=False, allow_unicode=True))


class _Csv(_Writer):
    """Writes CSV with the columns of the first record; other fields are left out, and named at the end."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._names: list[str] | None = None
        self._writer = csv.writer(stream)
        self._dropped: set[str] = set()

    def _write_record(self, record: Json) -> None:
        """Writes one record as a row; before the first also the header."""
        row = record if isinstance(record, dict) else {"value": record}
        if self._names is None:
            self._names = list(row)
            self._writer.writerow(self._names)
        self._dropped |= row.keys() - set(self._names)
        self._writer.writerow([format_cell(row.get(name)) for name in self._names])

    def write_end(self) -> None:
        """Prints on standard error which fields were left out."""
        if self._dropped:
            names = ", ".join(sorted(self._dropped))
            typer.echo(
                f"{len(self._dropped)} fields that the first record does not have were left out: {names}.",
                err=True,
            )


_WRITERS: Final[dict[str, type[_Writer]]] = {"json": _Json, "ndjson": _Ndjson, "csv": _Csv, "yaml": _Yaml}
