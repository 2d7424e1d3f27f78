"""Commands that call a server as applications do: the data plane, and what can be asked before a call."""

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

__all__ = ["add_to"]

Method = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--method",
        help="list, get, create, update, delete, or one of the resource's own.",
        show_default="get with an id, else list",
    ),
]
Id = Annotated[str | None, typer.Argument(help="Id of a record; any characters.")]


def add_to(app: typer.Typer, *, panel: str) -> None:
    for command in (whoami, capabilities, unified, proxy, custom, batch, export, schema):
        app.command(command.__name__, rich_help_panel=panel)(command)


def whoami(api_url: ApiUrl = None, token: Token = None, output: TableOutput = None) -> None:
    """Show whose token it is: team, environment, name.

    GET /me. Exit 0; 3: the token is not valid; 5: server away.

    Example:

    isthmus whoami
    """
    from isthmus.cli.remote.data_plane.calls import whoami as work

    raise typer.Exit(work(api_url, token, output))


def capabilities(
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
        typer.Option("--target", help="What the argument is.", show_default="told by its form"),
    ] = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """List what an account or an integration can be asked for.

    GET /integrated-account/ID/capabilities or /integration/NAME/capabilities.
    A table has a row for each resource. Exit 0; 4: neither is there.

    Examples:

    isthmus capabilities quillboard -o table

    isthmus capabilities 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --type unified
    """
    from isthmus.cli.remote.data_plane.calls import capabilities as work

    query = {"type": kind, "has_description": str(described).lower()}
    query |= {name: value for name, value in (("resource", resource), ("methods", methods)) if value}
    raise typer.Exit(work(target, of, query, api_url, token, output))


def unified(
    model: Annotated[str, typer.Argument(help="Unified model, e.g. crm.")],
    resource: Annotated[str, typer.Argument(help="Resource of the model, e.g. contacts.")],
    account: Account = None,
    id: Id = None,
    method: Method = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: TableOutput = None,
) -> None:
    """Call a unified API: the same records whatever product is behind the account.

    list and get: GET /unified/MODEL/RESOURCE; create: POST; update: PATCH;
    delete: DELETE; any other method: POST /unified/MODEL/RESOURCE/METHOD.
    After a page with more behind it, standard error has
    `Next page: -q next_cursor=...`.

    Exit 0; 1: refused; 3: not allowed; 4: not found; 5: server or product
    away; 7: too many requests.

    Examples:

    isthmus unified crm contacts -a $ACCOUNT -q limit=5

    isthmus unified crm contacts -a $ACCOUNT -m create -b @contact.json
    """
    from isthmus.cli.remote.data_plane.calls import resource_call as work

    raise typer.Exit(
        work(
            ("unified", model, resource),
            id,
            account=account,
            method=method,
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def proxy(
    resource: Annotated[str, typer.Argument(help="The product's own resource, e.g. contacts.")],
    account: Account = None,
    id: Id = None,
    method: Method = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: TableOutput = None,
) -> None:
    """Call the product's own API by the names of its definition, nothing mapped.

    list and get: GET /proxy/RESOURCE; create: POST; update: PATCH; delete:
    DELETE; any other method: POST /proxy/RESOURCE/METHOD. What there is:
    `isthmus capabilities $ACCOUNT --type proxy`.

    Exit codes and pages as of `isthmus unified`.

    Examples:

    isthmus proxy contacts -a $ACCOUNT

    isthmus proxy contacts 42 -a $ACCOUNT -o yaml
    """
    from isthmus.cli.remote.data_plane.calls import resource_call as work

    raise typer.Exit(
        work(
            ("proxy", resource),
            id,
            account=account,
            method=method,
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def custom(
    path: Annotated[str, typer.Argument(help="Path below the product's address, e.g. /v2/things?x=1.")],
    account: Account = None,
    method: Annotated[str, typer.Option("-m", "--method", help="HTTP verb.")] = "GET",
    header: Annotated[
        list[str] | None,
        typer.Option("-H", "--header", help="name=value,name2=value2; repeat.", metavar="K=V"),
    ] = None,
    query: Query = None,
    body: Body = None,
    stdin: Stdin = False,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """Call any path of the product's API, authorized as the account.

    VERB /custom/PATH. An answer that is no JSON goes to standard output as it
    is, but not to a terminal. Exit codes as of `isthmus unified`.

    Examples:

    isthmus custom /v3/owners -a $ACCOUNT -q limit=5

    isthmus custom /files/7 -a $ACCOUNT > file.pdf
    """
    from isthmus.cli.remote.data_plane.calls import custom_call as work

    raise typer.Exit(
        work(
            path,
            account=account,
            verb=method.upper(),
            headers=header or (),
            query=query or (),
            body=body,
            stdin=stdin,
            key=idempotency_key,
            api_url=api_url,
            token=token,
            output=output,
        )
    )


def batch(
    file: Annotated[Path | None, typer.Argument(help="The request as a JSON file.")] = None,
    body: Body = None,
    stdin: Stdin = False,
    account: Annotated[
        str | None, typer.Option("-a", "--account", help="Id of the account, where the request names none.")
    ] = None,
    idempotency_key: Key = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """Make several calls of one account that read what others gave.

    POST /batch-request. Exit 0; 1: a call of it failed, or the request was
    refused; 3: not allowed; 4: no such account; 5: server away.

    Examples:

    isthmus batch request.json

    isthmus batch -a $ACCOUNT -b '{"resources": [{"resource": "crm/contacts", "method": "list"}]}'
    """
    from isthmus.cli.remote.data_plane.calls import batch as work

    raise typer.Exit(
        work(
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


def export(
    resource: Annotated[str, typer.Argument(help="crm/contacts, or contacts for the product's own.")],
    account: Account = None,
    query: Query = None,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write; it appears when it is whole.", show_default="standard output"),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    limit: Annotated[int | None, typer.Option(help="Records at most.", min=1)] = None,
    page_size: Annotated[int | None, typer.Option(help="Records of a page, as of -q limit.", min=1)] = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: Annotated[
        Literal["json", "ndjson", "csv", "yaml"], typer.Option("-o", "--output", help="How to write it.")
    ] = "json",
) -> None:
    """Fetch every record of a list, page by page, and write each page as it comes.

    GET /unified/MODEL/RESOURCE, or /proxy/RESOURCE. Where it breaks off,
    standard error has the cursor to go on from, and the file beside --out
    that keeps what was fetched, FILE.partial-1. Columns of CSV are those of
    the first record. Exit codes as of `isthmus unified`; 130: interrupted.

    Examples:

    isthmus export crm/contacts -a $ACCOUNT -o ndjson --out contacts.ndjson

    isthmus export contacts -a $ACCOUNT -o csv --limit 1000 > contacts.csv
    """
    from isthmus.cli.remote.data_plane.export import export as work

    raise typer.Exit(
        work(
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


def schema(
    out: Annotated[Path | None, typer.Option(help="File to write.", show_default="standard output")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
    api_url: ApiUrl = None,
    token: Token = None,
    output: Annotated[
        Literal["yaml", "json"], typer.Option("-o", "--output", help="How to write it.")
    ] = "yaml",
) -> None:
    """Fetch the OpenAPI document, with the unified models of the token's environment.

    GET /openapi.json.

    Example:

    isthmus schema --out openapi.yaml
    """
    from isthmus.cli.remote.data_plane.calls import schema as work

    raise typer.Exit(work(out, api_url, token, output, force=force))
