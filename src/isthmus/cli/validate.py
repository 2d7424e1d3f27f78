"""`isthmus integrations validate`: prints what the checks find."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from isthmus.definitions.lint import CSV_COLUMNS, Report, validate_file
from isthmus.definitions.yaml_source import Unreadable, read
from isthmus.integrations.catalog import find_catalog

__all__ = ["validate"]

_SUFFIXES = (".yaml", ".yml", ".json")


def validate(files: Sequence[str], *, ignore_warnings: bool, against: Path | None, output: str) -> int:
    """The exit code: that of the worst file. `against`: an earlier integration file."""
    models = find_catalog().path / "unified"
    try:
        earlier = None if against is None else read(against).data
    except Unreadable as error:
        typer.echo(f"isthmus: {against} cannot be read: {error}", err=True)
        return 2
    if earlier is not None and not isinstance(earlier, dict):
        typer.echo(f"isthmus: {against} is no integration.", err=True)
        return 2
    reports = [
        validate_file(path, models=models, against=earlier) for name in files for path in _files(Path(name))
    ]
    if output == "json":
        typer.echo(json.dumps([report.as_json() for report in reports], indent=2))
    elif output == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(CSV_COLUMNS)
        for report in reports:
            writer.writerows(
                [getattr(finding, column) or "" for column in CSV_COLUMNS] for finding in report.findings
            )
    else:
        for report in reports:
            _print(report)
    return max((report.exit_code(ignore_warnings=ignore_warnings) for report in reports), default=2)


def _files(path: Path) -> Iterator[Path]:
    """The file itself, or each definition file below a folder."""
    if not path.is_dir():
        yield path
        return
    yield from sorted(each for each in path.rglob("*") if each.suffix in _SUFFIXES)


def _print(report: Report) -> None:
    for line in report.lines():
        typer.echo(line)
    summary = report.summary
    counts = ", ".join(f"{summary[name]} {name}" for name in ("error", "warn", "info"))
    typer.echo(f"{report.source}: {report.mode}: {counts}")
