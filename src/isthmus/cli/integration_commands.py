"""`isthmus integrations`: for authors of definitions. Each command's work is imported when it runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

__all__ = ["app"]

app = typer.Typer(help="Integration definitions: make, check, test, record.", no_args_is_help=True)

Folder = Annotated[
    str,
    typer.Argument(metavar="FOLDER", help="Folder of the integration, or a name in the shipped catalogue."),
]


@app.command("validate")
def validate(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...", help="Definition, mapping or exchanges in YAML or JSON, or a folder of them."
        ),
    ],
    ignore_warnings: Annotated[bool, typer.Option(help="Only errors make it fail.")] = False,
    output: Annotated[
        Literal["text", "json", "csv"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> None:
    """Check files: each finding with file, line, path and what would be right. Nothing is sent.

    Exit 0: nothing blocks; 1: an error, or a warning; 2: a file cannot be read.

        isthmus integrations validate quillboard
        isthmus integrations validate -o json quillboard/integration.yaml
    """
    from isthmus.cli.validate import validate as work

    raise typer.Exit(work(files, ignore_warnings=ignore_warnings, output=output))


@app.command("test")
def run_contract(
    integration: Folder,
    check: Annotated[list[str] | None, typer.Option(help="Show this check only; repeat for several.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every complaint, not the first 20 of each check.")
    ] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> None:
    """Run the contract suite on one integration, against its own examples. Nothing is sent.

    Exit 0: everything holds; 1: something does not; 2: the files cannot be read.

        isthmus integrations test quillboard
        isthmus integrations test quillboard --check fields --check losses -o json
    """
    from isthmus.cli.contract import run_contract as work

    raise typer.Exit(work(integration, only=check or (), everything=everything, output=output))
