"""Reads the input of commands: pairs, paths, a body, a confirmation."""

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

from isthmus.cli.record_output import Json, replace_control_characters
from isthmus.errors import SetupError

__all__ = [
    "build_path",
    "confirm",
    "format_cursor_option",
    "parse_json",
    "parse_pairs",
    "read_body",
    "read_standard_input",
    "refuse_overwrite",
]

_BYTE_ORDER_MARK: Final = "\ufeff"
_COMMA: Final = re.compile(r"(?<!\\),")


def parse_pairs(texts: Sequence[str], option: str) -> dict[str, str]:
    """Parses the values of a repeatable option `k=v,k2=v2`; a later one wins, `\\,` is a comma. Raises
    SetupError."""
    pairs: dict[str, str] = {}
    for part in (part for text in texts for part in _COMMA.split(text)):
        name, equals, value = part.partition("=")
        if not equals or not name:
            raise SetupError(f"{option} {part!r} is not a pair: write <name>=<value>.")
        pairs[name.strip()] = value.replace("\\,", ",")
    return pairs


def format_cursor_option(cursor: Json) -> str:
    """Formats the option that continues from a cursor, quoted for a shell and escaped for `parse_pairs`."""
    escaped = str(cursor).replace(",", "\\,")
    return f"-q {shlex.quote(replace_control_characters(f'next_cursor={escaped}'))}"


def refuse_overwrite(out: Path, *, force: bool) -> None:
    """Raises SetupError where the file exists and `force` is not set."""
    if out.exists() and not force:
        raise SetupError(f"{out} exists: give --force to replace it.")


def build_path(*segments: str) -> str:
    """Builds a path of percent-encoded segments. Raises SetupError for an empty segment, `.` and `..`."""
    for segment in segments:
        if segment in ("", ".", ".."):
            raise SetupError(f"{segment!r} is not a valid name or id.")
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def read_body(body: str | None, *, stdin: bool) -> Json:
    """Reads the JSON value of a text, of `@file` or of standard input; returns None if none is given. Raises
    SetupError."""
    if body is not None and stdin:
        typer.echo("Both --body and --stdin are given: --body is sent.", err=True)
    if body is not None and body.startswith("@"):
        try:
            return parse_json(Path(body[1:]).read_text(encoding="utf-8-sig"), body[1:])
        except OSError as error:
            raise SetupError(f"{body[1:]} cannot be read: {error.strerror}.") from error
        except ValueError as error:
            raise SetupError(f"{body[1:]} cannot be read: {error}.") from error
    if body is not None:
        return parse_json(body, "--body")
    return parse_json(read_standard_input(), "standard input") if stdin else None


def parse_json(text: str, source: str) -> Json:
    """Parses JSON. `source`: where it comes from, for the message. Raises SetupError for malformed JSON."""
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SetupError(
            f"{source} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:  # an integer of too many digits
        raise SetupError(f"{source} is not usable JSON: {error}.") from error
    except RecursionError as error:
        raise SetupError(f"{source} is nested too deeply.") from error


def read_standard_input() -> str:
    """Reads all of standard input. Raises SetupError if it is not UTF-8."""
    try:
        with _allow_interrupt():
            return sys.stdin.read().removeprefix(_BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        raise SetupError(f"standard input is not UTF-8, at byte {error.start}.") from error


def confirm(question: str, *, otherwise: str) -> None:
    """Asks a question on the terminal. Raises Abort for no, SetupError where there is no terminal.
    `otherwise`: the option to give instead, for its message."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SetupError(f"there is no terminal to ask on: give {otherwise}.")
    with _allow_interrupt():
        typer.confirm(question, abort=True, err=True)


@contextmanager
def _allow_interrupt() -> Iterator[None]:
    """Lets Ctrl-C interrupt a blocking read inside an event loop, which would otherwise only set a flag."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
