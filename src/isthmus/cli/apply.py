"""`isthmus integrations apply`: makes a server's rows what an integration's folder says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import typer

from isthmus.cli.folders import folder_of, unified_folders
from isthmus.cli.remote import Remote, RemoteCallFailed
from isthmus.definitions.lint import validate_file
from isthmus.errors import IsthmusError, SetupError
from isthmus.integrations.contract.entries import Entry, Models, read_entry

__all__ = ["apply"]

_ROWS: Final = "/environment-unified-model-resource-method"


def apply(name: str, *, api_url: str | None, token: str | None, dry_run: bool) -> int:
    """The exit code: 0, 1 for files with errors, else that of the call that failed."""
    try:
        folder = folder_of(name)
        entry = read_entry(folder, Models(*unified_folders(folder)))
        wrong = [
            line for path in _files(folder) for line in validate_file(path).lines() if ": error: " in line
        ]
        for line in wrong:
            typer.echo(line, err=True)
        if wrong:
            return 1
        for line in asyncio.run(_apply(entry, Remote(api_url, token), dry_run=dry_run)):
            typer.echo(line)
    except RemoteCallFailed as failed:
        typer.echo(f"isthmus: {failed.message}", err=True)
        return failed.code
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2
    return 0


def _files(folder: Path) -> list[Path]:
    return [folder / "integration.yaml", *sorted(folder.glob("mappings/*.yaml"))]


async def _apply(entry: Entry, remote: Remote, *, dry_run: bool) -> list[str]:
    """What was done, a line each. Nothing is ever deleted."""
    async with remote:
        told = [await _integration(entry, remote, dry_run=dry_run)]
        for model, mapping in entry.mappings.items():
            told.append(await _mappings(entry.name, model, mapping["cells"], remote, dry_run=dry_run))
    return [f"{line} (not done: --dry-run)" for line in told] if dry_run else told


async def _integration(entry: Entry, remote: Remote, *, dry_run: bool) -> str:
    file = entry.definition
    row = {name: file[name] for name in ("category", "is_beta", "sharing") if name in file}
    config = {"label": file.get("label", entry.name), **file["config"]}
    live = next((each for each in await remote.rows("/integration", name=entry.name)), None)
    done = "unchanged"
    if live is None:
        done = "created"
        if not dry_run:
            live = await remote.call(
                "POST", "/integration", body={"name": entry.name, **row, "config": config}
            )
    else:
        changes: dict[str, Any] = {name: value for name, value in row.items() if live.get(name) != value}
        changed = _patch(live["config"], config)
        changes |= {"config": changed} if changed else {}
        if changes:
            done = "updated"
            if not dry_run:
                body = {"version": live["version"], **changes}
                await remote.call("PATCH", f"/integration/{live['id']}", body=body)
    if live is not None and not dry_run:
        installs = await remote.rows("/environment-integration", **{"integration.name": entry.name})
        if not installs:
            await remote.call("POST", "/environment-integration", body={"integration_id": live["id"]})
            done += ", installed"
    return f"integration {entry.name}: {done}"


def _patch(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What a deep merge has to be sent so that `wanted` comes of `live`: null removes."""
    found: dict[str, Any] = {name: None for name in live if name not in wanted and live[name] is not None}
    for name, value in wanted.items():
        before = live.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            inner = _patch(before, value)
            found |= {name: inner} if inner else {}
        elif before != value or name not in live:
            found[name] = value
    return found


async def _mappings(
    integration: str, model: str, cells: list[dict[str, Any]], remote: Remote, *, dry_run: bool
) -> str:
    """In the environment's layer, where shipped models can be mapped too."""
    models = await remote.rows("/environment-unified-model", **{"unified_model.name": model})
    if not models:
        raise SetupError(
            f"the unified model {model} is not installed here: POST /environment-unified-model installs it."
        )
    owner = {"environment_unified_model_id": models[0]["id"], "integration_name": integration}
    live = {(row["resource_name"], row["method_name"]): row for row in await remote.rows(_ROWS, **owner)}
    counts = dict.fromkeys(("created", "updated", "unchanged"), 0)
    for cell in cells:
        row = live.get((cell["resource_name"], cell["method_name"]))
        done = "created" if row is None else "unchanged" if row["config"] == cell["config"] else "updated"
        counts[done] += 1
        if dry_run or done == "unchanged":
            continue
        if row is None:
            await remote.call("POST", _ROWS, body={**owner, **cell})
        else:
            body = {"version": row["version"], "config": cell["config"]}
            await remote.call("PATCH", f"{_ROWS}/{row['id']}", body=body)
    return f"mappings {model}: {', '.join(f'{count} {what}' for what, count in counts.items())}"
