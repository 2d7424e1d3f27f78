"""Implements `isthmus integrations apply`: creates and updates a server's rows from an integration's
folder."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models, read_entry
from isthmus.authoring.lint import validate_file
from isthmus.cli.authoring.integration_folders import find_folder, list_model_folders
from isthmus.cli.authoring.logo_file import read_logo
from isthmus.cli.authoring.mapping_changes import (
    MappingChange,
    find_layer,
    format_counts,
    plan_changes,
    send_change,
)
from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, report_error
from isthmus.definitions.layers import make_patch
from isthmus.definitions.yaml_source import Unreadable, read_document
from isthmus.errors import IsthmusError, SetupError
from isthmus.integrations.catalog.shipped_files import iter_written_documentation

__all__ = ["apply"]

_MAIN: Final = "integration.yaml"
_SERVER_ERROR: Final = 500
_DOCUMENTATION_KEY: Final = ("type", "resource", "method")
"""The columns that identify a documentation row of an integration."""


@dataclass(frozen=True, slots=True)
class _Document:
    """A documentation row of the files. `done`: created, updated or unchanged. `id`: of the server's row,
    None if there is none."""

    row: Mapping[str, Json]
    done: str
    id: str | None = None

    @property
    def name(self) -> str:
        """Its type, and the resource and method that it is of: `description notes.list`."""
        place = ".".join(str(self.row[name]) for name in _DOCUMENTATION_KEY[1:] if self.row[name])
        return f"{self.row['type']} {place}".rstrip()


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the server has, and what to write. `name`: of the integration at the server. `stored_row`: of the
    integration, None if there is none. `mappings`: the changes by model."""

    name: str
    stored_row: dict[str, Json] | None
    is_installed: bool
    mappings: Mapping[str, Sequence[MappingChange]]
    documents: Sequence[_Document]


class _Progress:
    """What was done so far, in the order of the calls."""

    def __init__(self) -> None:
        self._done_by_subject: dict[str, list[str]] = {}
        self._attempt: str | None = None

    @contextmanager
    def record_write(self, subject: str, name: str, done: str) -> Iterator[None]:
        """Notes that a row was `done`, if nothing is raised. `subject`: what is counted together. `name`: of
        the row."""
        self._attempt = f"{subject}: {name}"
        yield
        self._attempt = None
        self._done_by_subject.setdefault(subject, []).append(done)

    def format_lines(self) -> list[str]:
        """Returns a line for each subject."""
        return [
            f"{subject}: {', '.join(done)}"
            if subject.startswith("integration ")
            else format_counts(subject, done)
            for subject, done in self._done_by_subject.items()
        ]

    def describe_failure(self, error: Exception) -> list[str]:
        """Returns lines that say what was done before the error, and which row it is about."""
        if self._attempt is None:
            return ["Nothing was written."]
        lines = [f"Done before: {line}" for line in self.format_lines()] or ["Nothing was written before."]
        is_answered = isinstance(error, RemoteCallFailed) and (error.status or _SERVER_ERROR) < _SERVER_ERROR
        doubt = "" if is_answered else ", and may have written it"
        return [*lines, f"It failed at {self._attempt}{doubt}."]


@dataclass(frozen=True, slots=True)
class _Application:
    """The files to apply, and the name and server to apply them to."""

    entry: CatalogEntry
    name: str
    remote: ApiClient
    dry_run: bool

    @property
    def id(self) -> str | None:
        """The id in the file of the row to update; None if the file has none."""
        id_in_file: str | None = self.entry.definition.get("id")
        return id_in_file


def apply(
    name: str, *, api_url: str | None, token: str | None, dry_run: bool, slug: str | None, docs_only: bool
) -> int:
    """Applies an integration's files to a server. Returns the exit code: 0, 1 for files with errors,
    otherwise that of the failed call.

    `slug`: another name for a new integration. `docs_only`: applies only documentation rows, of an existing
    one.
    """
    progress = _Progress()
    try:
        entry, files = _read_files(name)
        error_lines = [
            line for path in files for line in validate_file(path).format_lines() if ": error: " in line
        ]
        for line in error_lines:
            typer.echo(line, err=True)
        if error_lines:
            return 1
        application = _Application(
            entry, slug or entry.definition["name"], ApiClient(api_url, token), dry_run
        )
        if slug is not None and application.id is not None:
            raise SetupError(
                "--slug-override names what is created, and the file has an id: it updates that."
            )
        asyncio.run(_apply_files(application, progress, is_new=slug is not None, docs_only=docs_only))
    except (RemoteCallFailed, IsthmusError) as error:
        code = report_error(error)
        for line in progress.describe_failure(error):
            typer.echo(line, err=True)
        return code
    for line in progress.format_lines():
        typer.echo(f"{line} (not done: --dry-run)" if dry_run else line)
    return 0


def _read_files(name: str) -> tuple[CatalogEntry, list[Path]]:
    """Reads the integration. Returns it, and its files: those of a folder, or a single
    `<name>.integration.json`. Raises SetupError."""
    path = Path(name)
    if path.is_file() and path.name != _MAIN:
        try:
            data = read_document(path).data
        except Unreadable as error:
            raise SetupError(f"{path} cannot be read: {error}") from error
        if not isinstance(data, dict) or "config" not in data:
            raise SetupError(f"{path} is no integration file: it has no `name` and `config`.")
        return CatalogEntry(str(data.get("name")), path.parent / path.stem, Models(), data, {}), [path]
    folder = find_folder(name)
    entry = read_entry(folder, Models(*list_model_folders(folder)))
    return entry, [folder / _MAIN, *sorted(folder.glob("mappings/*.yaml"))]


