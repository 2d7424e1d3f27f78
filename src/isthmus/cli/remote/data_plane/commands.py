"""The commands that call the data plane of a server, and those that show what can be called.

The work of each is in another module, which is imported when the command runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from isthmus.cli.remote.options import (
    Account,
    ApiUrl,
    Body,
    JsonOutput,
    Key,
    Query,
    Stdin,
    TableOutput,
    Token,
)

__all__ = ["add_commands"]

Method = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--method",
        help="list, get, create, update, delete, or a custom method of the resource.",
        show_default="get with an id, otherwise list",
    ),
]
Id = Annotated[str | None, typer.Argument(help="Id of a record; any characters.")]
Explain = Annotated[
    bool, typer.Option("--explain", help="Show the request that would be sent, and why; send nothing.")
]


def add_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds the commands to the app. `panel`: in which its help lists them."""
    for name, command in (
        ("whoami", show_token_owner),
        ("capabilities", show_capabilities),
        ("unified", call_unified),
        ("proxy", call_proxy),
        ("custom", call_custom),
        ("batch", run_batch),
        ("export", export_records),
        ("schema", fetch_schema),
    ):
        app.command(name, rich_help_panel=panel)(command)


def show_token_owner(api_url: ApiUrl = None, token: Token = None, output: TableOutput = None) -> None:
    """Show the team, environment and name of the token.

    GET /me. Exit 0; 3: invalid token; 5: server unreachable.

    Example:

    isthmus whoami
    """
    from isthmus.cli.remote.data_plane.calls import show_token_owner

    raise typer.Exit(show_token_owner(api_url, token, output))


