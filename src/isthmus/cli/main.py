"""The `isthmus` command: its groups, put together.

`server` runs one; `local` works on the database of this machine; `remote` calls the HTTP API of any server;
`authoring` is for files of definitions. In each, `commands` says which commands there are; the work of one is
in a module of its own, imported when it runs, so that `--help` answers at once."""

from __future__ import annotations

import sys
from io import TextIOWrapper
from typing import Annotated, Final

import typer

from isthmus import __version__
from isthmus.cli.authoring import commands as authoring
from isthmus.cli.authoring.integration_commands import integrations
from isthmus.cli.local import commands as local
from isthmus.cli.local.commands import accounts, environments
from isthmus.cli.record_output import drop_output
from isthmus.cli.remote.data_plane import commands as data_plane
from isthmus.cli.remote.profiles import commands as profiles
from isthmus.cli.remote.resources import account_commands as account_commands
from isthmus.cli.remote.resources import commands as rows
from isthmus.cli.remote.resources.command_groups import GROUPS
from isthmus.cli.server import commands as server
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
    cls=rows.Program,
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
    """The entry point: an expected error, or one of the system, ends with its message, never with a trace."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                encoding="utf-8", errors="strict" if stream is sys.stdin else "backslashreplace"
            )
    if any(_is_torn(each) for each in sys.argv):
        typer.echo("isthmus: an argument is not UTF-8.", err=True)
        sys.exit(2)
    try:
        app()
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        sys.exit(1)
    except OSError as error:
        drop_output()
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"isthmus: {where}{error.strerror or error}.", err=True)
        sys.exit(1)


def _is_torn(argument: str) -> bool:
    """Whether its bytes were no UTF-8: Python hands them on as halves of surrogate pairs."""
    return any("\ud800" <= each <= "\udfff" for each in argument)


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


server.add_to(app, panel=_HERE)
local.add_to(app, panel=_HERE)
profiles.add_to(app, panel=_CALLS)
data_plane.add_to(app, panel=_CALLS)
authoring.add_to(app, panel=_FILES)
account_commands.add_to(accounts, integrations)
for _name, _home in (("integrations", integrations), ("accounts", accounts), ("environments", environments)):
    rows.add_to(_home, GROUPS[_name])
    app.add_typer(_home, name=_name, rich_help_panel=rows.PANEL)
