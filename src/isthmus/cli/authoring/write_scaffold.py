"""Implements `isthmus integrations init`: writes the first files of an integration, never over existing
ones."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import typer

from isthmus.authoring.contract.catalog_entry import Models
from isthmus.authoring.lint import validate_file
from isthmus.authoring.scaffold import Resource, ScaffoldRequest, build_scaffold
from isthmus.cli.remote.api_client import get_configured_url
from isthmus.definitions.yaml_source import parse_document
from isthmus.errors import BadRequest
from isthmus.integrations.catalog.shipped_files import find_catalog

__all__ = ["init"]

_DEFINITION_FILE: Final = "integration.yaml"


def init(
    name: str | None,
    *,
    into: Path | None,
    print_only: bool,
    out: Path | None,
    label: str | None,
    category: str | None,
    base_url: str | None,
    auth: str,
    pagination: str,
    resources: str | None,
    model: str | None,
    has_webhook: bool,
    schemas_url: str | None,
) -> int:
    """Writes the first files of an integration; asks for a missing name, address and resources on the
    terminal. Returns the exit code: 0, or 2 if something is missing, wrong or exists already.

    `print_only`: prints the definition only. `out`: writes the definition only, to this file. Otherwise a
    folder with all files is made in `into`. `resources`: a text as of `_parse_resources`. `schemas_url`: the
    URL of the JSON Schemas; None for those of the server that commands call.
    """
    if sum((print_only, out is not None, into is not None)) > 1:
        typer.echo("isthmus: choose one of --print, --out and --into.", err=True)
        return 2
    name = _get_or_ask(name, "NAME", "Name (a slug, as in the folder's name)")
    base_url = _get_or_ask(base_url, "--base-url", "Address that every path is put behind")
    resource_list = _get_or_ask(
        resources, "--resources", "Resources of the provider, a,b (own:unified maps one)"
    )
    if name is None or base_url is None or resource_list is None:
        return 2
    models = Models(find_catalog().path / "unified")
    request = ScaffoldRequest(
        name=name,
        label=label or name.replace("-", " ").replace("_", " ").title(),
        base_url=base_url.rstrip("/"),
        auth=auth,
        pagination=pagination,
        resources=_parse_resources(resource_list, model, models),
        models=models,
        model=model,
        category=category,
        has_webhook=has_webhook,
        schemas_url=f"{get_configured_url()}/schemas" if schemas_url is None else schemas_url.rstrip("/"),
    )
    try:
        files = build_scaffold(request)
    except BadRequest as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2
    if print_only or out is not None:
        return _write_definition(files, out)
    return _write_new_folder(files, (into or Path()) / name)


def _write_new_folder(files: Mapping[str, str], folder: Path) -> int:
    """Writes the files to a new folder and returns the exit code."""
    if folder.exists():
        return _refuse_existing(folder, "--into")
    _write_files(folder, files)
    _print_next_steps(folder, files)
    return 0


def _write_definition(files: Mapping[str, str], out: Path | None) -> int:
    """Writes only the definition and returns the exit code. `out`: None for standard output."""
    text = files[_DEFINITION_FILE]
    if out is not None and out.suffix == ".json":
        text = json.dumps(parse_document(text).data, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            return _refuse_existing(out, "--out")
        except OSError as error:
            typer.echo(f"isthmus: {out} cannot be written: {error.strerror}.", err=True)
            return 2
        typer.echo(out)
    omitted_names = sorted({path.partition("/")[0] for path in files} - {_DEFINITION_FILE})
    typer.echo(
        f"Left out: {', '.join(omitted_names)}. Without --print and --out, a folder has them too.", err=True
    )
    return 0


def _refuse_existing(path: Path, option: str) -> int:
    """Prints that the path exists and returns the exit code 2."""
    typer.echo(
        f"isthmus: {path} is already there, and nothing is overwritten. Choose another name or {option}.",
        err=True,
    )
    return 2


def _get_or_ask(value: str | None, option: str, question: str) -> str | None:
    """Returns the value, or the answer to the question; None, and prints a message, if there is no terminal
    to ask on."""
    if value:
        return value
    if sys.stdin.isatty() and sys.stderr.isatty():
        return str(typer.prompt(question, err=True))
    typer.echo(f"isthmus: {option} is missing, and there is no terminal to ask on.", err=True)
    return None


def _parse_resources(text: str, model: str | None, models: Models) -> list[Resource]:
    """Parses a text such as `a,own:unified` into resources. A name that the model has too is mapped to that
    resource."""
    shared = models[model].file.resources if model in models.names else {}
    parsed = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, unified = part.partition(":")
        parsed.append(Resource(name, unified or (name if name in shared else None)))
    return parsed


def _write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Writes all files or none: they are written beside the folder and then moved to it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary_folder:
        staged_folder = Path(temporary_folder) / folder.name
        for path, content in files.items():
            target = staged_folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        staged_folder.rename(folder)


def _print_next_steps(folder: Path, files: Mapping[str, str]) -> None:
    """Prints the written paths, the lint's findings, and the commands to run next."""
    for path in sorted(files):
        typer.echo(f"{folder / path}")
    report = validate_file(folder / _DEFINITION_FILE)
    for line in report.format_lines():
        typer.echo(line, err=True)
    commands = "\n".join(f"  isthmus integrations {command} {folder}" for command in ("validate", "test"))
    typer.echo(f"\nFill it in, then:\n{commands}", err=True)
