"""The commands that administer the database of this server.

The work of each is in another module, which is imported when the command runs.
"""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.record_output import Format

__all__ = ["accounts", "add_commands", "environments"]

environments = typer.Typer(
    help="Environments: create and list those of this database; read and update those of any server.",
    no_args_is_help=True,
)
tokens = typer.Typer(help="API tokens of this server's database: create, list, revoke.", no_args_is_help=True)
accounts = typer.Typer(
    help="Integrated accounts of any server; block and unblock those of this server's database.",
    no_args_is_help=True,
)
configuration = typer.Typer(help="Settings of this server.", no_args_is_help=True)
database = typer.Typer(
    help="This server's database: create it, change its encryption key.", no_args_is_help=True
)

Output = Annotated[Format, typer.Option("-o", "--output", help="Output format.")]


def add_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds all commands but those of the groups accounts and environments, which have remote commands too."""
    app.command("connect", rich_help_panel=panel)(print_connect_link)
    app.command("explain", rich_help_panel=panel)(explain)
    for name, group in (("tokens", tokens), ("config", configuration), ("db", database)):
        app.add_typer(group, name=name, rich_help_panel=panel)


def print_connect_link(
    integration: Annotated[
        str | None, typer.Argument(help="Name of an integration; without it the person chooses.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Your own id of the customer who connects.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Id of an account to reconnect, instead of --tenant.")
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(help="Id or name of the environment; optional if there is only one."),
    ] = None,
    redirect_uri: Annotated[str | None, typer.Option(help="Where the browser is sent at the end.")] = None,
) -> None:
    """Print a link that lets one person connect one account, within 7 days.

    The link opens in any browser that reaches the server. It is created in
    this server's database, with the address ISTHMUS_PUBLIC_APP_URL, or
    ISTHMUS_API_URL, or that of the active profile.

    Examples:

    isthmus connect quillboard --tenant acme

    isthmus connect --account 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.local.connect import print_connect_link

    print_connect_link(
        integration, tenant=tenant, account=account, environment=environment, redirect_uri=redirect_uri
    )


def explain(
    id: Annotated[str, typer.Argument(help="Id of an integrated account, or of an install.")],
    path: Annotated[
        str | None, typer.Option(help="Only values of the definition at or below it, e.g. pagination.")
    ] = None,
    model: Annotated[str | None, typer.Option(help="Only mappings of this unified model.")] = None,
    resource: Annotated[str | None, typer.Option(help="Only mappings of this unified resource.")] = None,
    method: Annotated[str | None, typer.Option(help="Only mappings of this method.")] = None,
    output: Annotated[str, typer.Option("-o", "--output", help="text or json.")] = "text",
) -> None:
    """Show what an account uses: each value with the layer that set it.

    Reads definition and mappings from this server's database. With --model,
    --resource or --method, text output shows only mappings.

    Examples:

    isthmus explain 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --path pagination

    isthmus explain 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --model crm -o json
    """
    from isthmus.cli.local.explain import explain

    explain(id, path=path, model=model, resource=resource, method=method, output=output)


@environments.command("create")
def create_environment(name: Annotated[str, typer.Argument(help="Unique in the team.")]) -> None:
    """Create an environment with everything that is shipped; print id and name.

    Example:

    isthmus environments create production
    """
    from isthmus.cli.local.administration import create_environment

    create_environment(name)


@environments.command("list")
def list_environments(output: Output = "table") -> None:
    """List the environments: id, name, time of creation.

    Example:

    isthmus environments list
    """
    from isthmus.cli.local.administration import list_environments

    list_environments(output)


