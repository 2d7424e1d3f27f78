"""HTML tables as Markdown's: the first row is the header, cells are padded to three characters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Final

from isthmus.expressions.functions.html.tree import Node

__all__ = ["table_text"]

_WIDTH: Final = 3
_SPAN: Final = 100
"""Columns that one cell may span."""


def table_text(table: Node, inner: Callable[[Node], str]) -> str:
    """The table's lines; `""` without a row that has cells. `inner` writes the content of a cell."""
    lines = []
    for row in _rows(table):
        cells = [cell for cell in row.elements if cell.tag in {"td", "th"}]
        if not cells:
            continue
        lines.append("|" + "".join(_cell(cell, inner) for cell in cells))
        if len(lines) == 1:
            lines.append("|" + " --- |" * sum(_span(cell) for cell in cells))
    return "\n".join(lines)


def _rows(table: Node) -> Iterator[Node]:
    for child in table.elements:
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from (row for row in child.elements if row.tag == "tr")


def _cell(cell: Node, inner: Callable[[Node], str]) -> str:
    content = re.sub(r"\s*\n\s*", " ", inner(cell).strip()).replace("|", "\\|")
    return f" {content.ljust(_WIDTH)} |" + "   |" * (_span(cell) - 1)


def _span(cell: Node) -> int:
    given = cell.attributes.get("colspan", "")[:6]
    return min(int(given), _SPAN) or 1 if given.isdecimal() else 1