async def _apply_files(
    application: _Application, progress: _Progress, *, is_new: bool, docs_only: bool
) -> None:
    """Plans all changes, and then makes them, unless `dry_run` is set. Nothing is deleted."""
    async with application.remote:
        plan = await _plan(application, is_new=is_new, docs_only=docs_only)
        integration_id = None if plan.stored_row is None else str(plan.stored_row["id"])
        if not docs_only:
            integration_id = await _write_integration(application, plan, progress)
        for model, changes in plan.mappings.items():
            for change in changes:
                with progress.record_write(f"mappings {model}", change.name, change.done):
                    if not application.dry_run:
                        await send_change(application.remote, change)
        for document in plan.documents:
            with progress.record_write("documentation", document.name, document.done):
                await _write_document(application, integration_id, document)


async def _plan(application: _Application, *, is_new: bool, docs_only: bool) -> _Plan:
    """Compares the files with the server's rows, and returns what to write. Raises SetupError for an
    integration that must or must not be there, and for a model that is not installed or does not fit."""
    remote = application.remote
    stored_row = await _find_stored_row(application)
    name = application.name if stored_row is None else stored_row["name"]  # by its id, it may have another
    if stored_row is not None and is_new:
        raise SetupError(f"an integration {name} is there already: --slug-override names what is created.")
    if stored_row is None and docs_only:
        raise SetupError(f"there is no integration {name} yet: apply it without --docs-only.")
    is_installed = stored_row is not None and bool(
        await remote.fetch_all_rows("/environment-integration", **{"integration.name": name})
    )
    mappings = {} if docs_only else application.entry.mappings
    changes = {
        model: await plan_changes(await find_layer(remote, "env", model), name, mapping["cells"])
        for model, mapping in mappings.items()
    }
    return _Plan(name, stored_row, is_installed, changes, await _plan_documents(application, stored_row))


async def _find_stored_row(application: _Application) -> dict[str, Json] | None:
    """Fetches the integration's row from the server; returns None if there is none yet."""
    if application.id is not None:
        row: dict[str, Json] = await application.remote.call("GET", f"/integration/{application.id}")
        return row
    return next(iter(await application.remote.fetch_all_rows("/integration", name=application.name)), None)


async def _plan_documents(application: _Application, stored_row: dict[str, Json] | None) -> list[_Document]:
    """Compares the documentation rows of the files with those of the server. Others stay."""
    documents = list(iter_written_documentation(application.entry.definition, application.entry.directory))
    if not documents or stored_row is None:
        return [_Document(document, "created") for document in documents]
    rows = await application.remote.fetch_all_rows("/documentation", integration_id=stored_row["id"])
    rows_by_key = {tuple(row[name] for name in _DOCUMENTATION_KEY): row for row in rows}
    planned = []
    for document in documents:
        row = rows_by_key.get(tuple(document[name] for name in _DOCUMENTATION_KEY))
        if row is None:
            planned.append(_Document(document, "created"))
        else:
            is_same = row["content"] == document["content"]
            planned.append(_Document(document, "unchanged" if is_same else "updated", str(row["id"])))
    return planned


async def _write_integration(application: _Application, plan: _Plan, progress: _Progress) -> str | None:
    """Creates or updates the integration, and installs it. Returns its id; None if it would be created and
    `dry_run` is set."""
    file, remote, stored_row = application.entry.definition, application.remote, plan.stored_row
    row = {name: file[name] for name in ("category", "is_beta", "sharing") if name in file}
    logo = read_logo(application.entry.directory)
    config = {"label": file.get("label", plan.name), **logo, **file["config"]}
    subject = f"integration {plan.name}"
    if stored_row is None:
        with progress.record_write(subject, plan.name, "created"):
            if not application.dry_run:
                stored_row = await remote.call(
                    "POST", "/integration", body={"name": plan.name, **row, "config": config}
                )
    else:
        changes: dict[str, Json] = {
            name: value for name, value in row.items() if stored_row.get(name) != value
        }
        changed = make_patch(stored_row["config"], config)
        changes |= {"config": changed} if changed else {}
        with progress.record_write(subject, plan.name, "updated" if changes else "unchanged"):
            if changes and not application.dry_run:
                body = {"version": stored_row["version"], **changes}
                await remote.call("PATCH", f"/integration/{stored_row['id']}", body=body)
    if not plan.is_installed:
        with progress.record_write(subject, "its install", "installed"):
            if stored_row is not None and not application.dry_run:
                body = {"integration_id": stored_row["id"]}
                await remote.call("POST", "/environment-integration", body=body)
    return None if stored_row is None else str(stored_row["id"])


async def _write_document(application: _Application, integration_id: str | None, document: _Document) -> None:
    """Creates or updates one documentation row, if it changes and `dry_run` is not set."""
    if application.dry_run or document.done == "unchanged":
        return
    row = document.row
    if document.id is not None:
        await application.remote.call(
            "PATCH", f"/documentation/{document.id}", body={"content": row["content"]}
        )
        return
    body = {name: row[name] for name in (*_DOCUMENTATION_KEY, "content") if row[name] is not None}
    await application.remote.call("POST", "/documentation", body={"integration_id": integration_id, **body})
