"""What can be done with an account, or asked of it or of an integration, besides changing its row."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.remote.options import ApiUrl, JsonOutput, Token

__all__ = ["add_to"]

Id = Annotated[str, typer.Argument(help="Id of the integrated account.")]
Integration = Annotated[str, typer.Argument(help="Id or name of the integration.")]
Methods = Annotated[
    str | None, typer.Option(help="Only these methods, a,b; also read and write.", metavar="NAMES")
]
Tags = Annotated[str | None, typer.Option(help="Only resources with one of these tags, a,b.", metavar="TAGS")]


def add_to(accounts: typer.Typer, integrations: typer.Typer) -> None:
    for command in (identify, refresh_credentials, create_token, account_tools):
        accounts.command(command.__name__.replace("_", "-").removeprefix("account-"))(command)
    for command in (integration_tools, unified_apis):
        integrations.command(command.__name__.replace("_", "-").removeprefix("integration-"))(command)


def identify(id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None) -> None:
    """Say whose account it is, of which product, and in what state.

    GET /integrated-account/ID, without what only a program needs.

    Example:

    isthmus accounts identify 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 -o table
    """
    from isthmus.cli.remote.resources.account_calls import identify as work

    raise typer.Exit(work(id, api_url, token, output))


def refresh_credentials(
    id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None
) -> None:
    """Renew an account's access token now, as a call would when it ends.

    POST /integrated-account/refresh-credentials. Exit 0; 1: it cannot be
    renewed; 3: not allowed; 4: no such account; 5: the product is away.

    Example:

    isthmus accounts refresh-credentials 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.remote.resources.account_calls import call as work

    raise typer.Exit(
        work("POST", "/integrated-account/refresh-credentials", api_url, token, output, body={"id": id})
    )


def create_token(id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None) -> None:
    """Make a token that calls this account alone, for 15 minutes; it is shown once.

    POST /integrated-account/token.

    Example:

    isthmus accounts create-token 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.remote.resources.account_calls import call as work

    body = {"integrated_account_id": id}
    raise typer.Exit(work("POST", "/integrated-account/token", api_url, token, output, body=body))


def account_tools(
    id: Id,
    methods: Methods = None,
    tags: Tags = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """List the tools of an account for agents: names, descriptions, schemas.

    GET /integrated-account/ID/tools.

    Example:

    isthmus accounts tools 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --methods read
    """
    from isthmus.cli.remote.resources.account_calls import tools as work

    raise typer.Exit(work("/integrated-account", id, methods, tags, api_url, token, output))


def integration_tools(
    id: Integration,
    methods: Methods = None,
    tags: Tags = None,
    api_url: ApiUrl = None,
    token: Token = None,
    output: JsonOutput = None,
) -> None:
    """List the tools of an integration for agents: names, descriptions, schemas.

    GET /integration/ID/tools.

    Example:

    isthmus integrations tools quillboard --methods list,get
    """
    from isthmus.cli.remote.resources.account_calls import tools as work

    raise typer.Exit(work("/integration", id, methods, tags, api_url, token, output))


def unified_apis(
    id: Integration, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None
) -> None:
    """List the unified models that an integration is mapped to.

    GET /integration/ID/unified-apis.

    Example:

    isthmus integrations unified-apis quillboard
    """
    from isthmus.cli.remote.resources.account_calls import call as work

    raise typer.Exit(work("GET", "/integration", api_url, token, output, below=(id, "unified-apis")))
