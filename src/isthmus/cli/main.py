"""The `isthmus` command: groups and their help. Each command's work is in a module of its own, imported when
it runs, so that `--help` answers at once."""

from __future__ import annotations

import sys
from typing import Annotated, Final

import typer

from isthmus import __version__
from isthmus.cli import account_commands, data_commands, identity_commands, record_commands
from isthmus.cli.integration_commands import app as integrations
from isthmus.cli.local_commands import accounts, configuration, database, environments, tokens
from isthmus.cli.mapping_commands import app as unified_mappings
from isthmus.cli.record_groups import GROUPS
from isthmus.errors import IsthmusError

__all__ = ["app", "run"]

_ABOUT = """Self-hosted unified API: one schema over your customers' accounts.

`isthmus serve` sets itself up, and prints a token and a call to paste.

Commands for this server's database open that of the settings, beside the
running server: ISTHMUS_DATABASE_URL, else .isthmus in the working directory.
Commands for any server call its HTTP API: ISTHMUS_API_URL, ISTHMUS_API_TOKEN.

Examples:

isthmus serve --port 8001

isthmus help tokens create
"""

app = typer.Typer(
    name="isthmus",
    cls=record_commands.Program,
    help=_ABOUT,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
_HERE: Final = "This server and its database"
_CALLS: Final = "Calls to any server"
_FILES: Final = "Definitions and expressions"


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


@app.command("help")
def show_help(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command; none for all of them.")
    ] = None,
) -> None:
    """Show what a command does, as its --help.

    Example:

    isthmus help integrations init
    """
    app([*(words or ()), "--help"], prog_name="isthmus")


@app.command(rich_help_panel=_HERE)
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)
    ] = 8000,
    workers: Annotated[int, typer.Option(help="Processes; more than one needs PostgreSQL.", min=1)] = 1,
) -> None:
    """Serve the API and its pages until it is stopped, with a worker inside.

    The first start makes the database, a team, the environment development,
    sandbox accounts and an API token, which it prints this once, with a call
    to paste. SQLite in .isthmus of the working directory, or PostgreSQL by
    ISTHMUS_DATABASE_URL; every setting is in docs/reference/settings.md.

    Examples:

    isthmus serve

    ISTHMUS_DATA_DIR=/var/lib/isthmus isthmus serve --host 0.0.0.0 --port 8001
    """
    from isthmus.cli.serve import serve as work

    work(host, port, workers)


@app.command(rich_help_panel=_HERE)
def worker() -> None:
    """Run background work alone, on PostgreSQL, until it is stopped.

    As many as are wanted, beside `isthmus serve`, which has a worker inside
    too. The settings are those of the server. SIGTERM lets running work end.

    Example:

    ISTHMUS_DATABASE_URL=postgresql://user@host/isthmus isthmus worker
    """
    from isthmus.cli.worker import worker as work

    work()


@app.command(rich_help_panel=_HERE)
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
    """Print a link that lets one person connect one account, within 7 days.

    The link opens in any browser that reaches the server. It is made in this
    server's database, with the address of ISTHMUS_PUBLIC_APP_URL.

    Examples:

    isthmus connect quillboard --tenant acme

    isthmus connect --account 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001
    """
    from isthmus.cli.connect import connect as work

    work(integration, tenant=tenant, account=account, environment=environment, redirect_uri=redirect_uri)


@app.command("expr", rich_help_panel=_FILES)
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
    from isthmus.cli.expressions import run_expression as work

    raise typer.Exit(work(text, document=document, trace=trace, explain=explain, time=time, python=python))


@app.command(rich_help_panel=_HERE)
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
    """Show what an account runs on: each value with the layer that set it.

    Definition and mappings, read from this server's database. With --model,
    --resource or --method, text shows mappings alone.

    Examples:

    isthmus explain 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --path pagination

    isthmus explain 0b6f2c1e-6a55-4f0e-9d38-2f7c5a1be001 --model crm -o json
    """
    from isthmus.cli.explain import explain as work

    work(id, path=path, model=model, resource=resource, method=method, output=output)


app.add_typer(tokens, name="tokens", rich_help_panel=_HERE)
app.add_typer(configuration, name="config", rich_help_panel=_HERE)
app.add_typer(database, name="db", rich_help_panel=_HERE)
identity_commands.add_to(app, panel=_CALLS)
data_commands.add_to(app, panel=_CALLS)
app.add_typer(unified_mappings, name="unified-mappings", rich_help_panel=_FILES)
account_commands.add_to(accounts, integrations)
for _name, _home in (("integrations", integrations), ("accounts", accounts), ("environments", environments)):
    record_commands.add_to(_home, GROUPS[_name])
    app.add_typer(_home, name=_name, rich_help_panel=record_commands.PANEL)
