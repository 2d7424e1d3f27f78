"""The settings of an environment for its connect pages: which sites may embed them, and how they look.

    {"embedding_origins": ["https://app.example.com"],
     "connect_theme": {"name": "Example", "logo": "https://…/logo.svg", "logo_dark": …,
                       "accent": "#3355ff", "accent_dark": "#99aaff", "radius": 8}}

All keys are optional. They are checked when settings are written; invalid stored values are ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.errors import BadRequest, failure

__all__ = ["CONNECT_SETTING_NAMES", "ConnectSettings", "Theme", "check_connect_settings"]

CONNECT_SETTING_NAMES: Final = ("embedding_origins", "connect_theme")

_ORIGIN: Final = re.compile(r"https?://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
_COLOUR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_LOGO: Final = re.compile(r"https://[^\s\"'<>\\]{1,2000}|data:image/(?:png|svg\+xml);base64,[A-Za-z0-9+/=]+")
_MAX_NAME_LENGTH: Final = 80
_MAX_RADIUS: Final = 32
_MAX_ORIGINS: Final = 50


@dataclass(frozen=True, slots=True)
class Theme:
    """The look of connect pages. `name`, `logo`: of the site that embeds the page. `accent`: the colour of
    buttons, `#rrggbb`. `radius`: of corners, in CSS pixels. None for the default."""

    name: str | None = None
    logo: str | None = None
    logo_dark: str | None = None
    accent: str | None = None
    accent_dark: str | None = None
    radius: int | None = None


@dataclass(frozen=True, slots=True)
class ConnectSettings:
    """The settings of the connect pages. `origins`: the sites that may embed the pages and receive their
    messages; empty for all."""

    origins: tuple[str, ...] = ()
    theme: Theme = Theme()

    @classmethod
    def from_settings(cls, settings: Mapping[str, Any]) -> ConnectSettings:
        """Parse stored settings. Invalid values are ignored."""
        theme = settings.get("connect_theme")
        sent = theme if isinstance(theme, Mapping) else {}
        valid = {
            name: sent[name] for name, (is_right, _) in _THEME_CHECKS.items() if is_right(sent.get(name))
        }
        return cls(_filter_origins(settings.get("embedding_origins")), Theme(**valid))


def check_connect_settings(settings: Mapping[str, Any]) -> None:
    """Raises BadRequest that lists all invalid values. Null is always valid: it removes a setting."""
    failures = []
    origins = settings.get("embedding_origins")
    if origins is not None and (
        not isinstance(origins, list) or len(_filter_origins(origins)) != len(origins)
    ):
        failures.append(_make_failure("embedding_origins", "a list of origins like https://app.example.com"))
    theme = settings.get("connect_theme")
    if theme is not None and not isinstance(theme, Mapping):
        failures.append(_make_failure("connect_theme", "an object"))
    for name, value in (theme if isinstance(theme, Mapping) else {}).items():
        is_right, words = _THEME_CHECKS.get(name, (None, ""))
        if is_right is None:
            failures.append(_make_failure(f"connect_theme.{name}", f"one of {', '.join(_THEME_CHECKS)}"))
        elif value is not None and not is_right(value):
            failures.append(_make_failure(f"connect_theme.{name}", words))
    if failures:
        raise BadRequest(f"{failures[0]['path']} {failures[0]['message']}.", failures=failures)


def _make_failure(name: str, expected: str) -> dict[str, str]:
    """Return the failure of one setting. `expected`: what a valid value is."""
    return failure(f"settings.{name}", f"must be {expected}", "type")


def _filter_origins(value: object) -> tuple[str, ...]:
    """Return the valid origins of a list, without duplicates and at most _MAX_ORIGINS."""
    many = value if isinstance(value, list) else []
    right = (origin for origin in many if isinstance(origin, str) and _ORIGIN.fullmatch(origin))
    return tuple(dict.fromkeys(right))[:_MAX_ORIGINS]


def _make_pattern_check(pattern: re.Pattern[str]) -> Callable[[object], bool]:
    """Return a check that a value is a text which matches the whole pattern."""
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _is_name(value: object) -> bool:
    """Return True for a text of 1 to 80 characters that is not blank."""
    return isinstance(value, str) and 0 < len(value.strip()) <= _MAX_NAME_LENGTH


def _is_radius(value: object) -> bool:
    """Return True for an integer from 0 to 32."""
    return type(value) is int and 0 <= value <= _MAX_RADIUS


_LOGO_CHECK: Final = (_make_pattern_check(_LOGO), "an https address, or a data address of a PNG or SVG")
_COLOUR_CHECK: Final = (_make_pattern_check(_COLOUR), "a colour like #3355ff")
_THEME_CHECKS: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "name": (_is_name, f"a text of at most {_MAX_NAME_LENGTH} characters"),
    "logo": _LOGO_CHECK,
    "logo_dark": _LOGO_CHECK,
    "accent": _COLOUR_CHECK,
    "accent_dark": _COLOUR_CHECK,
    "radius": (_is_radius, f"a whole number from 0 to {_MAX_RADIUS}"),
}
