"""The tokens that Markdown is parsed into, and what the writers of formats share about their texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from isthmus.expressions.javascript import count_utf16_units

__all__ = ["Kind", "Token", "decode_entities", "merge_texts", "split_by_units"]

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
    """A block or inline element. `raw` is the source text, markers included; `text` the content without them.

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


def merge_texts(tokens: list[Token]) -> list[Token]:
    """Return inline tokens, with neighbouring plain texts as one."""
    merged: list[Token] = []
    for token in tokens:
        if token.kind == "text" and merged and merged[-1].kind == "text":
            merged[-1] = Token("text", merged[-1].raw + token.raw, merged[-1].text + token.text)
        else:
            merged.append(token)
    return merged


def decode_entities(text: str) -> str:
    """Return the text with the few character references decoded that the block formats know; others stay."""
    if "&" not in text:
        return text
    for name, character in _ENTITIES.items():
        text = text.replace(name, character)
    return text


def split_by_units(text: str, size: int) -> list[str]:
    """Return the text in pieces of at most `size` UTF-16 units, never inside a character."""
    if count_utf16_units(text) <= size:
        return [text]
    pieces: list[str] = []
    start = length = 0
    for position, character in enumerate(text):
        width = 2 if character > "\uffff" else 1
        if length + width > size:
            pieces.append(text[start:position])
            start, length = position, 0
        length += width
    return [*pieces, text[start:]]
