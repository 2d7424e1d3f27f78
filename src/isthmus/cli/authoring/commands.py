"""Commands for authors of definitions that are no group of their own. The work is imported when one runs."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.authoring.mapping_commands import mappings

__all__ = ["add_commands"]


def add_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds the commands to the app, all but those of integrations: their group is that of rows too."""
    app.command("expr", rich_help_panel=panel)(expression)
    app.add_typer(mappings, name="unified-mappings", rich_help_panel=panel)


def expression(
    text: Annotated[str, typer.Argument(help="A JSONata expression, or @file.")],
    document: Annotated[str | None, typer.Argument(help="A JSON file, or - for standard input.")] = None,
    trace: Annotated[bool, typer.Option("--trace", help="Show each step's input and output.")] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say why fields of the result came out empty.")
    ] = False,
    time: Annotated[bool, typer.Option("--time", help="Show how long it took.")] = False,
    python: Annotated[
        bool, typer.Option("--python", help="Show the Python it becomes, and do not run it.")
    ] = False,
) -> None:
    """Run a JSONata expression on a JSON document, with the functions of mappings.

    The result goes to standard output as JSON, nothing where there is none;
    all else to standard error. Nothing is sent, and no token is needed.

    Exit 0; 1: the expression fails, with its code and position, or a file
    cannot be read.

    Examples:

    isthmus expr '$sum(items.price)' order.json

    isthmus expr --explain @mapping.jsonata - < contact.json
    """
    from isthmus.cli.authoring.expression_command import run_expression

    raise typer.Exit(
        run_expression(text, document=document, trace=trace, explain=explain, time=time, python=python)
    )
