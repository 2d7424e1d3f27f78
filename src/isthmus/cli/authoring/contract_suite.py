"""Implements `isthmus integrations test`: runs the contract suite on one integration."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.contract.catalog_entry import Models, read_entry
from isthmus.authoring.contract.sandbox_checks import check_sandbox
from isthmus.authoring.contract.suite import CHECKS, Check, Outcome, run_suite
from isthmus.cli.authoring.integration_folders import find_folder, list_model_folders
from isthmus.errors import SetupError

__all__ = ["run_contract"]

_SANDBOX: Final = Check(
    "sandbox",
    "a sandbox account gives every recorded page, keeps limits, reads what it lists, and finds nothing under "
    "unknown ids and cursors",
    check_sandbox,
)
_MARKS: Final = {"passed": "ok", "failed": "FAIL", "skipped": "--"}
_MAX_COMPLAINTS: Final = 20


def run_contract(
    name: str, *, only: Sequence[str], models: Path | None, all_complaints: bool, output: str
) -> int:
    """Runs the contract suite and prints the outcomes. Returns the exit code: 0 if all checks pass, 1 if one
    fails, 2 for unreadable files.

    `only`: the checks to show; empty for all. `models`: a folder of unified models that count before others
    of the same names; None for none. `all_complaints`: prints all complaints of a check, not only the first
    20.
    """
    known = [check.name for check in (*CHECKS, _SANDBOX)]
    unknown = sorted(set(only) - set(known))
    if unknown:
        typer.echo(
            f"isthmus: no check is named {', '.join(unknown)}; there are {', '.join(known)}.", err=True
        )
        return 2
    try:
        folder = find_folder(name)
        entry = read_entry(folder, Models(*list_model_folders(folder, models)))
    except SetupError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2
    outcomes = asyncio.run(run_suite(entry, [_SANDBOX]))
    chosen = [outcome for outcome in outcomes if not only or outcome.name in only]
    summary = {status: sum(outcome.status == status for outcome in chosen) for status in _MARKS}
    if output == "json":
        report = {"integration": entry.name, "folder": str(folder), "summary": summary}
        typer.echo(json.dumps({**report, "checks": [outcome.as_json() for outcome in chosen]}, indent=2))
    else:
        _print_outcomes(entry.name, folder, chosen, all_complaints=all_complaints)
        typer.echo(", ".join(f"{count} {status}" for status, count in summary.items()))
    return 1 if summary["failed"] else 0


def _print_outcomes(name: str, folder: Path, outcomes: Sequence[Outcome], *, all_complaints: bool) -> None:
    """Prints a line for each check, and its complaints below it."""
    typer.echo(f"{name} ({folder})")
    width = max((len(outcome.name) for outcome in outcomes), default=0)
    for outcome in outcomes:
        tail = " (skipped: fix the above first)" if outcome.status == "skipped" else ""
        typer.echo(
            f"  {_MARKS[outcome.status].ljust(4)}  {outcome.name.ljust(width)}  {outcome.holds_when}{tail}"
        )
        shown = outcome.complaints if all_complaints else outcome.complaints[:_MAX_COMPLAINTS]
        for complaint in shown:
            typer.echo(f"          - {complaint}")
        if len(shown) < len(outcome.complaints):
            typer.echo(f"          … {len(outcome.complaints) - len(shown)} more; --all shows them")
