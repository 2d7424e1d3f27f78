"""`isthmus integrations`: for authors of definitions. Each command's work is imported when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from isthmus.cli.remote.options import ApiUrl, Token

__all__ = ["integrations"]

integrations = typer.Typer(
    help="Integrations: make, check, test, record and apply their files; rows of any server.",
    no_args_is_help=True,
)

ModelsFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Your own unified models, <name>/model.yaml; they count before shipped ones of their names.",
    ),
]

Folder = Annotated[
    str,
    typer.Argument(metavar="FOLDER", help="Folder of the integration, or a name in the shipped catalogue."),
]


@integrations.command("init")
def init(
    name: Annotated[str | None, typer.Argument(help="A slug: lower-case letters, digits, - and _.")] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            help="Folder to make its folder in, e.g. catalog/integrations.",
            show_default="the working directory",
        ),
    ] = None,
    prints: Annotated[
        bool, typer.Option("--print", help="Print the definition alone, and write nothing.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Write the definition alone, to this file (.yaml or .json).")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="Name for people.", show_default="made of the name")
    ] = None,
    category: Annotated[
        str | None, typer.Option(help="Kind of provider.", show_default="the model's")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option(help="Put before every path; {{credentials.url}} asks whoever connects."),
    ] = None,
    auth: Annotated[
        str,
        typer.Option(
            help="api_key (a header), bearer, basic, oauth2, oauth2_client_credentials, keka_oauth, or oauth "
            "(1.0a)."
        ),
    ] = "api_key",
    pagination: Annotated[str, typer.Option(help="cursor, page, offset, link_header or none.")] = "cursor",
    resources: Annotated[
        str | None,
        typer.Option(help="The provider's own, a,b; own:unified maps one to a resource of the model."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Unified model to map, e.g. crm.")] = None,
    webhook: Annotated[
        bool, typer.Option("--webhook", help="Add an inbound webhook, with an HMAC signature.")
    ] = False,
    schemas: Annotated[
        str | None,
        typer.Option(
            help="URL where your editor finds the JSON Schemas.", show_default="/schemas of ISTHMUS_API_URL"
        ),
    ] = None,
) -> None:
    """Write the first files of an integration, valid as they stand.

    They are a definition, mappings, examples, docs.md and a logo. Nothing is
    overwritten, and nothing is sent: `isthmus integrations apply` does that.
    What is missing is asked for on a terminal. Exit 0; 2 for what is missing,
    wrong or already there.

    Examples:

    isthmus integrations init quillboard --base-url https://paper.example
    --resources people

    isthmus integrations init quillboard --base-url "{{credentials.url}}"
    --model crm --resources people:contacts,firms:accounts

    isthmus integrations init quillboard --base-url https://paper.example
    --resources people --out quillboard.integration.json
    """
    from isthmus.cli.authoring.write_scaffold import init

    raise typer.Exit(
        init(
            name,
            into=into,
            print_only=prints,
            out=out,
            label=label,
            category=category,
            base_url=base_url,
            auth=auth,
            pagination=pagination,
            resources=resources,
            model=model,
            has_webhook=webhook,
            schemas_url=schemas,
        )
    )


@integrations.command("lint", hidden=True)
@integrations.command("validate")
def validate(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...",
            help="Definition, mapping or exchanges in YAML or JSON, a folder of them, or the id or name of a "
            "stored integration.",
        ),
    ] = None,
    file: Annotated[list[Path] | None, typer.Option(help="A file, as the argument; repeat.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read one document from standard input.")] = False,
    ignore_warnings: Annotated[
        bool, typer.Option("--ignore-warnings", help="Only errors make it fail.")
    ] = False,
    ignore_info: Annotated[bool, typer.Option("--ignore-info", help="Leave notes out.")] = False,
    against: Annotated[
        Path | None, typer.Option(help="Earlier integration file: tell which methods came or went.")
    ] = None,
    integration_config_dir: Annotated[
        Path | None,
        typer.Option(
            help="Folder of integrations whose sections yours are compared with, to find unusual ones.",
            show_default="the shipped ones",
        ),
    ] = None,
    models: ModelsFolder = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: Annotated[
        Literal["text", "json", "ndjson", "csv"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> None:
    """Check files: each finding with file, line, path and what would be right.

    Files are not sent. A name that is no file is that of an integration on a
    server, which is read by GET /integration. Exit 0: nothing blocks; 1: an
    error, or a warning; 2: a file cannot be read; 3: not allowed; 4: not
    found; 5: server away; 7: too many requests.

    Examples:

    isthmus integrations validate quillboard

    isthmus integrations validate -o json quillboard/integration.yaml
    """
    from isthmus.cli.authoring.validate_files import ValidationRequest, validate

    request = ValidationRequest(
        [*(files or ()), *map(str, file or ())],
        stdin=stdin,
        against=against,
        corpus=integration_config_dir,
        models=models,
        api_url=api_url,
        token=token,
    )
    raise typer.Exit(
        validate(request, ignore_warnings=ignore_warnings, ignore_info=ignore_info, output=output)
    )


@integrations.command("test")
def run_contract(
    integration: Folder,
    check: Annotated[list[str] | None, typer.Option(help="Show this check only; repeat for several.")] = None,
    models: ModelsFolder = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Show every complaint, not the first 20 of each check.")
    ] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> None:
    """Run the contract suite on one integration, against its own examples.

    Nothing is sent. Exit 0: everything holds; 1: something does not; 2: the
    files cannot be read.

    Examples:

    isthmus integrations test quillboard

    isthmus integrations test quillboard --check fields -o json

    isthmus integrations test quillboard --models unified
    """
    from isthmus.cli.authoring.contract_suite import run_contract

    raise typer.Exit(
        run_contract(integration, only=check or (), models=models, all_complaints=everything, output=output)
    )


@integrations.command("record")
def record(
    integration: Folder,
    account: Annotated[str, typer.Option(help="Id of the integrated account that is called.")],
    method: Annotated[
        list[str] | None,
        typer.Option(help="<resource>.list or <resource>.get; repeat. Else every read method."),
    ] = None,
    query: Annotated[
        list[str] | None, typer.Option(help="name=value, for lists below a parent; repeat.")
    ] = None,
    limit: Annotated[int, typer.Option(help="Records of a page.", min=1, max=100)] = 3,
    pages: Annotated[int, typer.Option(help="Pages of a list, at most.", min=1, max=50)] = 2,
    keep: Annotated[
        list[str] | None, typer.Option(help="Dotted path whose text is kept, * for any part; repeat.")
    ] = None,
    redact: Annotated[
        list[str] | None, typer.Option(help="Dotted path whose value is redacted; repeat.")
    ] = None,
    id_field: Annotated[
        list[str] | None,
        typer.Option(
            help="Dotted field, or RESOURCE=FIELD, of the ids that gets are called by; repeat.",
            show_default="the mapping's id, else id",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and write nothing.")
    ] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("-o", "--output", help="How to print it.")
    ] = "text",
) -> None:
    """Call a real account, and write its answers into examples/, redacted.

    Works on this server's database, beside a running server. Only lists and
    gets are called, by the definition in the folder. Secrets, names, e-mails,
    telephone numbers, ids and texts are replaced; the rules are in
    docs/reference/recordings.md. The same answers give the same files. At a
    rate limit, it waits as long as the provider asks, 5 minutes a call at most.

    Exit 0: each method was recorded; 1: one was not; 2: asked for wrongly;
    3: credentials refused; 4: no such account; 5: the provider cannot be reached.

    Examples:

    isthmus integrations record quillboard --account 0b6f2c1e-6a55-4f0e...

    isthmus integrations record quillboard --account 0b6f2c1e-6a55-4f0e...
    --method notes.list --query board_id=7 --dry-run
    """
    from isthmus.cli.authoring.record_account import record

    raise typer.Exit(
        record(
            integration,
            account=account,
            methods=method or (),
            query=query or (),
            limit=limit,
            pages=pages,
            keep=keep or (),
            redact=redact or (),
            id_fields=id_field or (),
            dry_run=dry_run,
            output=output,
        )
    )


@integrations.command("apply")
def apply(
    integration: Folder,
    api_url: ApiUrl = None,
    token: Token = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")
    ] = False,
    slug_override: Annotated[
        str | None, typer.Option(help="Another name for what is created.", metavar="NAME")
    ] = None,
    docs_only: Annotated[
        bool, typer.Option("--docs-only", help="Only the documentation rows of what is there.")
    ] = False,
) -> None:
    """Make a server's rows what the folder says, and install the integration.

    POST or PATCH /integration, POST /environment-integration, a row of
    /environment-unified-model-resource-method for each mapping, and of
    /documentation for each row in the file and docs.md. Nothing is deleted.
    The models are checked first: one that is not installed, or lacks a mapped
    resource or method, ends it with nothing written. After a refusal in the
    midst, it says what was done before.
    A file `<name>.integration.json` is applied without a folder around it.

    Exit 0: done; 1: errors in the files; 2: wrong usage, or the files cannot
    be read; 3: not allowed; 4: not found; 5: server away; 6: changed
    meanwhile; 7: too many requests.

    Examples:

    isthmus integrations apply quillboard --token isth_...

    isthmus integrations apply quillboard --dry-run
    """
    from isthmus.cli.authoring.apply_integration import apply

    raise typer.Exit(
        apply(
            integration,
            api_url=api_url,
            token=token,
            dry_run=dry_run,
            slug=slug_override,
            docs_only=docs_only,
        )
    )
