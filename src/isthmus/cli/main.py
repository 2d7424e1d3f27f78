"""The `isthmus` command: groups and their help. Each command's work is in a module of its own, imported when
it runs, so that `--help` answers at once."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from isthmus import __version__
from isthmus.cli.integration_commands import app as integrations
from isthmus.cli.mapping_commands import app as unified_mappings
from isthmus.errors import IsthmusError

__all__ = ["app", "run"]

app = typer.Typer(
    name="isthmus",
    help="Self-hosted unified API: one schema over your customers' accounts in other products.",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
environments = typer.Typer(help="Environments of this server's database.", no_args_is_help=True)
tokens = typer.Typer(help="API tokens of this server's database.", no_args_is_help=True)
accounts = typer.Typer(help="Connected accounts of this server's database.", no_args_is_help=True)
database = typer.Typer(help="The database itself.", no_args_is_help=True)
app.add_typer(environments, name="environments")
app.add_typer(tokens, name="tokens")
app.add_typer(accounts, name="accounts")
app.add_typer(database, name="db")
app.add_typer(integrations, name="integrations")
app.add_typer(unified_mappings, name="unified-mappings")


def run() -> None:
    """The entry point: an error raised on purpose ends with its message, never with a trace."""
    try:
        app()
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        sys.exit(1)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; more than one needs PostgreSQL.", min=1)] = 1,
) -> None:
    """Serve the API. On first start it makes a team, an environment, sandbox accounts and a token."""
    from isthmus.cli.serve import serve as work

    work(host, port, workers)


@app.command()
def worker() -> None:
    """Run background work alone, on PostgreSQL; as many as are wanted. `serve` has a worker inside too."""
    from isthmus.cli.worker import worker as work

    work()


@app.command()
def connect(
    integration: Annotated[
        str | None, typer.Argument(help="Name of an integration; none for a choice.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Your own key of the customer who connects.")] = None,
    account: Annotated[
        str | None, typer.Option(help="Id of an account to renew, instead of --tenant.")
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(help="Id or name of the environment; may be left out where there is only one."),
    ] = None,
    redirect_uri: Annotated[str | None, typer.Option(help="Where the browser goes at the end.")] = None,
) -> None:
    """Print a link to open in a browser: whoever has it can connect one account, within 7 days."""
    from isthmus.cli.connect import connect as work

    work(integration, tenant=tenant, account=account, environment=environment, redirect_uri=redirect_uri)


@app.command("expr")
def expression(
    text: Annotated[str, typer.Argument(help="A JSONata expression, or @file.")],
    document: Annotated[str | None, typer.Argument(help="A JSON file, or - for standard input.")] = None,
    trace: Annotated[bool, typer.Option(help="Show each step's input and output.")] = False,
    explain: Annotated[bool, typer.Option(help="Say why fields of the result came out empty.")] = False,
    time: Annotated[bool, typer.Option(help="Show how long it took.")] = False,
    python: Annotated[bool, typer.Option(help="Show the Python it becomes, and do not run it.")] = False,
) -> None:
    """Run a JSONata expression on a JSON document. Exit 1 with position and code where it fails."""
    from isthmus.cli.expressions import run_expression as work

    raise typer.Exit(work(text, document=document, trace=trace, explain=explain, time=time, python=python))


@app.command()
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
    """Show the definition and mappings that an account runs on: each value with the layer that set it.

    Reads this server's database. With --model, --resource or --method, text shows mappings alone.
    """
    from isthmus.cli.explain import explain as work

    work(id, path=path, model=model, resource=resource, method=method, output=output)


@environments.command("create")
def create_environment(name: Annotated[str, typer.Argument(help="Unique in the team.")]) -> None:
    """Create an environment with every shipped integration and unified model installed."""
    from isthmus.cli.administration import create_environment as work

    work(name)


@environments.command("list")
def list_environments() -> None:
    """List the environments: id, name, when it was created."""
    from isthmus.cli.administration import list_environments as work

    work()


@tokens.command("create")
def create_token(
    environment: Annotated[str, typer.Option(help="Id or name of the environment.")],
    name: Annotated[str, typer.Option(help="What it is for; shown in lists.")] = "cli",
    expires_in_days: Annotated[int | None, typer.Option(help="Days until it stops working.", min=1)] = None,
) -> None:
    """Create an API token and print it, once: it is stored only as a hash."""
    from isthmus.cli.administration import create_token as work

    work(environment, name, expires_in_days)


@tokens.command("list")
def list_tokens(
    environment: Annotated[str | None, typer.Option(help="Only of this environment (id or name).")] = None,
) -> None:
    """List the API tokens: id, environment, name, start of the token, state."""
    from isthmus.cli.administration import list_tokens as work

    work(environment)


@tokens.command("revoke")
def revoke_token(token: Annotated[str, typer.Argument(help="Id of the token.")]) -> None:
    """Revoke an API token; a running server refuses it within a second."""
    from isthmus.cli.administration import revoke_token as work

    work(token)


@accounts.command("block")
def block_account(
    id: Annotated[str, typer.Argument(help="Id of an integrated account.")],
    reason: Annotated[str | None, typer.Option(help="Why; shown by `accounts blocked` only.")] = None,
) -> None:
    """Let nobody call an account: a running server answers 503 within a second."""
    from isthmus.cli.administration import block_account as work

    work(id, reason)


@accounts.command("unblock")
def unblock_account(id: Annotated[str, typer.Argument(help="Id of the account.")]) -> None:
    """Take an account off the block list."""
    from isthmus.cli.administration import unblock_account as work

    work(id)


@accounts.command("blocked")
def list_blocked_accounts() -> None:
    """List the blocked accounts: id, environment, tenant, since when, why."""
    from isthmus.cli.administration import list_blocked_accounts as work

    work()


@database.command("rotate-key")
def rotate_key(
    new_key: Annotated[
        str | None,
        typer.Option(
            metavar="-",
            help="Read the new key from standard input. Else: ISTHMUS_NEW_SECRET_KEY, or one is made.",
        ),
    ] = None,
) -> None:
    """Seal every secret with a new key, while servers keep running."""
    from isthmus.cli.administration import rotate_key as work

    work(new_key)
