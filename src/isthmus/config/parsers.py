"""Parses the texts of settings. Each parser returns the value or raises InvalidSetting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

__all__ = [
    "KEY_HINT",
    "InvalidSetting",
    "Network",
    "check_key",
    "make_choice_parser",
    "make_integer_parser",
    "make_seconds_parser",
    "parse_hosts",
    "parse_keys",
    "parse_limits",
    "parse_networks",
    "parse_origin",
    "parse_path",
    "parse_secret",
    "parse_switch",
    "parse_token",
    "parse_tool_name",
]

Network = IPv4Network | IPv6Network

KEY_HINT = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_MIN_KEY_CHARACTERS = 32
_MIN_KEY_DIFFERENT_CHARACTERS = 10
_MIN_TOKEN_CHARACTERS = 8


class InvalidSetting(ValueError):
    """The message says what would be valid; it never holds the text itself, which may be a secret."""


def parse_path(text: str) -> Path:
    return Path(text).expanduser()


def parse_secret(text: str) -> Secret[str]:
    return Secret(text)


def parse_keys(text: str) -> Secret[tuple[str, ...]]:
    """Encryption keys, separated by commas."""
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys:
        raise InvalidSetting(f"one key, or several separated by commas; {KEY_HINT}")
    for key in keys:
        _check_key(key)
    return Secret(keys)


def _check_key(key: str) -> None:
    """Raises InvalidSetting for a key that is short, not ASCII, or holds few different characters."""
    weak = len(key) < _MIN_KEY_CHARACTERS or len(set(key)) < _MIN_KEY_DIFFERENT_CHARACTERS
    if weak or not key.isascii() or any(character.isspace() for character in key):
        raise InvalidSetting(
            f"random keys of at least {_MIN_KEY_CHARACTERS} ASCII characters, without spaces; {KEY_HINT}"
        )


def check_key(key: str, where: str) -> None:
    """Raises SetupError if the key is not fit to encrypt secrets. `where`: where it comes from, for the
    message."""
    try:
        _check_key(key)
    except InvalidSetting as invalid:
        raise SetupError(f"{where} must hold {invalid}") from None


def parse_token(text: str) -> Secret[str]:
    """An API token: at least 8 printable ASCII characters without spaces."""
    if len(text) < _MIN_TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidSetting(
            f"a token of at least {_MIN_TOKEN_CHARACTERS} printable ASCII characters without spaces; "
            f"{KEY_HINT}"
        )
    return Secret(text)


def parse_origin(text: str) -> str:
    """An absolute http or https URL without query and fragment; slashes at its end are removed."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidSetting("an absolute http or https URL, for example https://api.example.com")
    return text.rstrip("/")


def parse_networks(text: str) -> tuple[Network, ...]:
    """IP networks, separated by commas."""
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError:
        raise InvalidSetting("networks separated by commas, for example 127.0.0.0/8,10.1.0.0/16") from None


def make_integer_parser(minimum: int, maximum: int) -> Callable[[str], int]:
    """A parser of whole numbers; both bounds are allowed values."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not minimum <= int(text) <= maximum:
            raise InvalidSetting(f"a whole number from {minimum} to {maximum}")
        return int(text)

    return parse


def make_seconds_parser(minimum: float, maximum: float) -> Callable[[str], float]:
    """A parser of numbers of seconds; both bounds are allowed values."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not minimum <= value <= maximum:
            raise InvalidSetting(f"a number of seconds from {minimum:g} to {maximum:g}")
        return value

    return parse


def parse_hosts(text: str) -> tuple[str, ...]:
    """Host names in lower case, separated by commas. `http://` before one allows it without TLS."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in found:
        name = host.removeprefix("http://")
        if urlsplit(f"//{name}").hostname != name or not name.isascii():
            raise InvalidSetting(
                "host names separated by commas, without paths and ports, for example "
                "api.example.com,http://parser.internal"
            )
    return found


def parse_limits(text: str) -> Mapping[str, float]:
    """`name=number` pairs, separated by commas."""
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not name or not 0 < value < 1e12:
            raise InvalidSetting(
                "limits as name=number, separated by commas, for example seconds=10,items=500000"
            )
        found[name] = value
    return found


def parse_switch(text: str) -> bool:
    """`true`, `1`, `false` or `0`, in any case."""
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise InvalidSetting("true or false")
    return words[text.lower()]


_TEMPLATE_VARIABLES = ("integration", "resource", "one", "method")
_TOOL_NAME_TEMPLATE = re.compile(r"(?:[A-Za-z0-9_-]|\{(?:" + "|".join(_TEMPLATE_VARIABLES) + r")\})+")


def parse_tool_name(text: str) -> str:
    """A template of tool names, whose variables make each tool's name unique."""
    is_unique = "{method}" in text and ("{resource}" in text or "{one}" in text)
    if not _TOOL_NAME_TEMPLATE.fullmatch(text) or not is_unique:
        variables = ", ".join(f"{{{name}}}" for name in _TEMPLATE_VARIABLES)
        raise InvalidSetting(
            f"letters, digits, _ and - around {variables}; {{method}} "
            "and one of {resource} and {one} must be among them"
        )
    return text


def make_choice_parser(*choices: str) -> Callable[[str], str]:
    """A parser that allows only these texts."""

    def parse(text: str) -> str:
        if text not in choices:
            raise InvalidSetting(f"one of {', '.join(choices)}")
        return text

    return parse
