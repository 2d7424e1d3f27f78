"""Parses placeholders `{{path:cast|other?:default}}` into their parts, and finds their values in a scope."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.placeholders.casts import PlaceholderError
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "FLAGS",
    "Alternative",
    "IsAbsent",
    "Placeholder",
    "Records",
    "UnresolvedPlaceholder",
    "find_placeholders",
    "split_placeholders",
]

FLAGS: Final = frozenset({"null", "undefined", "ignore-empty-str"})

_PLACEHOLDER = re.compile(r"\{\{([A-Za-z0-9_\-./|:?\s]+)\}\}")
_CAST_COLON = re.compile(r":(?=[\w\s])")
_INDEX = re.compile(r"-?[0-9]+\Z")


class Records(list[object]):
    """The records that a node of a graph returned; a path that goes on with a name reads the first record."""


class UnresolvedPlaceholder(PlaceholderError):
    """No alternative had a value and there is no default. `name` is what stands between the braces."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{{{{{name}}}}} has no value", placeholder=name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Alternative:
    """One `path:cast` of a placeholder; `cast` is "str" where none is written."""

    path: tuple[str, ...]
    cast: str


IsAbsent = Callable[[Alternative, object], bool]
"""Given an alternative and the value at its path, before its cast, whether that counts as none."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """One `{{…}}`. `inner` is its text without the braces; an empty `default` means none."""

    inner: str
    alternatives: tuple[Alternative, ...]
    default: str
    default_cast: str
    has_default_cast: bool
    or_null: bool
    or_undefined: bool
    skips_empty: bool

    @property
    def text(self) -> str:
        """The placeholder as it is written, with its braces."""
        return "{{" + self.inner + "}}"

    @property
    def roots(self) -> frozenset[str]:
        """The first name of each alternative's path."""
        return frozenset(alternative.path[0] for alternative in self.alternatives)

    def find(
        self, scope: Mapping[str, object], absent: IsAbsent | None = None
    ) -> tuple[Alternative, object] | None:
        """Return the first alternative with a value, and that value before its cast; None when there is
        none."""
        for alternative in self.alternatives:
            value = _look_up_path(scope, alternative.path)
            if value is UNDEFINED or (self.skips_empty and value == ""):
                continue
            if absent is not None and absent(alternative, value):
                continue
            return alternative, value
        return None


def _parse_placeholder(inner: str) -> Placeholder:
    """Return the placeholder with this text between its braces."""
    main, *rest = inner.split("?:")
    default, *default_casts = _CAST_COLON.split(rest[0]) if rest else [""]
    alternatives = []
    for text in main.split("|"):
        path, *words = _CAST_COLON.split(text)
        name = words[0].strip() if words else "str"
        alternatives.append(Alternative(tuple(path.strip().split(".")), name))
    return Placeholder(
        inner=inner,
        alternatives=tuple(alternatives),
        default=default,
        default_cast=default_casts[0] if default_casts else "str",
        has_default_cast=bool(default_casts),
        or_null=":null" in main,
        or_undefined=":undefined" in main,
        skips_empty=":ignore-empty-str" in main,
    )


def _look_up_path(scope: Mapping[str, object], path: tuple[str, ...]) -> object:
    """Return the value at a path of names and indexes; UNDEFINED if there is none."""
    value: object = scope
    for segment in path:
        if type(value) is dict or isinstance(
            value, Mapping
        ):  # the first is much quicker, and nearly always so
            value = value.get(segment, UNDEFINED)
        elif isinstance(value, list) and _INDEX.match(segment):
            index = int(segment)
            value = value[index] if -len(value) <= index < len(value) else UNDEFINED
        elif isinstance(value, Records):
            first = value[0] if value else UNDEFINED
            value = first.get(segment, UNDEFINED) if isinstance(first, Mapping) else UNDEFINED
        else:
            return UNDEFINED
    return value


def split_placeholders(text: str) -> tuple[str | Placeholder, ...]:
    """Return the placeholders of a text and the text between them, in order."""
    pieces: list[str | Placeholder] = []
    end = 0
    for match in _PLACEHOLDER.finditer(text):
        if match.start() > end:
            pieces.append(text[end : match.start()])
        pieces.append(_parse_placeholder(match[1]))
        end = match.end()
    if end < len(text):
        pieces.append(text[end:])
    return tuple(pieces)


def find_placeholders(text: str) -> Iterator[tuple[int, Placeholder]]:
    """Yield each placeholder of a string with the offset of its first brace."""
    for match in _PLACEHOLDER.finditer(text):
        yield match.start(), _parse_placeholder(match[1])
