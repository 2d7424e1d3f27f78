"""Implements the commands `login`, `logout` and `profiles`."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Callable

import typer

from isthmus.cli.record_output import Format, Json, print_records
from isthmus.cli.remote.api_client import (
    ApiClient,
    RemoteCallFailed,
    check_server_url,
    choose_server_url,
    report_error,
    require_value,
)
from isthmus.cli.remote.profiles.profile_file import DEFAULT, KEYS, Profiles, parse_key
from isthmus.errors import IsthmusError, SetupError

__all__ = ["get_key", "list_profiles", "login", "logout", "run_profile_command", "set_key", "use_profile"]


def login(name: str | None, api_url: str | None, token: str | None, *, stdin: bool) -> int:
    """Stores a profile after the server has accepted its token. Returns the exit code."""
    try:
        profiles = Profiles()
        chosen = name or DEFAULT
        known = profiles.all.get(chosen, {})
        url = choose_server_url(api_url, known.get("apiUrl"))
        remote = ApiClient(url, token or _ask_for_token(stdin=stdin))
        me = asyncio.run(_fetch_me(remote))
        team, environment = require_value(me, "team.name"), require_value(me, "environment.name")
        _forget_account(known, remote.url)
        profiles.all[chosen] = {**known, "apiUrl": remote.url, "token": remote.token}
        profiles.use(chosen)
        profiles.save()
    except RemoteCallFailed as failed:
        return report_error(failed, addition=" Nothing was stored.")
    except IsthmusError as error:
        return report_error(error)
    typer.echo(f"Logged in: profile {chosen}, team {team}, environment {environment} ({remote.url}).")
    return 0


def _forget_account(profile: dict[str, str], url: str) -> None:
    """Removes the default account from a profile whose server changes."""
    if url != profile.get("apiUrl", url) and "defaultIntegratedAccount" in profile:
        del profile["defaultIntegratedAccount"]
        typer.echo("Removed the default account: it belongs to another server.", err=True)


async def _fetch_me(remote: ApiClient) -> Json:
    """Calls `GET /me`, which shows whose token it is."""
    async with remote:
        return await remote.call("GET", "/me")


def _ask_for_token(*, stdin: bool) -> str:
    """Reads the token from standard input or asks for it on the terminal. Raises SetupError if there is
    none."""
    if stdin:
        token = sys.stdin.readline().strip()
    elif sys.stdin.isatty() and sys.stderr.isatty():
        token = getpass.getpass("Token: ").strip()
    else:
        raise SetupError("there is no terminal to ask on: give the token with --token-stdin.")
    if not token:
        raise SetupError("no token was given.")
    return token


def run_profile_command(command: Callable[[], None]) -> int:
    """Runs a command of profiles. Returns the exit code: 2 for an error, such as an unknown profile."""
    try:
        command()
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2
    return 0


def logout(*, everywhere: bool) -> None:
    """Removes the token of the active profile, or of all. Raises SetupError."""
    profiles = Profiles()
    if not everywhere:
        profiles.get_active_profile()
    names = list(profiles.all) if everywhere else [profiles.active]
    gone = [name for name in names if profiles.all.get(name, {}).pop("token", None)]
    if gone:
        profiles.save()
    typer.echo(f"Removed the token of {', '.join(gone)}." if gone else "There was no token to remove.")


def list_profiles(output: Format) -> None:
    """Prints the profiles; tokens are not shown."""
    profiles = Profiles()
    rows = [
        {
            "active": "*" if name == profiles.active else "",
            "name": name,
            "apiUrl": profile.get("apiUrl"),
            "token": "stored" if profile.get("token") else "none",
            "defaultIntegratedAccount": profile.get("defaultIntegratedAccount"),
        }
        for name, profile in sorted(profiles.all.items())
    ]
    print_records(rows, output, columns=("active", "name", "apiUrl", "token", "defaultIntegratedAccount"))


def use_profile(name: str) -> None:
    """Makes a profile the active one. Raises SetupError for an unknown name."""
    profiles = Profiles()
    profiles.use(name)
    profiles.save()
    typer.echo(f"{name} is the active profile.")


def set_key(key: str, value: str) -> None:
    """Sets a key of the active profile; removes what belongs to another server. Raises SetupError for an
    unknown key or an invalid URL."""
    profiles = Profiles()
    profiles.get_active_profile()
    profile, name = profiles.all.setdefault(profiles.active, {}), parse_key(key)
    if name == "apiUrl":
        value = check_server_url(value)
        if value != profile.get(name) and "token" in profile:
            del profile["token"]
            typer.echo(
                "Removed the token: it belongs to another server. Run `isthmus login` again.", err=True
            )
        _forget_account(profile, value)
    profile[name] = value
    profiles.save()
    typer.echo(f"{name} of {profiles.active} is {value}.")


def get_key(key: str) -> None:
    """Prints a key of the active profile. Raises SetupError for an unknown key, or one that is not set."""
    value = Profiles().get_active_profile().get(parse_key(key))
    if value is None:
        raise SetupError(f"{parse_key(key)} is not set. Keys are {', '.join(KEYS)}.")
    typer.echo(value)
