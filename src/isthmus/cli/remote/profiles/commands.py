"""The commands `login`, `logout` and `profiles`. Their work is imported when they run."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.record_output import Format

__all__ = ["add_commands"]

profiles = typer.Typer(
    help="Profiles: stored servers and tokens, by name; one is active.", no_args_is_help=True
)


def add_commands(app: typer.Typer, *, panel: str) -> None:
    """Adds the commands to the app. `panel`: in which its help lists them."""
    app.command("login", rich_help_panel=panel)(login)
    app.command("logout", rich_help_panel=panel)(logout)
    app.command("use", hidden=True)(use_profile)
    app.add_typer(profiles, name="profiles", rich_help_panel=panel)


def login(
    name: Annotated[
        str | None, typer.Option("--profile-name", help="Name of the profile.", show_default="default")
    ] = None,
    api_url: Annotated[
        str | None,
        typer.Option(
            help="URL of the server; default ISTHMUS_API_URL.",
            show_default="http://127.0.0.1:8000",
            metavar="URL",
        ),
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="API token; visible to other users of this machine.", metavar="TOKEN")
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
) -> None:
    """Store a server's address and an API token for other commands.

    Asks for the token on a terminal. GET /me is called with it first; if that
    fails, nothing is stored. They are stored in config.json of
    ISTHMUS_CONFIG_DIR, or of ~/.config/isthmus, readable by you alone.

    Exit 0; 2: no terminal to ask on; 3: invalid token; 5: server unreachable.

    Examples:

    isthmus login

    isthmus login --api-url https://api.example.com --token-stdin < token.txt
    """
    from isthmus.cli.remote.profiles.login import login

    raise typer.Exit(login(name, api_url, token, stdin=token_stdin))


def logout(
    everywhere: Annotated[
        bool, typer.Option("--all", help="Of every profile, not only the active one.")
    ] = False,
) -> None:
    """Delete the token of the active profile. It stays valid until it is revoked.

    Example:

    isthmus logout --all
    """
    from isthmus.cli.remote.profiles.login import logout, run_profile_command

    raise typer.Exit(run_profile_command(lambda: logout(everywhere=everywhere)))


@profiles.command("list")
def list_profiles(
    output: Annotated[Format, typer.Option("-o", "--output", help="Output format.")] = "table",
) -> None:
    """List the profiles, the active one with a star. Tokens are not shown.

    Example:

    isthmus profiles list
    """
    from isthmus.cli.remote.profiles.login import list_profiles, run_profile_command

    raise typer.Exit(run_profile_command(lambda: list_profiles(output)))


@profiles.command("use")
def use_profile(name: Annotated[str, typer.Argument(help="Name of a profile.")]) -> None:
    """Make a profile the active one. ISTHMUS_PROFILE overrides it.

    Example:

    isthmus profiles use production
    """
    from isthmus.cli.remote.profiles.login import run_profile_command, use_profile

    raise typer.Exit(run_profile_command(lambda: use_profile(name)))


@profiles.command("set")
def set_key(
    key: Annotated[str, typer.Argument(help="api-url or default-integrated-account.")],
    value: Annotated[str, typer.Argument(help="The new value.")],
) -> None:
    """Set a key of the active profile: the server, or the default account.

    Example:

    isthmus profiles set default-integrated-account $ACCOUNT
    """
    from isthmus.cli.remote.profiles.login import run_profile_command, set_key

    raise typer.Exit(run_profile_command(lambda: set_key(key, value)))


@profiles.command("get")
def get_key(key: Annotated[str, typer.Argument(help="api-url or default-integrated-account.")]) -> None:
    """Print a key of the active profile.

    Example:

    isthmus profiles get api-url
    """
    from isthmus.cli.remote.profiles.login import get_key, run_profile_command

    raise typer.Exit(run_profile_command(lambda: get_key(key)))