@tokens.command("create")
def create_token(
    environment: Annotated[str, typer.Option(help="Id or name of the environment.")],
    name: Annotated[str, typer.Option(help="Its purpose; shown in lists.")] = "cli",
    expires_in_days: Annotated[int | None, typer.Option(help="Days until it expires.", min=1)] = None,
) -> None:
    """Create an API token and print it, once: it is stored only as a hash.

    Only the token goes to standard output. A running server accepts it within
    a second.

    Examples:

    isthmus tokens create --environment development

    isthmus tokens create --environment production --name backend > token.txt
    """
    from isthmus.cli.local.administration import create_token

    create_token(environment, name, expires_in_days)


@tokens.command("list")
def list_tokens(
    environment: Annotated[str | None, typer.Option(help="Only of this environment (id or name).")] = None,
    output: Output = "table",
) -> None:
    """List the API tokens: id, environment, name, prefix, state.

    Example:

    isthmus tokens list --environment production
    """
    from isthmus.cli.local.administration import list_tokens

    list_tokens(environment, output)


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Id of the token.")]) -> None:
    """Revoke an API token; a running server refuses it within a second.

    `isthmus tokens list` shows the ids.

    Example:

    isthmus tokens revoke 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.local.administration import revoke_token

    revoke_token(token)


@accounts.command("block")
def block_account(
    id: Annotated[str, typer.Argument(help="Id of an integrated account.")],
    reason: Annotated[str | None, typer.Option(help="Reason; only shown by `accounts blocked`.")] = None,
) -> None:
    """Block all calls of an account: a server responds 503 within a second.

    Example:

    isthmus accounts block 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --reason "loops"
    """
    from isthmus.cli.local.administration import block_account

    block_account(id, reason)


@accounts.command("unblock")
def unblock_account(id: Annotated[str, typer.Argument(help="Id of the account.")]) -> None:
    """Remove an account from the block list, and end a provider's wait.

    Also for an account that is not blocked, but is not called because its
    provider asked to wait (Retry-After).

    Example:

    isthmus accounts unblock 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.local.administration import unblock_account

    unblock_account(id)


@accounts.command("blocked")
def list_blocked_accounts(output: Output = "table") -> None:
    """List the blocked accounts: id, environment, tenant, time, reason.

    Example:

    isthmus accounts blocked
    """
    from isthmus.cli.local.administration import list_blocked_accounts

    list_blocked_accounts(output)


@configuration.command("show")
def show_configuration(output: Output = "table") -> None:
    """Show each setting that a server started here would have, and its source.

    Of secrets, only shows that they are set. Opens and creates nothing.
    Exit 0; 1: a variable is invalid.

    Example:

    isthmus config show
    """
    from isthmus.cli.local.configuration import show_configuration

    show_configuration(output)


@database.command("init")
def init_database(
    new: Annotated[
        bool,
        typer.Option(
            "--new", help="There must be no database; an existing key file is used for the new one."
        ),
    ] = False,
) -> None:
    """Create this server's database, without starting a server.

    The first start of a server does the same. But it refuses to where a key
    file is left of a database that is gone: restore that, or start over with
    --new. The next start then creates a team and prints a token.

    Exit 0; 1: with --new, there is a database, which is left as it is.

    Examples:

    isthmus db init

    isthmus db init --new
    """
    from isthmus.cli.local.administration import init_database

    init_database(new=new)


@database.command("rotate-key")
def rotate_key(
    new_key: Annotated[
        str | None,
        typer.Option(
            metavar="-",
            help="Read the new key from standard input; default ISTHMUS_NEW_SECRET_KEY, or a generated key.",
        ),
    ] = None,
) -> None:
    """Encrypt every secret with a new key, while servers keep running.

    On SQLite the new key is stored in the key file. Otherwise it is printed
    before it is used: put it first in ISTHMUS_SECRET_KEY of every server,
    before the old one, and run this again with it (docs/howto/operate.md).

    Exit 0; 1: some values are encrypted with a key that is not configured.

    Examples:

    isthmus db rotate-key

    isthmus db rotate-key --new-key - < key.txt
    """
    from isthmus.cli.local.administration import rotate_key

    rotate_key(new_key)
