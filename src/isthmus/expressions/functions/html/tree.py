"""Parses HTML into plain nodes, and collapses white space as a browser shows it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from isthmus.expressions.javascript import enter_level
from isthmus.expressions.meter import charge_current

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

__all__ = ["Node", "collapse_whitespace", "find_flanking_whitespace", "parse_html"]

_BLOCK_NAMES: Final = """
    address article aside audio blockquote body canvas center dd dir div dl dt fieldset figcaption figure
    footer form frameset h1 h2 h3 h4 h5 h6 header hgroup hr html isindex li main menu nav noframes noscript ol
    output p pre section table tbody td tfoot th thead tr ul
"""
_VOID_NAMES: Final = "area base br col command embed hr img input keygen link meta param source track wbr"
_MEANINGFUL_NAMES: Final = "a table thead tbody tfoot th td iframe script audio video"

_BLOCK_TAGS: Final = frozenset(_BLOCK_NAMES.split())
_VOID_TAGS: Final = frozenset(_VOID_NAMES.split())
_MEANINGFUL_TAGS: Final = frozenset(_MEANINGFUL_NAMES.split())
"""Elements that mean something even when they hold nothing."""
_NEVER_BLANK_TAGS: Final = _VOID_TAGS | _MEANINGFUL_TAGS

_BLANK: Final = re.compile(r"\s*")
_WHITESPACE_RUN: Final = re.compile(r"[ \r\n\t]+")


@dataclass(slots=True, eq=False)
class Node:
    """An element, or a text, whose `tag` is `""`.

    `index` counts all children of the parent, `element_index` only its elements; `set_children` sets both.
    """

    tag: str
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    parent: Node | None = None
    in_code: bool = False
    index: int = 0
    element_index: int = 0

    def set_children(self, children: list[Node]) -> None:
        """Replace the children, and set the places of each of them."""
        self.children = children
        place = 0
        for index, child in enumerate(children):
            child.index, child.element_index = index, place
            place += 1 if child.tag else 0

    @property
    def is_block(self) -> bool:
        """Whether the tag is that of a block."""
        return self.tag in _BLOCK_TAGS

    def walk(self) -> Iterator[Node]:
        """Yield all nodes below, in document order."""
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
        """Whether nothing below would be seen: no text but white space, no image, table or the like."""
        if self.tag in _NEVER_BLANK_TAGS:
            return False
        if not _BLANK.fullmatch(self.content):
            return False
        return not any(node.tag in _NEVER_BLANK_TAGS for node in self.walk())

    def get_sibling(self, step: int) -> Node | None:
        """Return the node `step` places behind this one in its parent, or before it; None if there is
        none."""
        if self.parent is None:
            return None
        siblings, index = self.parent.children, self.index + step
        return siblings[index] if 0 <= index < len(siblings) else None

    @property
    def last_element(self) -> Node | None:
        """The last child that is an element; None without one."""
        return next((child for child in reversed(self.children) if child.tag), None)

    @property
    def elements(self) -> list[Node]:
        """The children that are elements."""
        return [child for child in self.children if child.tag]


def parse_html(source: str) -> Node:
    """Return the document as browsers read it, malformed or not; comments are left out."""
    from selectolax.lexbor import LexborHTMLParser  # few need it, and it is slow to import

    root = Node("html")
    document = LexborHTMLParser(source).root
    if document is not None:
        _copy_children(document, root, 0)
    return root


def _copy_children(source: LexborNode, target: Node, level: int) -> None:
    """Append the elements and texts below `source` to `target`, at any depth."""
    inside = enter_level(level, "convertHtmlToMarkdown", 40)
    child = source.first_child
    while child is not None:
        tag = child.tag or ""
        if tag == "-text":
            target.children.append(Node("", child.text_content or "", parent=target, in_code=target.in_code))
        elif tag[:1] not in "-!":
            attributes = {name: value or "" for name, value in child.attributes.items()}
            node = Node(tag, attributes=attributes, parent=target, in_code=target.in_code or tag == "code")
            target.children.append(node)
            _copy_children(child, node, inside)
        child = child.next


def collapse_whitespace(root: Node) -> None:
    """Rewrite the texts below `root`; those that become empty are removed.

    Runs of white space become one space, edges of blocks have none, `pre` keeps its own.
    """
    _WhitespaceCollapser().collapse_children(root, in_pre=False)


class _WhitespaceCollapser:
    """Collapses the texts of a tree, one after the other.

    `last` is the text before, if no block or line break has come since; a space behind its final space is
    dropped. `after_void` keeps a leading space behind an image or the like.
    """

    def __init__(self) -> None:
        self.last: Node | None = None
        self.after_void = False

    def collapse_children(self, node: Node, *, in_pre: bool) -> None:
        """Collapse the texts below a node, and remove those that become empty."""
        for child in node.children:
            if not child.tag:
                self.collapse_text(child, in_pre)
            elif child.is_block or child.tag == "br":
                self.end_line()
                self.collapse_children(child, in_pre=in_pre or child.tag == "pre")
                self.end_line()
            elif child.tag in _VOID_TAGS:
                self.last, self.after_void = None, True
            else:
                self.collapse_children(child, in_pre=in_pre)
        if node.parent is None:
            self.end_line()
        node.set_children([child for child in node.children if child.tag or child.text])

    def collapse_text(self, node: Node, in_pre: bool) -> None:
        """Collapse the white space of one text, by the text before it."""
        if in_pre:
            self.last, self.after_void = None, True
            return
        text = _WHITESPACE_RUN.sub(" ", node.text)
        follows_space = self.last is None or self.last.text.endswith(" ")
        if text.startswith(" ") and follows_space and not self.after_void:
            text = text[1:]
        node.text = text
        if text:
            self.last, self.after_void = node, False

    def end_line(self) -> None:
        """Drop the space at the end of the text before a block or line break."""
        if self.last is not None and self.last.text.endswith(" "):
            self.last.text = self.last.text[:-1]
        self.last, self.after_void = None, False


def find_flanking_whitespace(node: Node) -> tuple[str, str]:
    """Return the leading and trailing white space that moves out of an inline element: `<b> x</b>` is `
    **x**`."""
    if node.is_block:
        return "", ""
    content = node.content
    lead = content[: len(content) - len(content.lstrip())]
    tail = content[len(content.rstrip()) :] if lead != content else ""
    if _borders_on_space(node, -1):
        lead = lead.lstrip(" \t\r\n")
    if _borders_on_space(node, 1):
        tail = tail.rstrip(" \t\r\n")
    return lead, tail


def _borders_on_space(node: Node, step: int) -> bool:
    """Return whether the inline sibling behind a node (before it, for a negative step) has a space on its
    side."""
    sibling = node.get_sibling(step)
    if sibling is None or sibling.is_block:
        return False
    text = sibling.content
    return text.endswith(" ") if step == -1 else text.startswith(" ")
