"""Which server commands call, and as whom. The work is imported when a command runs."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["add_to"]

profiles = typer.Typer(
    help="Servers and tokens that were logged in to, by name; one is active.", no_args_is_help=True
)


def add_to(app: typer.Typer, *, panel: str) -> None:
    app.command("login", rich_help_panel=panel)(login)
    app.command("logout", rich_help_panel=panel)(logout)
    app.command("use", hidden=True)(use_profile)
    app.add_typer(profiles, name="profiles", rich_help_panel=panel)


def login(
    name: Annotated[
        str | None, typer.Option("--profile-name", help="Name to keep it under.", show_default="default")
    ] = None,
    api_url: Annotated[
        str | None,
        typer.Option(
            help="Server; else ISTHMUS_API_URL.", show_default="http://127.0.0.1:8000", metavar="URL"
        ),
    ] = None,
    token: Annotated[
        str | None, typer.Option(help="API token; others on this machine can see it.", metavar="TOKEN")
    ] = None,
    token_stdin: Annotated[
        bool, typer.Option("--token-stdin", help="Read the token from standard input.")
    ] = False,
) -> None:
    """Keep a server's address and an API token, so that commands need neither.

    The token is asked for on a terminal. GET /me is called with it first;
    where that fails, nothing is kept. They are kept in config.json of
    ISTHMUS_CONFIG_DIR, else of ~/.config/isthmus, readable by you alone.

    Exit 0; 2: nobody to ask; 3: the token is not valid; 5: server away.

    Examples:

    isthmus login

    isthmus login --api-url https://api.example.com --token-stdin < token.txt
    """
    from isthmus.cli.remote.profiles.login import login as work

    raise typer.Exit(work(name, api_url, token, stdin=token_stdin))


def logout(
    everywhere: Annotated[bool, typer.Option("--all", help="Of every profile, not the active one.")] = False,
) -> None:
    """Forget the token of the active profile. It stays valid: revoke it where it is known.

    Example:

    isthmus logout --all
    """
    from isthmus.cli.remote.profiles.login import carried_out
    from isthmus.cli.remote.profiles.login import logout as work

    raise typer.Exit(carried_out(lambda: work(everywhere=everywhere)))


@profiles.command("list")
def list_profiles() -> None:
    """List the profiles, the active one with a star. Tokens are not shown.

    Example:

    isthmus profiles list
    """
    from isthmus.cli.remote.profiles.login import carried_out
    from isthmus.cli.remote.profiles.login import list_profiles as work

    raise typer.Exit(carried_out(work))


@profiles.command("use")
def use_profile(name: Annotated[str, typer.Argument(help="Name of a profile.")]) -> None:
    """Make a profile the active one. ISTHMUS_PROFILE names another for a while.

    Example:

    isthmus profiles use production
    """
    from isthmus.cli.remote.profiles.login import carried_out
    from isthmus.cli.remote.profiles.login import use_profile as work

    raise typer.Exit(carried_out(lambda: work(name)))


@profiles.command("set")
def set_key(
    key: Annotated[str, typer.Argument(help="api-url or default-integrated-account.")],
    value: Annotated[str, typer.Argument(help="What it is.")],
) -> None:
    """Set a key of the active profile: the server, or the account that is called.

    Example:

    isthmus profiles set default-integrated-account $ACCOUNT
    """
    from isthmus.cli.remote.profiles.login import carried_out
    from isthmus.cli.remote.profiles.login import set_key as work

    raise typer.Exit(carried_out(lambda: work(key, value)))


@profiles.command("get")
def get_key(key: Annotated[str, typer.Argument(help="api-url or default-integrated-account.")]) -> None:
    """Print a key of the active profile.

    Example:

    isthmus profiles get api-url
    """
    from isthmus.cli.remote.profiles.login import carried_out
    from isthmus.cli.remote.profiles.login import get_key as work

    raise typer.Exit(carried_out(lambda: work(key)))
