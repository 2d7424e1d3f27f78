"""`isthmus export`: every record of a list, page by page, as it comes (`cli.md` §9)."""

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

from isthmus.cli.record_output import Json, cell, closed_pipe
from isthmus.cli.remote.api_client import Remote, RemoteCallFailed
from isthmus.cli.remote.arguments import account_of, cursor_option, pairs, path_of, spare
from isthmus.errors import IsthmusError, SetupError

__all__ = ["ExportFormat", "export"]

ExportFormat: TypeAlias = Literal["json", "ndjson", "csv", "yaml"]

_INTERRUPTED: Final = 130


def export(
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
    """The exit code. What was fetched before a failure is kept on standard output, or in a file of another
    name; that and the cursor to go on from are told."""
    export = _Export(limit)
    try:
        whose = account_of(account)
        params = {"integrated_account_id": whose, **pairs(query, "--query")} | (
            {} if page_size is None else {"limit": str(page_size)}
        )
        remote = Remote(api_url, token)
        with export.target(out, force=force) as stream:
            asyncio.run(export.run(remote, _route(resource), params, _WRITERS[output](stream)))
    except BrokenPipeError:
        raise closed_pipe() from None
    except KeyboardInterrupt:
        return export.stopped("interrupted", _INTERRUPTED)
    except RemoteCallFailed as failed:
        return export.stopped(failed.message, failed.code)
    except IsthmusError as error:
        return export.stopped(error.message, 2)
    return 0


def _route(resource: str) -> str:
    """`crm/contacts` is a unified resource, `contacts` one of the product's own."""
    parts = resource.split("/")
    if not all(parts) or len(parts) > 2:
        raise SetupError(f"{resource} is no resource: write <model>/<resource>, or <resource> for the proxy.")
    return path_of("proxy" if len(parts) == 1 else "unified", *parts)


class _Export:
    """One export: what was counted, and where it could go on."""

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._count = 0
        self._cursor: str | None = None
        self._kept: Path | None = None

    @contextmanager
    def target(self, out: Path | None, *, force: bool) -> Iterator[TextIO]:
        """Standard output, or a file that is there only when it is whole."""
        if out is None:
            yield sys.stdout
            return
        spare(out, force=force)
        try:
            with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as made:
                draft = Path(made) / out.name
                try:
                    with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream:
                        yield stream
                except OSError:  # how much of it was written is not known
                    raise
                except BaseException:
                    if self._count:
                        self._kept = draft.replace(_partial(out))
                    raise
                draft.replace(out)
        except OSError as error:
            self._cursor = None
            raise SetupError(f"{out} cannot be written: {error.strerror}. Nothing was kept.") from error

    async def run(self, remote: Remote, route: str, params: dict[str, str], writer: _Writer) -> None:
        writer.begin()
        try:
            async with remote:
                async for page in self._pages(remote, route, params):
                    writer.page(page)
                    self._count += len(page)
                    typer.echo(f"Exported {self._count} records...", err=True)
        finally:
            writer.end()

    async def _pages(self, remote: Remote, route: str, params: dict[str, str]) -> AsyncIterator[list[Json]]:
        self._cursor = params.get("next_cursor")
        while True:
            query = params | ({"next_cursor": self._cursor} if self._cursor else {})
            answer = await remote.call("GET", route, params=query)
            if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
                raise SetupError("the answer is no list of records: `isthmus unified` and `proxy` show it.")
            left = None if self._limit is None else self._limit - self._count
            yield answer["result"][:left]
            self._cursor = answer.get("next_cursor")
            if not self._cursor or (self._limit is not None and self._count >= self._limit):
                return

    def stopped(self, why: str, code: int) -> int:
        typer.echo(f"isthmus: {why}", err=True)
        kept = f", kept in {self._kept}" if self._kept else ""
        if self._cursor:
            further = ", to another file, with" if self._kept else " with"
            typer.echo(
                f"After {self._count} records{kept}. Go on{further}: {cursor_option(self._cursor)}", err=True
            )
        return code


def _partial(out: Path) -> Path:
    """A name beside it that nothing has: what was kept earlier stays."""
    names = (out.with_name(f"{out.name}.partial-{number}") for number in count(1))
    return next(name for name in names if not name.exists())


class _Writer:
    """Records as text. After each page, what was written is a beginning of the whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def begin(self) -> None:
        """Before the first page."""

    def page(self, records: Sequence[Json]) -> None:
        for record in records:
            self._record(record)
        self._stream.flush()

    def end(self) -> None:
        """Behind the last page, or where it broke off."""

    def _record(self, record: Json) -> None:
        raise NotImplementedError


class _Ndjson(_Writer):
    def _record(self, record: Json) -> None:
        self._stream.write(json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n")


class _Json(_Writer):
    """A valid array even where it broke off."""

    _before = "\n"

    def begin(self) -> None:
        self._stream.write("[")

    def _record(self, record: Json) -> None:
        text = json.dumps(record, indent=2, ensure_ascii=False).replace("\n", "\n  ")
        self._stream.write(f"{self._before}  {text}")
        self._before = ",\n"

    def end(self) -> None:
        self._stream.write("]\n" if self._before == "\n" else "\n]\n")
        self._stream.flush()


class _Yaml(_Writer):
    def _record(self, record: Json) -> None:
        import yaml

        self._stream.write(yaml.safe_dump([record], sort_keys=False, allow_unicode=True))


class _Csv(_Writer):
    """The columns are those of the first record; what later ones have besides is counted and told."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._names: list[str] | None = None
        self._writer = csv.writer(stream)
        self._lost: set[str] = set()

    def _record(self, record: Json) -> None:
        row = record if isinstance(record, dict) else {"value": record}
        if self._names is None:
            self._names = list(row)
            self._writer.writerow(self._names)
        self._lost |= row.keys() - set(self._names)
        self._writer.writerow([cell(row.get(name)) for name in self._names])

    def end(self) -> None:
        if self._lost:
            names = ", ".join(sorted(self._lost))
            typer.echo(
                f"{len(self._lost)} fields that the first record does not have are left out: {names}.",
                err=True,
            )


_WRITERS: Final[dict[str, type[_Writer]]] = {"json": _Json, "ndjson": _Ndjson, "csv": _Csv, "yaml": _Yaml}
