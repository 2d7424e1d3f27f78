"""The commands of accounts and integrations besides list, get, create, update and delete."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.remote.options import ApiUrl, JsonOutput, Token

__all__ = ["add_commands"]

Id = Annotated[str, typer.Argument(help="Id of the integrated account.")]
Integration = Annotated[str, typer.Argument(help="Id or name of the integration.")]
Methods = Annotated[
    str | None, typer.Option(help="Only these methods, a,b; also the groups read and write.", metavar="NAMES")
]
Tags = Annotated[str | None, typer.Option(help="Only resources with one of these tags, a,b.", metavar="TAGS")]


def add_commands(accounts: typer.Typer, integrations: typer.Typer) -> None:
    """Adds the commands to the groups of accounts and of integrations."""
    accounts.command("identify")(identify_account)
    accounts.command("refresh-credentials")(refresh_credentials)
    accounts.command("empty-sandbox")(empty_sandbox)
    accounts.command("create-token")(create_token)
    accounts.command("tools")(list_account_tools)
    integrations.command("tools")(list_integration_tools)
    integrations.command("unified-apis")(list_unified_apis)


def identify_account(id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None) -> None:
    """Show the tenant, integration and status of an account.

    GET /integrated-account/ID, reduced to what people need.

    Example:

    isthmus accounts identify 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 -o table
    """
    from isthmus.cli.remote.resources.account_calls import identify_account

    raise typer.Exit(identify_account(id, api_url, token, output))


def refresh_credentials(
    id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None
) -> None:
    """Refresh an account's access token now.

    POST /integrated-account/refresh-credentials. Exit 0; 1: it cannot be
    refreshed; 3: not allowed; 4: no such account; 5: provider unreachable.

    Example:

    isthmus accounts refresh-credentials 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.remote.resources.account_calls import call_route

    raise typer.Exit(
        call_route("POST", "/integrated-account/refresh-credentials", api_url, token, output, body={"id": id})
    )


def empty_sandbox(id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None) -> None:
    """Delete what was written to a sandbox account; it answers with its examples again.

    DELETE /integrated-account/ID/sandbox.

    Example:

    isthmus accounts empty-sandbox 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.remote.resources.account_calls import call_route

    route = "/integrated-account"
    raise typer.Exit(call_route("DELETE", route, api_url, token, output, segments=(id, "sandbox")))


def create_token(id: Id, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None) -> None:
    """Create a token for this account alone, valid for 15 minutes; it is shown once.

    POST /integrated-account/token.

    Example:

    isthmus accounts create-token 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.remote.resources.account_calls import call_route

    body = {"integrated_account_id": id}
    raise typer.Exit(call_route("POST", "/integrated-account/token", api_url, token, output, body=body))


def list_account_tools(
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
    from isthmus.cli.remote.resources.account_calls import list_tools

    raise typer.Exit(list_tools("/integrated-account", id, methods, tags, api_url, token, output))


def list_integration_tools(
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
    from isthmus.cli.remote.resources.account_calls import list_tools

    raise typer.Exit(list_tools("/integration", id, methods, tags, api_url, token, output))


def list_unified_apis(
    id: Integration, api_url: ApiUrl = None, token: Token = None, output: JsonOutput = None
) -> None:
    """List the unified models that an integration is mapped to.

    GET /integration/ID/unified-apis.

    Example:

    isthmus integrations unified-apis quillboard
    """
    from isthmus.cli.remote.resources.account_calls import call_route

    raise typer.Exit(call_route("GET", "/integration", api_url, token, output, segments=(id, "unified-apis")))
