"""Implements `isthmus integrations validate` and `lint`: checks files and prints the findings."""

from __future__ import annotations

import asyncio
import csv
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer

from isthmus.authoring.lint import CSV_COLUMNS, Corpus, Report, validate_document, validate_file
from isthmus.cli.authoring.integration_folders import list_model_folders
from isthmus.cli.remote.api_client import ApiClient, RemoteCallFailed, report_error
from isthmus.definitions.yaml_source import Document, Unreadable, parse_document, read_document
from isthmus.errors import NotFound, SetupError
from isthmus.integrations.catalog.shipped_files import find_catalog

__all__ = ["ValidationRequest", "validate"]

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MAIN_FILES: Final = ("integration.yaml", "*.integration.json")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_STDIN: Final = "standard input"


@dataclass(frozen=True, slots=True)
class ValidationRequest:
    """What to check.

    `names`: files, folders, and ids or names of stored integrations. `against`: an earlier integration file.
    `corpus`: a folder of integrations to compare with; None for the shipped ones. `models`: a folder of
    unified models that count before others of the same names; None for none.
    """

    names: Sequence[str]
    stdin: bool = False
    against: Path | None = None
    corpus: Path | None = None
    models: Path | None = None
    api_url: str | None = None
    token: str | None = None


def validate(request: ValidationRequest, *, ignore_warnings: bool, ignore_info: bool, output: str) -> int:
    """Checks files and prints the findings. Returns the exit code: the highest of all files, or that of a
    failed call."""
    try:
        reports = list(_iter_reports(request))
    except (RemoteCallFailed, SetupError, NotFound) as error:
        code = report_error(error)
        return 4 if isinstance(error, NotFound) else code
    code = max((report.compute_exit_code(ignore_warnings=ignore_warnings) for report in reports), default=2)
    if ignore_info:
        reports = [
            replace(report, findings=tuple(item for item in report.findings if item.severity != "info"))
            for report in reports
        ]
    _print_reports(reports, output)
    return code


def _iter_reports(request: ValidationRequest) -> Iterator[Report]:
    """Yields a report on each document. Raises SetupError for a bad request, NotFound for an unknown
    integration."""
    if not request.names and not request.stdin:
        raise SetupError("name a file, a folder or a stored integration, or give --stdin.")
    lint_options: dict[str, Any] = {
        "against": None if request.against is None else _read_earlier(request.against),
        "corpus": _build_corpus(request.corpus),
    }
    if request.stdin:
        try:
            document = parse_document(sys.stdin.read())
        except Unreadable as error:
            raise SetupError(f"{_STDIN} cannot be read: {error}") from error
        models = list_model_folders(Path(), request.models)
        yield validate_document(document, _STDIN, models=models, **lint_options)
    for name in request.names:
        path = Path(name)
        if path.exists() or path.suffix in _SUFFIXES or len(path.parts) > 1:
            for file_path in _iter_files(path):
                models = list_model_folders(file_path.resolve().parent.parent, request.models)
                yield validate_file(file_path, models=models, **lint_options)
        else:
            try:
                remote = ApiClient(request.api_url, request.token)
            except SetupError as error:
                raise SetupError(
                    f"there is no file {name}, and to look on a server: {error.message}"
                ) from None
            source, file = asyncio.run(_read_stored_integration(name, remote))
            yield validate_document(Document(file), source, **lint_options)


def _read_earlier(path: Path) -> Mapping[str, Any]:
    """Reads an earlier integration file and returns its content. Raises SetupError."""
    try:
        data = read_document(path).data
    except Unreadable as error:
        raise SetupError(f"{path} cannot be read: {error}") from error
    if not isinstance(data, dict):
        raise SetupError(f"{path} is no integration.")
    return data


def _build_corpus(folder: Path | None) -> Corpus:
    """Reads the integrations in and below a folder; skips unreadable files. `folder`: None for the shipped
    ones. Raises SetupError if there is no such folder."""
    root = find_catalog().path / "integrations" if folder is None else folder
    if not root.is_dir():
        raise SetupError(f"{root} is no folder of integrations: --integration-config-dir names one.")
    known: dict[str, Mapping[str, Any]] = {}
    for path in (found_path for pattern in _MAIN_FILES for found_path in sorted(root.rglob(pattern))):
        try:
            data = read_document(path).data
        except Unreadable:
            continue
        if isinstance(data, dict) and isinstance(data.get("config"), dict):
            known[str(data.get("name"))] = data["config"]
    return Corpus(known)


async def _read_stored_integration(name: str, remote: ApiClient) -> tuple[str, dict[str, Any]]:
    """Fetches an integration from a server; returns its URL and its content as a file has it. `name`: its id
    or name. Raises NotFound."""
    async with remote:
        if _ID.fullmatch(name):
            row = await remote.call("GET", f"/integration/{name}")
        else:
            row = next(iter(await remote.fetch_all_rows("/integration", name=name)), None)
            if row is None:
                raise NotFound(f"there is no file {name}, and no integration of that name at {remote.url}.")
    file = {key: row[key] for key in ("name", "config", "category", "sharing", "is_beta") if row.get(key)}
    return f"{remote.url}/integration/{row['id']}", file


def _iter_files(path: Path) -> Iterator[Path]:
    """Yields the path itself if it is no folder, else each YAML and JSON file below it."""
    if not path.is_dir():
        yield path
        return
    yield from sorted(file_path for file_path in path.rglob("*") if file_path.suffix in _SUFFIXES)


def _print_reports(reports: Sequence[Report], output: str) -> None:
    """Prints the reports as `json`, `ndjson`, `csv` or text."""
    if output == "json":
        typer.echo(json.dumps([report.as_json() for report in reports], indent=2))
    elif output == "ndjson":
        for report in reports:
            typer.echo(json.dumps(report.as_json()))
    elif output == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(CSV_COLUMNS)
        for report in reports:
            writer.writerows(
                [getattr(finding, column) or "" for column in CSV_COLUMNS] for finding in report.findings
            )
    else:
        for report in reports:
            _print_report(report)


def _print_report(report: Report) -> None:
    """Prints a report as text: the findings, and their counts."""
    for line in report.format_lines():
        typer.echo(line)
    summary = report.summary
    counts = ", ".join(f"{summary[name]} {name}" for name in ("error", "warn", "info"))
    typer.echo(f"{report.source}: {report.mode}: {counts}")
