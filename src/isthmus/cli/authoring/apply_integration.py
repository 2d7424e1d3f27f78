"""The work of `isthmus integrations apply`: creating and updating a server's rows from an integration's
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
        found: str | None = self.entry.definition.get("id")
        return found


def apply(
    name: str, *, api_url: str | None, token: str | None, dry_run: bool, slug: str | None, docs_only: bool
) -> int:
    """Returns the exit code: 0, 1 for files with errors, otherwise that of the failed call.

    `slug`: another name for a new integration. `docs_only`: applies only documentation rows, of an existing
    one.
    """
    try:
        entry, files = _read_files(name)
        wrong = [line for path in files for line in validate_file(path).format_lines() if ": error: " in line]
        for line in wrong:
            typer.echo(line, err=True)
        if wrong:
            return 1
        applied = _Application(entry, slug or entry.definition["name"], ApiClient(api_url, token), dry_run)
        if slug is not None and applied.id is not None:
            raise SetupError(
                "--slug-override names what is created, and the file has an id: it updates that."
            )
        for line in asyncio.run(_apply_files(applied, is_new=slug is not None, docs_only=docs_only)):
            typer.echo(line)
    except (RemoteCallFailed, IsthmusError) as error:
        return report_error(error)
    return 0


def _read_files(name: str) -> tuple[CatalogEntry, list[Path]]:
    """The integration, and its files: those of a folder, or a single `<name>.integration.json`."""
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


async def _apply_files(applied: _Application, *, is_new: bool, docs_only: bool) -> list[str]:
    """Applies the files and returns a line for each kind of row. Nothing is deleted."""
    async with applied.remote as remote:
        live = await _find_stored_row(applied)
        if live is not None:  # found by its id, it may have another name than the file
            applied = replace(applied, name=live["name"])
        if live is not None and is_new:
            raise SetupError(
                f"an integration {applied.name} is there already: --slug-override names what is created."
            )
        if live is None and docs_only:
            raise SetupError(f"there is no integration {applied.name} yet: apply it without --docs-only.")
        format_counts = []
        if not docs_only:
            line, live = await _apply_integration(applied, live)
            format_counts.append(line)
            for model, mapping in applied.entry.mappings.items():
                format_counts.append(await _apply_mappings(applied, model, mapping["cells"], remote))
        format_counts += await _apply_documentation(applied, live, remote)
    return [f"{line} (not done: --dry-run)" for line in format_counts] if applied.dry_run else format_counts


async def _find_stored_row(applied: _Application) -> dict[str, Json] | None:
    """The integration's row on the server; None if there is none yet."""
    if applied.id is not None:
        row: dict[str, Json] = await applied.remote.call("GET", f"/integration/{applied.id}")
        return row
    return next(iter(await applied.remote.fetch_all_rows("/integration", name=applied.name)), None)


async def _apply_integration(
    applied: _Application, live: dict[str, Json] | None
) -> tuple[str, dict[str, Json] | None]:
    """Creates, updates and installs the integration. Returns a line on what was done, and the row.

    The row is None if it would be created and `dry_run` is set.
    """
    file, remote = applied.entry.definition, applied.remote
    row = {name: file[name] for name in ("category", "is_beta", "sharing") if name in file}
    config = {"label": file.get("label", applied.name), **file["config"]}
    done = "unchanged"
    if live is None:
        done = "created"
        if not applied.dry_run:
            live = await remote.call(
                "POST", "/integration", body={"name": applied.name, **row, "config": config}
            )
    else:
        changes: dict[str, Json] = {name: value for name, value in row.items() if live.get(name) != value}
        changed = make_patch(live["config"], config)
        changes |= {"config": changed} if changed else {}
        if changes:
            done = "updated"
            if not applied.dry_run:
                body = {"version": live["version"], **changes}
                await remote.call("PATCH", f"/integration/{live['id']}", body=body)
    if live is not None and not applied.dry_run:
        installs = await remote.fetch_all_rows(
            "/environment-integration", **{"integration.name": live["name"]}
        )
        if not installs:
            await remote.call("POST", "/environment-integration", body={"integration_id": live["id"]})
            done += ", installed"
    return f"integration {applied.name}: {done}", live


async def _apply_mappings(
    applied: _Application, model: str, cells: list[dict[str, Json]], remote: ApiClient
) -> str:
    """Applies the mappings of one model to the environment's layer, since shipped models have no other."""
    changes = await plan_changes(await find_layer(remote, "env", model), applied.name, cells)
    if not applied.dry_run:
        for change in changes:
            await send_change(remote, change)
    return format_counts(f"mappings {model}", [change.done for change in changes])


async def _apply_documentation(
    applied: _Application, live: dict[str, Json] | None, remote: ApiClient
) -> list[str]:
    """Creates and updates documentation rows. Rows that are not in the files stay."""
    wanted = list(iter_written_documentation(applied.entry.definition, applied.entry.directory))
    if not wanted:
        return []
    owner = {} if live is None else {"integration_id": live["id"]}
    rows = [] if live is None else await remote.fetch_all_rows("/documentation", **owner)
    known = {tuple(row[name] for name in _DOCUMENTATION_KEY): row for row in rows}
    done_to = []
    for each in wanted:
        row = known.get(tuple(each[name] for name in _DOCUMENTATION_KEY))
        done = "created" if row is None else "unchanged" if row["content"] == each["content"] else "updated"
        done_to.append(done)
        if applied.dry_run or done == "unchanged":
            continue
        if row is None:
            body = {name: each[name] for name in (*_DOCUMENTATION_KEY, "content") if each[name] is not None}
            await remote.call("POST", "/documentation", body={**owner, **body})
        else:
            await remote.call("PATCH", f"/documentation/{row['id']}", body={"content": each["content"]})
    return [format_counts("documentation", done_to)]
