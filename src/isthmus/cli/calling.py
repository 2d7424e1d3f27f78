"""What commands that call a server have in common: the call, its failure, the body that is sent."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final

import typer

from isthmus.cli.profiles import Profiles
from isthmus.cli.remote import Remote, RemoteCallFailed
from isthmus.errors import IsthmusError, SetupError

__all__ = ["account_of", "pairs", "ran", "read_body"]

_COMMA: Final = re.compile(r"(?<!\\),")


def ran(
    api_url: str | None,
    token: str | None,
    work: Callable[[Remote], Awaitable[Any]],
    shown: Callable[[Any], int],
) -> int:
    """The exit code: of the call that failed, 2 for what is asked for wrongly, else that of `shown`."""

    async def run() -> Any:
        async with Remote(api_url, token) as remote:
            return await work(remote)

    try:
        return shown(asyncio.run(run()))
    except RemoteCallFailed as failed:
        typer.echo(f"isthmus: {failed.message}", err=True)
        return failed.code
    except IsthmusError as error:
        typer.echo(f"isthmus: {error.message}", err=True)
        return 2


def account_of(given: str | None) -> str:
    """The account that is called. Raises SetupError where neither the command nor the profile names one."""
    found = given or Profiles().current().get("defaultIntegratedAccount")
    if not found:
        raise SetupError(
            "no account: give its id with --account, or once for all with `isthmus profiles set "
            "default-integrated-account <id>`. `isthmus accounts list` shows the accounts."
        )
    return found


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`k=v,k2=v2` as often as it is given; a later one wins, `\\,` is a comma. Raises SetupError."""
    found: dict[str, str] = {}
    for part in (part for text in given for part in _COMMA.split(text)):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise SetupError(f"{option} {part!r} is no pair: write <name>=<value>.")
        found[name.strip()] = value.replace("\\,", ",")
    return found


def read_body(body: str | None, *, stdin: bool) -> Any:
    """JSON of a text, of `@file`, or of standard input; None for none. Raises SetupError."""
    if body is not None and stdin:
        typer.echo("Both --body and --stdin are given: --body is sent.", err=True)
    if body is None and not stdin:
        return None
    where, text = "--body", body or ""
    try:
        if body is None:
            where, text = "standard input", sys.stdin.read()
        elif body.startswith("@"):
            where, text = body[1:], Path(body[1:]).read_text(encoding="utf-8-sig")
        return json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"{body} cannot be read: {error}") from error
    except json.JSONDecodeError as error:
        raise SetupError(
            f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
