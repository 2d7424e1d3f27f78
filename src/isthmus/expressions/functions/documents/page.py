"""The options of a PDF as CSS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.javascript import format_number_text, is_number

__all__ = ["page_styles"]

_SIZES: Final = frozenset({"a0", "a1", "a2", "a3", "a4", "a5", "a6", "letter", "legal", "tabloid", "ledger"})
_LENGTH: Final = re.compile(r"\d+(?:\.\d+)?(?:mm|cm|in|px|pt)?")
_TAGS: Final = re.compile(r"<[^>]*>")
_SIDES: Final = ("top", "right", "bottom", "left")
_BASE: Final = """body { font-family: sans-serif; font-size: 11pt; line-height: 1.4 }
table { border-collapse: collapse } th, td { border: 1px solid #999; padding: 3pt 6pt }
pre, code { font-family: monospace; font-size: 10pt } pre { white-space: pre-wrap }
img { max-width: 100% } blockquote { border-left: 3pt solid #ccc; margin-left: 0; padding-left: 9pt }"""


def page_styles(options: Mapping[str, object]) -> str:
    """A style sheet: page size, margins, header and footer, default text, then the caller's own CSS."""
    size = options.get("pageSize")
    rules = [f"size: {size.lower()}" if isinstance(size, str) and size.lower() in _SIZES else "size: a4"]
    rules.append(f"margin: {' '.join(_margins(options))}")
    if options.get("displayHeaderFooter") is True:
        rules.append(_box("top-center", options.get("headerTemplate"), ""))
        rules.append(
            _box("bottom-center", options.get("footerTemplate"), 'counter(page) " / " counter(pages)')
        )
    own = options.get("styles")
    page = "; ".join(rule for rule in rules if rule)
    return "\n".join(
        [_BASE, f"@page {{ {page} }}", _default_style(options), own if isinstance(own, str) else ""]
    )


def _margins(options: Mapping[str, object]) -> list[str]:
    """Top, right, bottom, left. `pageMargins` are points: left, top, right, bottom."""
    points = options.get("pageMargins")
    if isinstance(points, list) and len(points) == 4 and all(is_number(point) for point in points):
        left, top, right, bottom = (f"{format_number_text(point)}pt" for point in points if is_number(point))
        return [top, right, bottom, left]
    margin = options.get("margin")
    given = margin if isinstance(margin, Mapping) else {}
    return [_length(given.get(side)) for side in _SIDES]


def _length(value: object) -> str:
    if is_number(value):
        return f"{format_number_text(value)}px"
    return value if isinstance(value, str) and _LENGTH.fullmatch(value) else "18mm"


def _box(place: str, template: object, default: str) -> str:
    """A margin box; of a template only its text is shown."""
    content = default
    if isinstance(template, str) and template.strip():
        shown = _TAGS.sub("", template).strip().replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        content = f'"{shown}"'
    return f"@{place} {{ content: {content}; font-size: 9pt }}" if content else ""


def _default_style(options: Mapping[str, object]) -> str:
    style = options.get("defaultStyle")
    size = style.get("fontSize") if isinstance(style, Mapping) else None
    return f"body {{ font-size: {format_number_text(size)}pt }}" if is_number(size) else ""
