"""White space as a browser would show it: runs collapse, edges of blocks are bare, `pre` stays."""

from __future__ import annotations

import re
from typing import Final

from isthmus.expressions.functions.html.tree import VOIDS, Node

__all__ = ["collapse", "flanks"]

_RUN: Final = re.compile(r"[ \r\n\t]+")


def collapse(root: Node) -> None:
    """Rewrites the texts below `root`; those that become empty are removed."""
    _Collapse().children(root, in_pre=False)


class _Collapse:
    """`last` is the text before; a space that follows its space is dropped. Behind a block or line break
    there is none, and `after_void` keeps a leading space behind an image or the like."""

    def __init__(self) -> None:
        self.last: Node | None = None
        self.after_void = False

    def children(self, node: Node, *, in_pre: bool) -> None:
        for child in node.children:
            if not child.tag:
                self.text(child, in_pre)
            elif child.is_block or child.tag == "br":
                self.edge()
                self.children(child, in_pre=in_pre or child.tag == "pre")
                self.edge()
            elif child.tag in VOIDS:
                self.last, self.after_void = None, True
            else:
                self.children(child, in_pre=in_pre)
        if node.parent is None:
            self.edge()
        node.settle([child for child in node.children if child.tag or child.text])

    def text(self, node: Node, in_pre: bool) -> None:
        if in_pre:
            self.last, self.after_void = None, True
            return
        text = _RUN.sub(" ", node.text)
        follows_space = self.last is None or self.last.text.endswith(" ")
        if text.startswith(" ") and follows_space and not self.after_void:
            text = text[1:]
        node.text = text
        if text:
            self.last, self.after_void = node, False

    def edge(self) -> None:
        if self.last is not None and self.last.text.endswith(" "):
            self.last.text = self.last.text[:-1]
        self.last, self.after_void = None, False


def flanks(node: Node) -> tuple[str, str]:
    """The white space that moves out of an inline element: `<b> x</b>` is ` **x**`."""
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
    sibling = node.sibling(step)
    if sibling is None or sibling.is_block:
        return False
    text = sibling.content
    return text.endswith(" ") if step < 0 else text.startswith(" ")
