"""What Notion blocks hold: rich texts with their marks, captions, addresses of files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.javascript import describe_kind, is_truthy, to_text

__all__ = [
    "Block",
    "attachment_url",
    "body_of",
    "caption",
    "heading_level",
    "linked_texts",
    "marked_text",
    "rich_texts",
]

Block = Mapping[str, object]

_HEADING: Final = re.compile(r"heading_([1-6])")
_MARKS: Final = (("code", "`"), ("bold", "**"), ("italic", "_"), ("underline", "_"), ("strikethrough", "~~"))


def body_of(block: Block, function: str) -> Block:
    """What stands under the name of the block's type."""
    body = block.get(to_text(block.get("type")))
    if not isinstance(body, Mapping):
        raise function_error(
            function, f"{function}: a block of type {to_text(block.get('type'))} has nothing under that name"
        )
    return body


def heading_level(kind: str) -> int | None:
    found = _HEADING.fullmatch(kind)
    return int(found[1]) if found else None


def _parts(body: Block) -> list[Block]:
    given = body.get("rich_text")
    return [part for part in given if isinstance(part, Mapping)] if isinstance(given, list) else []


def _plain(part: Block) -> str:
    """`plain_text` as Notion sends it, else the text's content as Notion receives it."""
    plain = part.get("plain_text")
    if plain is None:
        inner = part.get("text")
        plain = inner.get("content", "") if isinstance(inner, Mapping) else ""
    return to_text(plain)


def _linked(part: Block) -> str | None:
    href = part.get("href")
    if not is_truthy(href) or not isinstance(href, str):
        return None
    return f"[{_plain(part)}]({f'https://www.notion.so{href}' if href.startswith('/') else href})"


def rich_texts(body: Block) -> list[str]:
    """The texts without marks or links."""
    return [_plain(part) for part in _parts(body)]


def linked_texts(body: Block) -> list[str]:
    """The texts with links, without marks."""
    return [_linked(part) or _plain(part) for part in _parts(body)]


def marked_text(body: Block) -> str:
    """One Markdown text: links, or where there is none the marks."""
    out = []
    for part in _parts(body):
        linked = _linked(part)
        out.append(linked if linked is not None else _marked(part))
    return "".join(out)


def _marked(part: Block) -> str:
    content = _plain(part)
    annotations = part.get("annotations")
    if isinstance(annotations, Mapping):
        for name, mark in _MARKS:
            if is_truthy(annotations.get(name)):
                content = f"{mark}{content}{mark}"
    return content


def caption(body: Block, default: str) -> str:
    given = body.get("caption")
    parts = [_plain(part) for part in given if isinstance(part, Mapping)] if isinstance(given, list) else []
    return ",".join(parts) or default


def attachment_url(body: Block) -> str:
    """The address of a file, Notion's own or external."""
    kind = to_text(body.get("type"))
    place = body.get(kind)
    if not isinstance(place, Mapping):
        raise function_error(
            "convertNotionToMarkdown", f"A file block has no address: {describe_kind(place)}"
        )
    return to_text(place.get("url", ""))
