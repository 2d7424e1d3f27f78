"""What commands read from their options: the account that is called, pairs, a body."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import typer

from isthmus.cli.remote.profiles.profile_file import Profiles
from isthmus.errors import SetupError

__all__ = ["account_of", "pairs", "read_body"]

_COMMA: Final = re.compile(r"(?<!\\),")


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