def show_capabilities(
    target: Annotated[str, typer.Argument(help="Id of an integrated account, or name of an integration.")],
    kind: Annotated[
        Literal["proxy", "unified", "all"], typer.Option("-t", "--type", help="Which methods.")
    ] = "all",
    resource: Annotated[str | None, typer.Option(help="Only this resource.")] = None,
    methods: Annotated[str | None, typer.Option(help="Only these methods, a,b.")] = None,
    described: Annotated[
        bool,
        typer.Option("--has-description/--no-has-description", help="Only proxy methods with a description."),
    ] = True,
    of: Annotated[
        Literal["integration", "account"] | None,
        typer.Option("--target", help="What the argument is.", show_default="by its form"),
    ] = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """List the resources and methods of an account or an integration.

    GET /integrated-account/ID/capabilities or /integration/NAME/capabilities.
    A table has a row for each resource. Exit 0; 4: not found.

    Examples:

    isthmus capabilities quillboard -o table

    isthmus capabilities 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --type unified
    """
    from isthmus.cli.remote.data_plane.calls import show_capabilities

    query = {"type": kind, "has_description": str(described).lower()}
    query |= {name: value for name, value in (("resource", resource), ("methods", methods)) if value}
    raise typer.Exit(show_capabilities(target, of, query, api_url, token, output))


def call_unified(
    model: Annotated[str, typer.Argument(help="Unified model, e.g. crm.")],
    resource: Annotated[str, typer.Argument(help="Resource of the model, e.g. contacts.")],
    account: Account = None,
    id: Id = None,
    method: Method = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    explain: Explain = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: TableOutput = None,
) -> None:
    """Call a unified API: the same records for every provider.

    list and get: GET /unified/MODEL/RESOURCE; create: POST; update: PATCH;
    delete: DELETE; any other method: POST /unified/MODEL/RESOURCE/METHOD.
    If there is another page, standard error has
    `Next page: -q next_cursor=...`.

    Exit 0; 1: refused; 3: not allowed; 4: not found; 5: server or provider
    unreachable; 7: too many requests.

    Examples:

    isthmus unified crm contacts -a quillboard -q limit=5

    isthmus unified crm contacts -a $ACCOUNT -m create -b @contact.json
    """
    from isthmus.cli.remote.data_plane.calls import call_resource

    raise typer.Exit(
        call_resource(
            ("unified", model, resource),
            id,
            account=account,
            method=method,
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            explain=explain,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def call_proxy(
    resource: Annotated[str, typer.Argument(help="Resource of the provider, e.g. contacts.")],
    account: Account = None,
    id: Id = None,
    method: Method = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    explain: Explain = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: TableOutput = None,
) -> None:
    """Call a resource of the provider's own API, without mapping.

    list and get: GET /proxy/RESOURCE; create: POST; update: PATCH; delete:
    DELETE; any other method: POST /proxy/RESOURCE/METHOD.
    `isthmus capabilities $ACCOUNT --type proxy` lists resources.

    Exit codes and pages as for `isthmus unified`.

    Examples:

    isthmus proxy contacts -a $ACCOUNT

    isthmus proxy contacts 42 -a quillboard -o yaml
    """
    from isthmus.cli.remote.data_plane.calls import call_resource

    raise typer.Exit(
        call_resource(
            ("proxy", resource),
            id,
            account=account,
            method=method,
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            explain=explain,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def call_custom(
    path: Annotated[str, typer.Argument(help="Path below the provider's base URL, e.g. /v2/things?x=1.")],
    account: Account = None,
    method: Annotated[str, typer.Option("-m", "--method", help="HTTP verb.")] = "GET",
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", help="name=value,name2=value2; can be repeated.", metavar="K=V"),
    ] = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    explain: Explain = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """Call any path of the provider's API, with the account's credentials.

    VERB /custom/PATH. A response that is not JSON goes to standard output
    unchanged, but not to a terminal. Exit codes as for `isthmus unified`.

    Examples:

    isthmus custom /v3/owners -a $ACCOUNT -q limit=5

    isthmus custom /files/7 -a $ACCOUNT > file.pdf
    """
    from isthmus.cli.remote.data_plane.calls import call_path

    raise typer.Exit(
        call_path(
            path,
            account=account,
            verb=method.upper(),
            headers=header or (),
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            explain=explain,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def run_batch(
    file: Annotated[Path | None, typer.Argument(help="The request as a JSON file.")] = None,
    body: Body = None,
    stdin: Stdin = False,
    account: Annotated[
        str | None,
        typer.Option("-a", "--account", help="Account, if the request names none."),
    ] = None,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """Make several calls of one account that use each other's results.

    POST /batch-request. Exit 0; 1: a call failed, or the request was refused;
    3: not allowed; 4: no such account; 5: server unreachable.

    Examples:

    isthmus batch request.json

    isthmus batch -a $ACCOUNT -b '{"resources": [{"resource": "crm/contacts", "method": "list"}]}'
    """
    from isthmus.cli.remote.data_plane.calls import run_batch

    raise typer.Exit(
        run_batch(
            file,
            body=body,
            stdin=stdin,
            account=account,
            key=idempotency_key,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def export_records(
    resource: Annotated[str, typer.Argument(help="crm/contacts, or contacts for the provider's own.")],
    account: Account = None,
    query: Query = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; it appears when it is complete.", show_default="standard output"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    limit: Annotated[int | None, typer.Option(help="Maximum number of records.", min=1)] = None,
    page_size: Annotated[int | None, typer.Option(help="Records per page, like -q limit.", min=1)] = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: Annotated[
        Literal["json", "ndjson", "csv", "yaml"], typer.Option("-o", "--output", help="Output format.")
    ] = "json",
) -> None:
    """Fetch all records of a list, page by page, and write each page at once.

    GET /unified/MODEL/RESOURCE, or /proxy/RESOURCE. If it fails midway,
    standard error has the cursor to continue from, and the name of the file
    beside --out with what was fetched, FILE.partial-1. CSV has the columns of
    the first record. Exit codes as for `isthmus unified`; 130: interrupted.

    Examples:

    isthmus export crm/contacts -a $ACCOUNT -o ndjson --out contacts.ndjson

    isthmus export contacts -a $ACCOUNT -o csv --limit 1000 > contacts.csv
    """
    from isthmus.cli.remote.data_plane.export import export_records

    raise typer.Exit(
        export_records(
            resource,
            account=account,
            query=query or (),
            out=out,
            force=force,
            limit=limit,
            page_size=page_size,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def fetch_schema(
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    api_url: ApiUrl = None,
    token: Token = None,
    output: Annotated[
        Literal["yaml", "json"], typer.Option("-o", "--output", help="Output format.")
    ] = "yaml",
) -> None:
    """Fetch the OpenAPI document, with the unified models of the token's environment.

    GET /openapi.json.

    Example:

    isthmus schema --out openapi.yaml
    """
    from isthmus.cli.remote.data_plane.calls import fetch_schema

    raise typer.Exit(fetch_schema(out, api_url, token, output, force=force))
