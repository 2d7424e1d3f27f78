"""How the text of a setting becomes its value, and what a wrong one is told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

__all__ = [
    "MAKE_A_KEY", "Network", "Wrong", "check_key", "hosts", "keys", "limits", "networks", "one_of", "origin",
    "path", "seconds", "secret", "switch", "token", "tool_name", "whole",
]  # fmt: skip

Network = IPv4Network | IPv6Network

MAKE_A_KEY = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_KEY_CHARACTERS = 32
_KEY_VARIETY = 10
_TOKEN_CHARACTERS = 8


class Wrong(ValueError):
    """What would be right, for a person; never the value itself, which may be a secret."""


def path(text: str) -> Path:
    return Path(text).expanduser()


def secret(text: str) -> Secret[str]:
    return Secret(text)


def keys(text: str) -> Secret[tuple[str, ...]]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys:
        raise Wrong(f"one key, or several separated by commas; {MAKE_A_KEY}")
    for key in keys:
        _check_key(key)
    return Secret(keys)


def _check_key(key: str) -> None:
    weak = len(key) < _KEY_CHARACTERS or len(set(key)) < _KEY_VARIETY
    if weak or not key.isascii() or any(character.isspace() for character in key):
        raise Wrong(
            f"random keys of at least {_KEY_CHARACTERS} ASCII characters, without spaces; {MAKE_A_KEY}"
        )


def check_key(key: str, where: str) -> None:
    """Raises SetupError, naming `where` the key came from, unless it is fit to seal secrets."""
    try:
        _check_key(key)
    except Wrong as wrong:
        raise SetupError(f"{where} must hold {wrong}") from None


def token(text: str) -> Secret[str]:
    if len(text) < _TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise Wrong(
            f"a token of at least {_TOKEN_CHARACTERS} printable ASCII characters without spaces; {MAKE_A_KEY}"
        )
    return Secret(text)


def origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Wrong("an absolute http or https URL, for example https://api.example.com")
    return text.rstrip("/")


def networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError:
        raise Wrong("networks separated by commas, for example 127.0.0.0/8,10.1.0.0/16") from None


def whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise Wrong(f"a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise Wrong(f"a number of seconds from {least:g} to {most:g}")
        return value

    return read


def hosts(text: str) -> tuple[str, ...]:
    """Host names in lower case; `http://` before one that may be reached without TLS."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in found:
        name = host.removeprefix("http://")
        if urlsplit(f"//{name}").hostname != name or not name.isascii():
            raise Wrong(
                "host names separated by commas, without paths and ports, for example "
                "api.example.com,http://parser.internal"
            )
    return found


def limits(text: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not name or not 0 < value < 1e12:
            raise Wrong("limits as name=number, separated by commas, for example seconds=10,items=500000")
        found[name] = value
    return found


def switch(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise Wrong("true or false")
    return words[text.lower()]


_NAME_PARTS = ("integration", "resource", "one", "method")
_NAME = re.compile(r"(?:[A-Za-z0-9_-]|\{(?:" + "|".join(_NAME_PARTS) + r")\})+")


def tool_name(text: str) -> str:
    is_told_apart = "{method}" in text and ("{resource}" in text or "{one}" in text)
    if not _NAME.fullmatch(text) or not is_told_apart:
        raise Wrong(
            f"letters, digits, _ and - around {', '.join(f'{{{name}}}' for name in _NAME_PARTS)}; {{method}} "
            "and one of {resource} and {one} must be among them"
        )
    return text


def one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise Wrong(f"one of {', '.join(words)}")
        return text

    return read
