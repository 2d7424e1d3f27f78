"""What commands take in: the account that is called, pairs, a path, a body, a yes."""

from __future__ import annotations

import json
import re
import shlex
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

import typer

from isthmus.cli.record_output import Json, printable
from isthmus.cli.remote.profiles.profile_file import Profiles
from isthmus.errors import SetupError

__all__ = [
    "account_of",
    "ask",
    "cursor_option",
    "pairs",
    "parsed",
    "path_of",
    "read_body",
    "spare",
    "standard_input",
]

_BYTE_ORDER_MARK: Final = "\ufeff"
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


def cursor_option(cursor: Json) -> str:
    """The option that goes on from it, as a shell takes it and `pairs` reads it."""
    escaped = str(cursor).replace(",", "\\,")
    return f"-q {shlex.quote(printable(f'next_cursor={escaped}'))}"


def spare(out: Path, *, force: bool) -> None:
    """Raises SetupError for a file that is there, which nobody said to replace."""
    if out.exists() and not force:
        raise SetupError(f"{out} is already there: give --force to replace it.")


def path_of(*segments: str) -> str:
    """Percent-encoded, each as one segment. Raises SetupError for one that would name another path."""
    for each in segments:
        if each in ("", ".", ".."):
            raise SetupError(f"{each!r} is no name and no id.")
    return "".join(f"/{quote(each, safe='')}" for each in segments)


def read_body(body: str | None, *, stdin: bool) -> Json:
    """JSON of a text, of `@file`, or of standard input; None for none. Raises SetupError."""
    if body is not None and stdin:
        typer.echo("Both --body and --stdin are given: --body is sent.", err=True)
    if body is not None and body.startswith("@"):
        try:
            return parsed(Path(body[1:]).read_text(encoding="utf-8-sig"), body[1:])
        except OSError as error:
            raise SetupError(f"{body[1:]} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise SetupError(f"{body[1:]} cannot be read: {error}.") from error
    if body is not None:
        return parsed(body, "--body")
    return parsed(standard_input(), "standard input") if stdin else None


def parsed(text: str, where: str) -> Json:
    """Raises SetupError for what is no JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SetupError(
            f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except RecursionError as error:
        raise SetupError(f"{where} is nested too deep.") from error


def standard_input() -> str:
    """All of it, as UTF-8. Raises SetupError."""
    try:
        with _interruptible():
            return sys.stdin.read().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise SetupError(f"standard input is not UTF-8, at byte {error.start}.") from error


def ask(question: str, *, otherwise: str) -> None:
    """Raises Abort for a no, SetupError where there is nobody to ask; it says what to give instead."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SetupError(f"there is no terminal to ask on: give {otherwise}.")
    with _interruptible():
        typer.confirm(question, abort=True, err=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """While something is waited for that is no await, Ctrl-C ends it: an event loop would only note it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
