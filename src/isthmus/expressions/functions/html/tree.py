"""Parsed HTML as plain nodes, and what kind of element each is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from isthmus.expressions.javascript import enter_level
from isthmus.expressions.meter import charge_current

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["BLOCKS", "VOIDS", "Node", "read_html"]

_BLOCK_NAMES: Final = """
    address article aside audio blockquote body canvas center dd dir div dl dt fieldset figcaption figure
    footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html isindex li main menu nav noframes noscript ol
    output p pre section table tbody td tfoot th thead tr ul
"""
_VOID_NAMES: Final = "area base br col command embed hr img input keygen link meta param source track wbr"
_MEANT_NAMES: Final = "a table thead tbody tfoot th td iframe script audio video"

BLOCKS: Final = frozenset(_BLOCK_NAMES.split())
VOIDS: Final = frozenset(_VOID_NAMES.split())
_MEANT: Final = frozenset(_MEANT_NAMES.split())
"""Elements that mean something even when they hold nothing."""

_BLANK: Final = re.compile(r"\s*")


@dataclass(slots=True, eq=False)
class Node:
    """An element, or a text (`tag` is `""`).

    `index` counts among all children of the parent, `place` among its elements; `settle` sets both.
    """

    tag: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None
    in_code: bool = False
    index: int = 0
    place: int = 0

    def settle(self, children: list[Node]) -> None:
        """These are the children."""
        self.children = children
        place = 0
        for index, child in enumerate(children):
            child.index, child.place = index, place
            place += 1 if child.tag else 0

    @property
    def is_block(self) -> bool:
        return self.tag in BLOCKS

    def walk(self) -> Iterator[Node]:
        """All nodes below, in document order."""
        pending = list(reversed(self.children))
        while pending:
            charge_current(1)
            node = pending.pop()
            yield node
            pending.extend(reversed(node.children))

    @property
    def content(self) -> str:
        """The text of all nodes below."""
        return self.text if not self.tag else "".join(node.text for node in self.walk())

    @property
    def is_blank(self) -> bool:
        if self.tag in VOIDS or self.tag in _MEANT:
            return False
        if not _BLANK.fullmatch(self.content):
            return False
        return not any(node.tag in VOIDS or node.tag in _MEANT for node in self.walk())

    def sibling(self, step: int) -> Node | None:
        if self.parent is None:
            return None
        siblings, index = self.parent.children, self.index + step
        return siblings[index] if 0 <= index < len(siblings) else None

    @property
    def last_element(self) -> Node | None:
        return next((child for child in reversed(self.children) if child.tag), None)

    @property
    def elements(self) -> list[Node]:
        return [child for child in self.children if child.tag]


def read_html(source: str) -> Node:
    """The document as browsers read it, malformed or not; comments are left out."""
    from selectolax.lexbor import LexborHTMLParser  # few need it, and it is slow to import

    root = Node("html")
    found = LexborHTMLParser(source).root
    if found is not None:
        _copy(found, root, 0)
    return root


def _copy(source: LexborNode, target: Node, level: int) -> None:
    inside = enter_level(level, "convertHtmlToMarkdown", 40)
    child = source.first_child
    while child is not None:
        tag = child.tag or ""
        if tag == "-text":
            target.children.append(Node("", child.text_content or "", parent=target, in_code=target.in_code))
        elif tag and tag[0] not in "-!":
            attributes = {name: value or "" for name, value in child.attributes.items()}
            node = Node(tag, attributes=attributes, parent=target, in_code=target.in_code or tag == "code")
            target.children.append(node)
            _copy(child, node, inside)
        child = child.next
