"""`isthmus login`, `logout` and `profiles` (`cli.md` §2)."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Callable

import typer

from isthmus.cli.record_output import Json, show
from isthmus.cli.remote.api_client import Remote, RemoteCallFailed, ended_by, expected, server_url, url_of
from isthmus.cli.remote.profiles.profile_file import DEFAULT, KEYS, Profiles, key_of
from isthmus.errors import IsthmusError, SetupError

__all__ = ["carried_out", "get_key", "list_profiles", "login", "logout", "set_key", "use_profile"]


def login(name: str | None, api_url: str | None, token: str | None, *, stdin: bool) -> int:
    """The exit code. Nothing is kept unless the server knows the token."""
    try:
        profiles = Profiles()
        chosen = name or DEFAULT
        known = profiles.all.get(chosen, {})
        url = url_of(api_url, known.get("apiUrl"))
        remote = Remote(url, token or _asked_for(stdin=stdin))
        me = asyncio.run(_me(remote))
        team, environment = expected(me, "team.name"), expected(me, "environment.name")
        _forget_account(known, remote.url)
        profiles.all[chosen] = {**known, "apiUrl": remote.url, "token": remote.token}
        profiles.use(chosen)
        profiles.save()
    except RemoteCallFailed as failed:
        return ended_by(failed, also=" Nothing was kept.")
    except IsthmusError as error:
        return ended_by(error)
    typer.echo(f"Logged in: profile {chosen}, team {team}, environment {environment} ({remote.url}).")
    return 0


def _forget_account(profile: dict[str, str], url: str) -> None:
    """The one that is called, where the profile goes to another server."""
    if url != profile.get("apiUrl", url) and "defaultIntegratedAccount" in profile:
        del profile["defaultIntegratedAccount"]
        typer.echo("Forgot the default account: it was one of another server.", err=True)


async def _me(remote: Remote) -> Json:
    async with remote:
        return await remote.call("GET", "/me")


def _asked_for(*, stdin: bool) -> str:
    if stdin:
        found = sys.stdin.readline().strip()
    elif sys.stdin.isatty() and sys.stderr.isatty():
        found = getpass.getpass("Token: ").strip()
    else:
        raise SetupError("there is no terminal to ask on: give the token with --token-stdin.")
    if not found:
        raise SetupError("no token was given.")
    return found


def carried_out(work: Callable[[], None]) -> int:
    """The exit code: 2 for what is asked for wrongly, a profile that is not there say."""
    try:
        work()
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2
    return 0


def logout(*, everywhere: bool) -> None:
    """Raises SetupError."""
    profiles = Profiles()
    if not everywhere:
        profiles.current()
    names = list(profiles.all) if everywhere else [profiles.active]
    gone = [name for name in names if profiles.all.get(name, {}).pop("token", None)]
    if gone:
        profiles.save()
    typer.echo(f"Forgot the token of {', '.join(gone)}." if gone else "There was no token to forget.")


def list_profiles() -> None:
    profiles = Profiles()
    rows = [
        {
            "": "*" if name == profiles.active else "",
            "name": name,
            "apiUrl": each.get("apiUrl"),
            "token": "kept" if each.get("token") else "none",
            "defaultIntegratedAccount": each.get("defaultIntegratedAccount"),
        }
        for name, each in sorted(profiles.all.items())
    ]
    show(rows, "table", columns=("", "name", "apiUrl", "token", "defaultIntegratedAccount"))


def use_profile(name: str) -> None:
    """Raises SetupError."""
    profiles = Profiles()
    profiles.use(name)
    profiles.save()
    typer.echo(f"{name} is the active profile.")


def set_key(key: str, value: str) -> None:
    """Raises SetupError."""
    profiles = Profiles()
    profiles.current()
    profile, name = profiles.all.setdefault(profiles.active, {}), key_of(key)
    if name == "apiUrl":
        value = server_url(value)
        if value != profile.get(name) and "token" in profile:
            del profile["token"]
            typer.echo("Forgot the token: it was for another server. `isthmus login` takes one.", err=True)
        _forget_account(profile, value)
    profile[name] = value
    profiles.save()
    typer.echo(f"{name} of {profiles.active} is {value}.")


def get_key(key: str) -> None:
    """Raises SetupError."""
    value = Profiles().current().get(key_of(key))
    if value is None:
        raise SetupError(f"{key_of(key)} is not set. Keys are {', '.join(KEYS)}.")
    typer.echo(value)
