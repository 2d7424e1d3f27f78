"""The options of `$xmlToJs` and `$jsToXml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.functions.arguments import get_options
from isthmus.expressions.javascript import clamp_to_integer, is_truthy, to_text
from isthmus.expressions.values import UNDEFINED

__all__ = ["XmlOptions", "parse_options"]

_PARTS: Final = ("declaration", "instruction", "attributes", "text", "cdata", "doctype", "comment")
_MAX_INDENT: Final = 20


@dataclass(frozen=True, slots=True)
class XmlOptions:
    """How XML is read and written.

    `keys`: the field of each part (`text` -> `_text`). `ignored`: parts left out. `arrays`: True if all
    elements are lists, or the names of those that are.
    """

    compact: bool
    indent: str = ""
    keys: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    arrays: bool | frozenset[str] = False
    always_children: bool = False
    trim: bool = False
    native: bool = False
    native_attributes: bool = False
    full_tags: bool = False
    keep_blanks: bool = False

    def is_listed(self, name: str) -> bool:
        """Return whether the field `name` is a list even when it has one value."""
        return self.arrays if isinstance(self.arrays, bool) else name in self.arrays


def parse_options(argument: object) -> XmlOptions:
    """Return the options of a call; they replace the defaults (`compact`, 4 spaces) as a whole."""
    options = get_options({"compact": True, "spaces": 4} if argument is UNDEFINED else argument)
    compact = is_truthy(options.get("compact"))
    keys = {}
    for part in (*_PARTS, "type", "name", "elements"):
        own_key = options.get(f"{part}Key")
        default = f"_{part}" if compact else part
        keys[part] = own_key if isinstance(own_key, str) and own_key else default
    arrays = options.get("alwaysArray")
    return XmlOptions(
        compact=compact,
        indent=_to_indent(options.get("spaces")),
        keys=keys,
        ignored=frozenset(part for part in _PARTS if is_truthy(options.get(f"ignore{part.capitalize()}"))),
        arrays=frozenset(map(to_text, arrays)) if isinstance(arrays, list) else is_truthy(arrays),
        always_children=is_truthy(options.get("alwaysChildren")),
        trim=is_truthy(options.get("trim")),
        native=is_truthy(options.get("nativeType")),
        native_attributes=is_truthy(options.get("nativeTypeAttributes")),
        full_tags=is_truthy(options.get("fullTagEmptyElement")),
        keep_blanks=is_truthy(options.get("captureSpacesBetweenElements")),
    )


def _to_indent(spaces: object) -> str:
    """Return the indentation of one level: a text, or a number of spaces, at most 20."""
    if isinstance(spaces, str):
        return spaces[:_MAX_INDENT]
    return " " * clamp_to_integer(spaces, 0, 0, _MAX_INDENT)
