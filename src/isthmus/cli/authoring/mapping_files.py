"""Implements `isthmus unified-mappings`: checks mapping files, and applies them to a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.lint import Report, validate_document
from isthmus.cli.authoring.integration_folders import list_model_folders
from isthmus.cli.authoring.mapping_changes import (
    LayerName,
    MappingChange,
    find_layer,
    format_counts,
    plan_changes,
    send_change,
)
from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, report_error
from isthmus.cli.remote.arguments import confirm
from isthmus.definitions.layers import apply_patch
from isthmus.definitions.yaml_source import Document, Unreadable, read_document
from isthmus.errors import Conflict, IsthmusError, SetupError

__all__ = ["apply", "validate"]

_NOT_ALLOWED: Final = 3
_CONFLICT: Final = 6


def validate(
    files: Sequence[str], *, verbose: bool, environment_id: str | None, api_url: str | None, token: str | None
) -> int:
    """Checks mapping files and prints the findings. Returns the exit code; warnings do not count.

    `environment_id`: checks against the models of this environment of the server; None for models in files.
    """
    try:
        documents = {name: _read_mapping_file(Path(name)) for name in files}
        models: dict[str, Mapping[str, Json]] = {}
        if environment_id is not None:
            model_names = {name for name in map(_get_model_name, documents.values()) if name}
            models = asyncio.run(
                _read_environment_models(model_names, environment_id, ApiClient(api_url, token))
            )
    except (RemoteCallFailed, IsthmusError) as error:
        return report_error(error)
    reports = [
        _check_document(name, document, models.get(_get_model_name(document)))
        for name, document in documents.items()
    ]
    for report in reports:
        for line in _format_findings(report, all_of_them=verbose):
            typer.echo(line)
        counts = ", ".join(f"{report.summary[severity]} {severity}" for severity in ("error", "warn", "info"))
        typer.echo(f"{report.source}: {counts}")
    return max(report.compute_exit_code(ignore_warnings=True) for report in reports)


def apply(
    file: str, *, target: LayerName | None, api_url: str | None, token: str | None, dry_run: bool, yes: bool
) -> int:
    """Applies a mapping file to a server. Returns the exit code: 0, 1 for a file with errors, otherwise that
    of the failed call.

    `target`: the layer to write; None for the one that the file names.
    """
    try:
        document = _read_mapping_file(Path(file))
        report = _check_document(file, document, None)
        if report.compute_exit_code(ignore_warnings=True):
            for line in _format_findings(report, all_of_them=False):
                typer.echo(line, err=True)
            return 1
        chosen = target or document.data.get("write_target") or ("base" if _is_export(document) else "env")
        applying = _apply_mapping_file(
            document.data, chosen, ApiClient(api_url, token), dry_run=dry_run, yes=yes
        )
        return asyncio.run(applying)
    except RemoteCallFailed as failed:
        code = report_error(failed)
        if failed.code == _NOT_ALLOWED and chosen == "base":
            typer.echo("--target env maps a model of somebody else, for this environment.", err=True)
        return code
    except IsthmusError as error:
        code = report_error(error)
        return _CONFLICT if isinstance(error, Conflict) else code


async def _apply_mapping_file(
    data: Mapping[str, Json], target: LayerName, remote: ApiClient, *, dry_run: bool, yes: bool
) -> int:
    """Plans, confirms and sends the changes of one file. Returns the exit code."""
    model = str(data.get("unified_model") or data.get("unified_model_name"))
    integration = str(data.get("integration") or data.get("integration_name"))
    async with remote:
        if not await remote.fetch_all_rows("/integration", name=integration):
            typer.echo(
                f"There is no integration {integration} at {remote.url} yet: its rows are of no use until "
                "there is.",
                err=True,
            )
        changes = await plan_changes(await find_layer(remote, target, model), integration, data["cells"])
        summary = format_counts(f"mappings {model} ({target})", [change.done for change in changes])
        if dry_run:
            for change in changes:
                typer.echo(f"{change.name}: {change.done}")
            typer.echo(f"{summary} (not done: --dry-run)")
            return 0
        if any(change.verb for change in changes) and not yes:
            question = f"{summary}, for {integration} at {remote.url}. Apply?"
            confirm(question, otherwise="--yes to apply, or --dry-run to look")
        await _send_all(remote, changes)
        typer.echo(summary)
    return 0


async def _send_all(remote: ApiClient, changes: Sequence[MappingChange]) -> None:
    """Sends the changes. Raises RemoteCallFailed that says how many were sent before; these stay."""
    sent = [change for change in changes if change.verb]
    for number, change in enumerate(sent):
        try:
            await send_change(remote, change)
        except RemoteCallFailed as failed:
            progress = (
                f"{number} of {len(sent)} rows were written before" if number else "nothing was written"
            )
            raise RemoteCallFailed(f"{change.name}: {failed.message} ({progress})", failed.code) from failed


def _read_mapping_file(path: Path) -> Document:
    """Reads a mapping file. Raises SetupError if it cannot be read, or is no mapping file."""
    try:
        document = read_document(path)
    except Unreadable as error:
        line = f":{error.line}" if error.line else ""
        raise SetupError(f"{path}{line} cannot be read: {error.message}") from error
    if not isinstance(document.data, dict) or "cells" not in document.data:
        raise SetupError(
            f"{path} is no mapping file: it has no `cells`. `isthmus integrations validate` checks files of "
            "any kind."
        )
    return document


def _check_document(name: str, document: Document, model: Mapping[str, Json] | None) -> Report:
    """Lints a mapping file. `model`: to check against, None for the one in files."""
    models = list_model_folders(Path(name).resolve().parent.parent)
    return validate_document(document, name, Path(name), models=models, model=model)


def _format_findings(report: Report, *, all_of_them: bool) -> list[str]:
    """Formats the findings, a line each; without infos unless `all_of_them`."""
    return [
        line
        for line, finding in zip(report.format_lines(), report.findings, strict=True)
        if all_of_them or finding.severity != "info"
    ]


def _is_export(document: Document) -> bool:
    """True for an exported mapping file, whose keys are named differently."""
    return "unified_model_name" in document.data or "integration_name" in document.data


def _get_model_name(document: Document) -> str:
    """Returns the name of the unified model that a mapping file is of; empty if it has none."""
    return str(document.data.get("unified_model") or document.data.get("unified_model_name") or "")


async def _read_environment_models(
    names: set[str], environment_id: str, remote: ApiClient
) -> dict[str, Mapping[str, Json]]:
    """Fetches the models by name, with the environment's overrides. Raises SetupError for one that is not
    installed."""
    models: dict[str, Mapping[str, Json]] = {}
    async with remote:
        for name in sorted(names):
            filters = {"environment_id": environment_id, "unified_model.name": name}
            rows = await remote.fetch_all_rows("/environment-unified-model", **filters)
            if not rows:
                raise SetupError(f"the environment {environment_id} has no unified model {name}.")
            model, override = rows[0]["unified_model"], rows[0]["override"]
            resources = apply_patch(model["resources"], override.get("resources") or {})
            models[name] = {**model, "resources": resources}
    return models
