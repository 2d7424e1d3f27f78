"""The options that reading and writing share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.javascript import clamp_to_integer, is_truthy, to_text
from isthmus.expressions.values import UNDEFINED

__all__ = ["XmlOptions", "xml_options"]

_PARTS: Final = ("declaration", "instruction", "attributes", "text", "cdata", "doctype", "comment")
_SPACES: Final = 20


@dataclass(frozen=True, slots=True)
class XmlOptions:
    """`keys`: the name of each part (`text` -> `_text`). `ignored`: parts left out. `arrays`: True for all
    elements in lists, or the names of some."""

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

    def listed(self, name: str) -> bool:
        return self.arrays if isinstance(self.arrays, bool) else name in self.arrays


def xml_options(given: object) -> XmlOptions:
    """Options replace the defaults (`compact`, 4 spaces) as a whole, as they did in the original."""
    options = {"compact": True, "spaces": 4} if given is UNDEFINED else given
    if not isinstance(options, Mapping):
        options = {}
    compact = is_truthy(options.get("compact"))
    keys = {}
    for part in (*_PARTS, "type", "name", "elements"):
        given_key = options.get(f"{part}Key")
        default = f"_{part}" if compact else part
        keys[part] = given_key if isinstance(given_key, str) and given_key else default
    arrays = options.get("alwaysArray")
    return XmlOptions(
        compact=compact,
        indent=_indent(options.get("spaces")),
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


def _indent(spaces: object) -> str:
    if isinstance(spaces, str):
        return spaces[:_SPACES]
    return " " * clamp_to_integer(spaces, 0, 0, _SPACES)
