"""Implements `isthmus integrations apply`: creates and updates a server's rows from an integration's
folder."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models, read_entry
from isthmus.authoring.lint import validate_file
from isthmus.cli.authoring.integration_folders import find_folder, list_model_folders
from isthmus.cli.authoring.logo_file import read_logo
from isthmus.cli.authoring.mapping_changes import find_layer, format_counts, plan_changes, send_change
from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, report_error
from isthmus.definitions.layers import make_patch
from isthmus.definitions.yaml_source import Unreadable, read_document
from isthmus.errors import IsthmusError, SetupError
from isthmus.integrations.catalog.shipped_files import iter_written_documentation

__all__ = ["apply"]

_MAIN: Final = "integration.yaml"
_DOCUMENTATION_KEY: Final = ("type", "resource", "method")
"""The columns that identify a documentation row of an integration."""


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
        for line in asyncio.run(_apply_files(application, is_new=slug is not None, docs_only=docs_only)):
            typer.echo(line)
    except (RemoteCallFailed, IsthmusError) as error:
        return report_error(error)
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


async def _apply_files(application: _Application, *, is_new: bool, docs_only: bool) -> list[str]:
    """Applies the files and returns a line for each kind of row. Nothing is deleted."""
    async with application.remote as remote:
        stored_row = await _find_stored_row(application)
        if stored_row is not None:  # found by its id, it may have another name than the file
            application = replace(application, name=stored_row["name"])
        if stored_row is not None and is_new:
            raise SetupError(
                f"an integration {application.name} is there already: --slug-override names what is created."
            )
        if stored_row is None and docs_only:
            raise SetupError(f"there is no integration {application.name} yet: apply it without --docs-only.")
        lines = []
        if not docs_only:
            line, stored_row = await _apply_integration(application, stored_row)
            lines.append(line)
            for model, mapping in application.entry.mappings.items():
                lines.append(await _apply_mappings(application, model, mapping["cells"], remote))
        lines += await _apply_documentation(application, stored_row, remote)
    return [f"{line} (not done: --dry-run)" for line in lines] if application.dry_run else lines


async def _find_stored_row(application: _Application) -> dict[str, Json] | None:
    """Fetches the integration's row from the server; returns None if there is none yet."""
    if application.id is not None:
        row: dict[str, Json] = await application.remote.call("GET", f"/integration/{application.id}")
        return row
    return next(iter(await application.remote.fetch_all_rows("/integration", name=application.name)), None)


async def _apply_integration(
    application: _Application, stored_row: dict[str, Json] | None
) -> tuple[str, dict[str, Json] | None]:
    """Creates, updates and installs the integration. Returns a line on what was done, and the row.

    The row is None if it would be created and `dry_run` is set.
    """
    file, remote = application.entry.definition, application.remote
    row = {name: file[name] for name in ("category", "is_beta", "sharing") if name in file}
    logo = read_logo(application.entry.directory)
    config = {"label": file.get("label", application.name), **logo, **file["config"]}
    done = "unchanged"
    if stored_row is None:
        done = "created"
        if not application.dry_run:
            stored_row = await remote.call(
                "POST", "/integration", body={"name": application.name, **row, "config": config}
            )
    else:
        changes: dict[str, Json] = {
            name: value for name, value in row.items() if stored_row.get(name) != value
        }
        changed = make_patch(stored_row["config"], config)
        changes |= {"config": changed} if changed else {}
        if changes:
            done = "updated"
            if not application.dry_run:
                body = {"version": stored_row["version"], **changes}
                await remote.call("PATCH", f"/integration/{stored_row['id']}", body=body)
    if stored_row is not None and not application.dry_run:
        installs = await remote.fetch_all_rows(
            "/environment-integration", **{"integration.name": stored_row["name"]}
        )
        if not installs:
            await remote.call("POST", "/environment-integration", body={"integration_id": stored_row["id"]})
            done += ", installed"
    return f"integration {application.name}: {done}", stored_row


async def _apply_mappings(
    application: _Application, model: str, cells: list[dict[str, Json]], remote: ApiClient
) -> str:
    """Applies the mappings of one model to the environment's layer, since shipped models have no other."""
    changes = await plan_changes(await find_layer(remote, "env", model), application.name, cells)
    if not application.dry_run:
        for change in changes:
            await send_change(remote, change)
    return format_counts(f"mappings {model}", [change.done for change in changes])


async def _apply_documentation(
    application: _Application, stored_row: dict[str, Json] | None, remote: ApiClient
) -> list[str]:
    """Creates and updates documentation rows. Rows that are not in the files stay. Returns a line on what was
    done, or none."""
    documents = list(iter_written_documentation(application.entry.definition, application.entry.directory))
    if not documents:
        return []
    owner = {} if stored_row is None else {"integration_id": stored_row["id"]}
    rows = [] if stored_row is None else await remote.fetch_all_rows("/documentation", **owner)
    rows_by_key = {tuple(row[name] for name in _DOCUMENTATION_KEY): row for row in rows}
    actions = []
    for document in documents:
        row = rows_by_key.get(tuple(document[name] for name in _DOCUMENTATION_KEY))
        action = (
            "created" if row is None else "unchanged" if row["content"] == document["content"] else "updated"
        )
        actions.append(action)
        if application.dry_run or action == "unchanged":
            continue
        if row is None:
            body = {
                name: document[name]
                for name in (*_DOCUMENTATION_KEY, "content")
                if document[name] is not None
            }
            await remote.call("POST", "/documentation", body={**owner, **body})
        else:
            await remote.call("PATCH", f"/documentation/{row['id']}", body={"content": document["content"]})
    return [format_counts("documentation", actions)]
