"""`isthmus integrations apply`: makes a server's rows what an integration's folder says."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models, read_entry
from isthmus.authoring.lint import validate_file
from isthmus.cli.authoring.folders import folder_of, unified_folders
from isthmus.cli.authoring.mapping_rows import layer_of, planned, send, told
from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, report_error
from isthmus.definitions.layers import patch_between
from isthmus.definitions.yaml_source import Unreadable, read
from isthmus.errors import IsthmusError, SetupError
from isthmus.integrations.catalog.shipped_files import iter_written_documentation

__all__ = ["apply"]

_MAIN: Final = "integration.yaml"
_NAMED: Final = ("type", "resource", "method")
"""What tells one documentation row from another."""


@dataclass(frozen=True, slots=True)
class _Applied:
    """What is applied, under which name. `id`: of the row that the file says it updates."""

    entry: CatalogEntry
    name: str
    remote: ApiClient
    dry_run: bool

    @property
    def id(self) -> str | None:
        found: str | None = self.entry.definition.get("id")
        return found


def apply(
    name: str, *, api_url: str | None, token: str | None, dry_run: bool, slug: str | None, docs_only: bool
) -> int:
    """The exit code: 0, 1 for files with errors, else that of the call that failed. `slug`: another name for
    what is created. `docs_only`: the documentation rows of what is there, and nothing else."""
    try:
        entry, files = _read(name)
        wrong = [line for path in files for line in validate_file(path).format_lines() if ": error: " in line]
        for line in wrong:
            typer.echo(line, err=True)
        if wrong:
            return 1
        applied = _Applied(entry, slug or entry.definition["name"], ApiClient(api_url, token), dry_run)
        if slug is not None and applied.id is not None:
            raise SetupError(
                "--slug-override names what is created, and the file has an id: it updates that."
            )
        for line in asyncio.run(_apply(applied, is_new=slug is not None, docs_only=docs_only)):
            typer.echo(line)
    except (RemoteCallFailed, IsthmusError) as error:
        return report_error(error)
    return 0


def _read(name: str) -> tuple[CatalogEntry, list[Path]]:
    """The integration, and its files: those of a folder, or a single `<name>.integration.json`."""
    path = Path(name)
    if path.is_file() and path.name != _MAIN:
        try:
            data = read(path).data
        except Unreadable as error:
            raise SetupError(f"{path} cannot be read: {error}") from error
        if not isinstance(data, dict) or "config" not in data:
            raise SetupError(f"{path} is no integration file: it has no `name` and `config`.")
        return CatalogEntry(str(data.get("name")), path.parent / path.stem, Models(), data, {}), [path]
    folder = folder_of(name)
    entry = read_entry(folder, Models(*unified_folders(folder)))
    return entry, [folder / _MAIN, *sorted(folder.glob("mappings/*.yaml"))]


async def _apply(applied: _Applied, *, is_new: bool, docs_only: bool) -> list[str]:
    """What was done, a line each. Nothing is ever deleted."""
    async with applied.remote as remote:
        live = await _live(applied)
        if live is not None:  # found by its id, it may have another name than the file
            applied = replace(applied, name=live["name"])
        if live is not None and is_new:
            raise SetupError(
                f"an integration {applied.name} is there already: --slug-override names what is created."
            )
        if live is None and docs_only:
            raise SetupError(f"there is no integration {applied.name} yet: apply it without --docs-only.")
        told = []
        if not docs_only:
            line, live = await _integration(applied, live)
            told.append(line)
            for model, mapping in applied.entry.mappings.items():
                told.append(await _mappings(applied, model, mapping["cells"], remote))
        told += await _documentation(applied, live, remote)
    return [f"{line} (not done: --dry-run)" for line in told] if applied.dry_run else told


async def _live(applied: _Applied) -> dict[str, Json] | None:
    """The row as the server has it now, None where there is none yet."""
    if applied.id is not None:
        row: dict[str, Json] = await applied.remote.call("GET", f"/integration/{applied.id}")
        return row
    return next(iter(await applied.remote.fetch_all_rows("/integration", name=applied.name)), None)


async def _integration(applied: _Applied, live: dict[str, Json] | None) -> tuple[str, dict[str, Json] | None]:
    """What was done, and the row, None where it is only said what would be."""
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
        changed = patch_between(live["config"], config)
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


async def _mappings(applied: _Applied, model: str, cells: list[dict[str, Json]], remote: ApiClient) -> str:
    """In the environment's layer, where shipped models can be mapped too."""
    changes = await planned(await layer_of(remote, "env", model), applied.name, cells)
    if not applied.dry_run:
        for change in changes:
            await send(remote, change)
    return told(f"mappings {model}", [change.done for change in changes])


async def _documentation(applied: _Applied, live: dict[str, Json] | None, remote: ApiClient) -> list[str]:
    """What changed is sent; rows that the files do not have stay."""
    wanted = list(iter_written_documentation(applied.entry.definition, applied.entry.directory))
    if not wanted:
        return []
    owner = {} if live is None else {"integration_id": live["id"]}
    rows = [] if live is None else await remote.fetch_all_rows("/documentation", **owner)
    known = {tuple(row[name] for name in _NAMED): row for row in rows}
    done_to = []
    for each in wanted:
        row = known.get(tuple(each[name] for name in _NAMED))
        done = "created" if row is None else "unchanged" if row["content"] == each["content"] else "updated"
        done_to.append(done)
        if applied.dry_run or done == "unchanged":
            continue
        if row is None:
            body = {name: each[name] for name in (*_NAMED, "content") if each[name] is not None}
            await remote.call("POST", "/documentation", body={**owner, **body})
        else:
            await remote.call("PATCH", f"/documentation/{row['id']}", body={"content": each["content"]})
    return [told("documentation", done_to)]
