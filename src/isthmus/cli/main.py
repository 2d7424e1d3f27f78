"""The `isthmus` command: assembles the groups of commands.

`server` runs a server; `local` works on the database of this machine; `remote` calls the HTTP API of any
server; `authoring` is for definition files. In each, `commands` declares the commands; the work of a command
is in another module, which is imported when the command runs, so that `--help` is fast."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Final, Literal

import typer

from isthmus import __version__
from isthmus.cli.authoring import commands as authoring
from isthmus.cli.authoring.integration_commands import integrations
from isthmus.cli.local import commands as local
from isthmus.cli.local.commands import accounts, environments
from isthmus.cli.record_output import discard_output
from isthmus.cli.remote.data_plane import commands as data_plane
from isthmus.cli.remote.profiles import commands as profiles
from isthmus.cli.remote.resources import account_commands as account_commands
from isthmus.cli.remote.resources import commands as rows
from isthmus.cli.remote.resources.command_groups import GROUPS
from isthmus.cli.server import commands as server
from isthmus.errors import IsthmusError

__all__ = ["app", "run"]

_HELP = """Self-hosted unified API: one schema over your customers' accounts.

`isthmus serve` sets itself up, and prints a token and a call to paste.

Commands for this server's database open it beside the running server:
ISTHMUS_DATABASE_URL, or .isthmus in the working directory. Commands for any
server call its HTTP API: ISTHMUS_API_URL, ISTHMUS_API_TOKEN.

Examples:

isthmus serve --port 8001

isthmus help tokens create
"""

app = typer.Typer(
    name="isthmus",
    cls=rows.RootGroup,
    help=_HELP,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
_COMPLETION_VARIABLE: Final = "_ISTHMUS_COMPLETE"
"""Set by a shell that asks how a word goes on."""
_LOCAL_PANEL: Final = "This server and its database"
_REMOTE_PANEL: Final = "Calls to any server"
_AUTHORING_PANEL: Final = "Definitions and expressions"


def run() -> None:
    """Runs the command line. An expected error, and one of the operating system or of the database, ends with
    its message, without a trace."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(
                encoding="utf-8", errors="strict" if stream is sys.stdin else "backslashreplace"
            )
    if any(_is_invalid_utf8(argument) for argument in sys.argv):
        typer.echo("isthmus: an argument is not UTF-8.", err=True)
        sys.exit(2)
    if _COMPLETION_VARIABLE in os.environ:
        _register_shells()
    try:
        app(prog_name="isthmus")
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        sys.exit(1)
    except OSError as error:
        discard_output()
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"isthmus: {where}{error.strerror or error}.", err=True)
        sys.exit(1)
    except Exception as error:  # of any kind: only those of the database are changed
        message = _describe_database_failure(error)
        if message is None:
            raise
        typer.echo(f"isthmus: {message}", err=True)
        sys.exit(1)


def _describe_database_failure(error: Exception) -> str | None:
    """Returns the message for a failure of this server's database, None for any other error. Imports nothing
    that the command did not use."""
    if "isthmus.db.failures" not in sys.modules:
        return None
    from isthmus.config import Settings
    from isthmus.db.failures import describe_failure
    from isthmus.db.urls import parse_url

    return describe_failure(parse_url(Settings.from_environment().resolved_database_url.reveal()), error)


def _is_invalid_utf8(argument: str) -> bool:
    """Returns True if the argument's bytes were not UTF-8: Python represents them as lone surrogates."""
    return any("\ud800" <= character <= "\udfff" for character in argument)


def _print_version(is_requested: bool) -> None:
    """Prints the version and exits, if `--version` was given."""
    if is_requested:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def handle_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("help")
def show_help(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="COMMAND", help="A command; all commands if left out.")
    ] = None,
) -> None:
    """Show the help of a command, like --help.

    Example:

    isthmus help integrations init
    """
    app([*(words or ()), "--help"], prog_name="isthmus")


@app.command("completion")
def print_completion(
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(help="The shell.")],
) -> None:
    """Print a script with which a shell completes commands, options and values.

    Examples:

    eval "$(isthmus completion bash)"

    isthmus completion fish > ~/.config/fish/completions/isthmus.fish
    """
    from typer.completion import shell_complete

    _register_shells()
    command = typer.main.get_command(app)
    raise typer.Exit(shell_complete(command, {}, "isthmus", _COMPLETION_VARIABLE, f"source_{shell}"))


def _register_shells() -> None:
    """Registers what typer knows of each shell, which it does by itself only for its own options."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()


server.add_commands(app, panel=_LOCAL_PANEL)
local.add_commands(app, panel=_LOCAL_PANEL)
profiles.add_commands(app, panel=_REMOTE_PANEL)
data_plane.add_commands(app, panel=_REMOTE_PANEL)
authoring.add_commands(app, panel=_AUTHORING_PANEL)
account_commands.add_commands(accounts, integrations)
for _name, _home in (("integrations", integrations), ("accounts", accounts), ("environments", environments)):
    rows.add_commands(_home, GROUPS[_name])
    app.add_typer(_home, name=_name, rich_help_panel=rows.PANEL)
