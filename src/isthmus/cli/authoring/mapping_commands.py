"""`isthmus unified-mappings`: for authors of mappings. Each command's work is imported when it runs."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from isthmus.cli.remote.options import ApiUrl, Token

__all__ = ["mappings"]

mappings = typer.Typer(help="Mapping files: check them, and put them on a server.", no_args_is_help=True)


@mappings.command("validate")
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="Mapping files, in YAML or JSON.")],
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show notes too, not only errors and warnings.")
    ] = False,
    environment_id: Annotated[
        str | None,
        typer.Option(help="Check against the unified model as this environment of the server has it."),
    ] = None,
    api_url: ApiUrl = None,
    token: Token = None,
) -> None:
    """Check mapping files: each finding with file, line and what would be right.

    A file is a mappings/<model>.yaml of an integration's folder, or an export
    <integration>.<model>.mappings.json. Nothing is sent. The model is the one
    beside it, or the shipped one; with --environment-id it is read by
    GET /environment-unified-model.

    Exit 0: no error, whatever is warned of; 1: an error; 2: no mapping file;
    3: not allowed; 5: server away.

    Examples:

    isthmus unified-mappings validate quillboard/mappings/crm.yaml

    isthmus unified-mappings validate -v quillboard.crm.mappings.json
    """
    from isthmus.cli.authoring.mapping_files import validate

    raise typer.Exit(
        validate(files, verbose=verbose, environment_id=environment_id, api_url=api_url, token=token)
    )


@mappings.command("apply")
def apply(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A mapping file, in YAML or JSON.")],
    target: Annotated[
        Literal["base", "env"] | None,
        typer.Option(
            help="Rows of the model itself, or of the environment over it.",
            show_default="an export's write_target, or base; else env",
        ),
    ] = None,
    api_url: ApiUrl = None,
    token: Token = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask. Needed where there is no terminal.")
    ] = False,
) -> None:
    """Make a server's mapping rows what the file says.

    POST or PATCH, with the row's version, of /unified-model-resource-method
    (base) or /environment-unified-model-resource-method (env), a row for each
    cell. A cell with apply_db_action skip is left out. Nothing is deleted.

    Exit 0: done; 1: errors in the file; 2: no mapping file, or nobody to ask;
    3: not allowed; 4: not found; 5: server away; 6: changed meanwhile.

    Examples:

    isthmus unified-mappings apply quillboard/mappings/crm.yaml --yes

    isthmus unified-mappings apply quillboard.crm.mappings.json --dry-run
    """
    from isthmus.cli.authoring.mapping_files import apply

    raise typer.Exit(apply(file, target=target, api_url=api_url, token=token, dry_run=dry_run, yes=yes))
