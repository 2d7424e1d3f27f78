"""Markdown from the nodes of an HTML fragment, by turndown's rules with GFM's additions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.functions.html.tables import table_text
from isthmus.expressions.functions.html.tree import Node
from isthmus.expressions.functions.html.whitespace import flanks

__all__ = ["markdown_of"]

_ESCAPES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\", r"\\\\"),
        (r"\*", r"\\*"),
        (r"\A-", r"\\-"),
        (r"\A\+ ", r"\\+ "),
        (r"\A(=+)", r"\\\1"),
        (r"\A(#{1,6}) ", r"\\\1 "),
        (r"`", r"\\`"),
        (r"\A~~~", r"\\~~~"),
        (r"\[", r"\\["),
        (r"\]", r"\\]"),
        (r"\A>", r"\\>"),
        (r"_", r"\\_"),
        (r"\A(\d+)\. ", r"\1\\. "),
    )
)
_HIGHLIGHT: Final = re.compile(r"highlight-(?:text|source)-([a-z0-9]+)")
_BLANK_LINES: Final = re.compile(r"(\n+\s*)+")


def markdown_of(root: Node) -> str:
    """The text of a whole document, without blank lines at its ends."""
    return _inner(root).lstrip("\t\r\n").rstrip()


def _inner(node: Node) -> str:
    """The children's texts. Where line ends meet, the larger number counts, at most two."""
    parts: list[str] = []
    ends = 0
    for child in node.children:
        piece = _element(child) if child.tag else _text(child)
        body = piece.lstrip("\n")
        ends = min(2, max(ends, len(piece) - len(body)))
        if not body:
            continue
        parts.append("\n" * ends)
        shown = body.rstrip("\n")
        parts.append(shown)
        ends = len(body) - len(shown)
    return "".join(parts) + "\n" * ends


def _text(node: Node) -> str:
    return node.text if node.in_code else _escaped(node.text)


def _escaped(text: str) -> str:
    for pattern, replacement in _ESCAPES:
        text = pattern.sub(replacement, text)
    return text


def _element(node: Node) -> str:
    if node.is_blank:
        return "\n\n" if node.is_block else ""
    lead, tail = flanks(node)
    content = _inner(node) if node.tag not in {"table", "pre"} else ""
    if lead or tail:
        content = content.strip()
    rule = _RULES.get(node.tag)
    if rule is not None:
        content = rule(node, content)
    elif node.is_block:
        content = f"\n\n{content}\n\n"
    return lead + content + tail


def _heading(node: Node, content: str) -> str:
    if not content:
        return ""
    level = int(node.tag[1])
    if level < 3:
        return f"\n\n{content}\n{('=' if level == 1 else '-') * len(content)}\n\n"
    return f"\n\n{'#' * level} {content}\n\n"


def _quote(node: Node, content: str) -> str:
    return "\n\n" + re.sub("^", "> ", content.strip("\n"), flags=re.M) + "\n\n"


def _list(node: Node, content: str) -> str:
    parent = node.parent
    if parent is not None and parent.tag == "li" and parent.last_element is node:
        return f"\n{content}"
    return f"\n\n{content}\n\n"


def _item(node: Node, content: str) -> str:
    content = content.lstrip("\n")
    if content.endswith("\n"):
        content = content.rstrip("\n") + "\n"
    content = content.replace("\n", "\n    ")
    marker = "*   "
    parent = node.parent
    if parent is not None and parent.tag == "ol":
        given = parent.attributes.get("start", "")[:12]
        place = node.place
        marker = f"{int(given) + place if given.isdecimal() else place + 1}.  "
    ends = "\n" if node.sibling(1) is not None and not content.endswith("\n") else ""
    return marker + content + ends


def _pre(node: Node, content: str) -> str:
    first = node.children[0] if node.children else None
    if first is not None and first.tag == "code":
        return "\n\n    " + first.content.replace("\n", "\n    ") + "\n\n"
    return f"\n\n{_inner(node)}\n\n"


def _division(node: Node, content: str) -> str:
    found = _HIGHLIGHT.search(node.attributes.get("class", ""))
    first = node.children[0] if node.children else None
    if found is not None and first is not None and first.tag == "pre":
        return f"\n\n```{found[1]}\n{first.content}\n```\n\n"
    return f"\n\n{content}\n\n"


def _table(node: Node, content: str) -> str:
    lines = table_text(node, _inner)
    return f"\n\n{lines}\n\n" if lines else ""


def _attribute(node: Node, name: str) -> str:
    return _BLANK_LINES.sub("\n", node.attributes.get(name, ""))


def _link(node: Node, content: str) -> str:
    href = node.attributes.get("href", "")
    if not href:
        return content
    href = re.sub(r"([()])", r"\\\1", href)
    title = _attribute(node, "title").replace('"', '\\"')
    return f'[{content}]({href} "{title}")' if title else f"[{content}]({href})"


def _image(node: Node, content: str) -> str:
    source = node.attributes.get("src", "")
    if not source:
        return ""
    title = _attribute(node, "title")
    return f"![{_attribute(node, 'alt')}]({source}" + (f' "{title}")' if title else ")")


def _code(node: Node, content: str) -> str:
    if node.parent is not None and node.parent.tag == "pre" and len(node.parent.children) == 1:
        return content
    if not content:
        return ""
    content = re.sub(r"\r?\n|\r", " ", content)
    ticks = "`"
    runs = set(re.findall("`+", content))
    while ticks in runs:
        ticks += "`"
    space = " " if re.search(r"^`|^ .*?[^ ].* $|`$", content) else ""
    return f"{ticks}{space}{content}{space}{ticks}"


def _input(node: Node, content: str) -> str:
    if node.attributes.get("type") != "checkbox" or node.parent is None or node.parent.tag != "li":
        return content
    return "[x] " if "checked" in node.attributes else "[ ] "


def _marked(mark: str) -> Callable[[Node, str], str]:
    return lambda node, content: f"{mark}{content}{mark}" if content.strip() else ""


_RULES: Final[Mapping[str, Callable[[Node, str], str]]] = {
    **{f"h{level}": _heading for level in range(1, 7)},
    **dict.fromkeys(("em", "i"), _marked("_")),
    **dict.fromkeys(("strong", "b"), _marked("**")),
    **dict.fromkeys(("del", "s", "strike"), lambda node, content: f"~~{content}~~"),
    **dict.fromkeys(("ul", "ol"), _list),
    "p": lambda node, content: f"\n\n{content}\n\n",
    "br": lambda node, content: "  \n",
    "hr": lambda node, content: "\n\n* * *\n\n",
    "blockquote": _quote,
    "li": _item,
    "pre": _pre,
    "div": _division,
    "table": _table,
    "a": _link,
    "img": _image,
    "code": _code,
    "input": _input,
}
