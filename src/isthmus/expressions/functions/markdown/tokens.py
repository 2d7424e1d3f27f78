"""The tree that Markdown is read into."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from isthmus.expressions.javascript import utf16_length

__all__ = ["Kind", "Token", "chunks", "decode_entities", "merged"]

Kind = Literal[
    "space",
    "hr",
    "heading",
    "paragraph",
    "list",
    "list_item",
    "blockquote",
    "code",
    "table",
    "html",
    "text",
    "escape",
    "em",
    "strong",
    "del",
    "codespan",
    "link",
    "image",
    "br",
]

_ENTITIES: Final = {
    "&lt;": "<",
    "&gt;": ">",
    "&quot;": '"',
    "&#39;": "'",
    "&#x2F;": "/",
    "&#x5C;": "\\",
    "&#x60;": "`",
    "&#x3D;": "=",
    "&amp;": "&",
}


@dataclass(slots=True)
class Token:
    """`raw` is the source text, markers included; `text` the content without them.

    `children`: inline tokens of a paragraph, heading or mark; blocks of a quote or list item; items of a
    list. `level`: of a heading. `href`: of a link or image, whose alternative text is `text`. `start`: of an
    ordered list, else None. `checked`: of a task item, else None. `rows`: of a table, the header first, each
    a list of cells, each a list of inline tokens. `language`: of a code block, `""` if none.
    """

    kind: Kind
    raw: str
    text: str = ""
    children: list[Token] = field(default_factory=list)
    level: int = 0
    href: str = ""
    title: str = ""
    start: int | None = None
    loose: bool = False
    checked: bool | None = None
    language: str = ""
    rows: list[list[list[Token]]] = field(default_factory=list)
    aligns: list[str] = field(default_factory=list)


def merged(tokens: list[Token]) -> list[Token]:
    """Neighbouring plain texts as one."""
    out: list[Token] = []
    for token in tokens:
        if (
            token.kind == "text"
            and out
            and out[-1].kind == "text"
            and not (token.children or out[-1].children)
        ):
            out[-1] = Token("text", out[-1].raw + token.raw, out[-1].text + token.text)
        else:
            out.append(token)
    return out


def decode_entities(text: str) -> str:
    """The few named characters that the block formats decode; others stay as written."""
    if "&" not in text:
        return text
    for name, character in _ENTITIES.items():
        text = text.replace(name, character)
    return text


def chunks(text: str, size: int) -> list[str]:
    """The text in pieces of at most `size` UTF-16 units, never inside a character."""
    if utf16_length(text) <= size:
        return [text]
    out: list[str] = []
    start = length = 0
    for position, character in enumerate(text):
        width = 2 if character > "\uffff" else 1
        if length + width > size:
            out.append(text[start:position])
            start, length = position, 0
        length += width
    return [*out, text[start:]]
