"""What an environment's settings say about its connect pages: who may embed them, and how they look.

    {"embedding_origins": ["https://app.example.com"],
     "connect_theme": {"name": "Example", "logo": "https://…/logo.svg", "logo_dark": …,
                       "accent": "#3355ff", "accent_dark": "#99aaff", "radius": 8}}

Each key may be absent. Checked where settings are written; what is stored otherwise and wrong is passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.errors import BadRequest, failure

__all__ = ["SETTINGS", "ConnectSettings", "Theme", "check_connect_settings"]

SETTINGS: Final = ("embedding_origins", "connect_theme")
"""All there are."""

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_LOGO: Final = re.compile(r"https://[^\s\"'<>\\]{1,2000}|data:image/(?:png|svg\+xml);base64,[A-Za-z0-9+/=]+")
_LONGEST_NAME: Final = 80
_ROUNDEST: Final = 32
_MOST_ORIGINS: Final = 50


@dataclass(frozen=True, slots=True)
class Theme:
    """`name`, `logo`: of whoever embeds the page. `accent`: `#rrggbb`, of buttons. `radius`: of corners, in
    CSS pixels. None: the page's own."""

    name: str | None = None
    logo: str | None = None
    logo_dark: str | None = None
    accent: str | None = None
    accent_dark: str | None = None
    radius: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectSettings:
    """`origins`: who may embed the pages and hear their message; empty for anybody."""

    origins: tuple[str, ...] = ()
    theme: Theme = Theme()

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ConnectSettings:
        """Never raises."""
        theme = settings.get("connect_theme")
        sent = theme if isinstance(theme, Mapping) else {}
        kept = {name: sent[name] for name, (is_right, _) in _THEME.items() if is_right(sent.get(name))}
        return cls(_origins(settings.get("embedding_origins")), Theme(**kept))


def check_connect_settings(settings: Mapping[str, Any]) -> None:
    """Raises BadRequest that names every bad value. Null removes a setting, so it is always right."""
    failures = []
    origins = settings.get("embedding_origins")
    if origins is not None and (not isinstance(origins, list) or len(_origins(origins)) != len(origins)):
        failures.append(_wrong("embedding_origins", "a list of origins like https://app.example.com"))
    theme = settings.get("connect_theme")
    if theme is not None and not isinstance(theme, Mapping):
        failures.append(_wrong("connect_theme", "an object"))
    for name, value in (theme if isinstance(theme, Mapping) else {}).items():
        is_right, words = _THEME.get(name, (None, ""))
        if is_right is None:
            failures.append(_wrong(f"connect_theme.{name}", f"one of {', '.join(_THEME)}"))
        elif value is not None and not is_right(value):
            failures.append(_wrong(f"connect_theme.{name}", words))
    if failures:
        raise BadRequest(f"{failures[0]['path']} {failures[0]['message']}.", failures=failures)


def _wrong(name: str, words: str) -> dict[str, str]:
    return failure(f"settings.{name}", f"must be {words}", "type")


def _origins(value: object) -> tuple[str, ...]:
    many = value if isinstance(value, list) else []
    right = (each for each in many if isinstance(each, str) and _ORIGIN.fullmatch(each))
    return tuple(dict.fromkeys(right))[:_MOST_ORIGINS]


def _matches(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= _LONGEST_NAME


def _is_radius(value: object) -> bool:
    return type(value) is int and 0 <= value <= _ROUNDEST


_A_LOGO: Final = (_matches(_LOGO), "an https address, or a data address of a PNG or SVG")
_A_COLOUR: Final = (_matches(_COLOUR), "a colour like #3355ff")
_THEME: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "name": (_is_name, f"a text of at most {_LONGEST_NAME} characters"),
    "logo": _A_LOGO,
    "logo_dark": _A_LOGO,
    "accent": _A_COLOUR,
    "accent_dark": _A_COLOUR,
    "radius": (_is_radius, f"a whole number from 0 to {_ROUNDEST}"),
}
