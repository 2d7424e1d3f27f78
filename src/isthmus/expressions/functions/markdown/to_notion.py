"""`$convertMarkdownToNotion`: Markdown as the blocks of Notion's API."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.functions.markdown.reading import markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token, chunks, decode_entities
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_notion"]

Json = dict[str, object]

_TEXT_UNITS: Final = 2_000
"""UTF-16 units that Notion takes in one text."""

_ANNOTATIONS: Final = {"em": "italic", "strong": "bold"}


def convert_markdown_to_notion(evaluation: Evaluation, markdown: object = UNDEFINED) -> Json:
    """Markdown as `children` blocks for Notion.

    Blank lines become paragraphs of one line end; images become blocks behind their paragraph; texts are
    cut at 2000 characters.

    Arguments:
        md: Markdown (GFM).
    Null and missing: an error.
    Errors: `convertMarkdownToNotion: …` for anything but text.
    Example:
        $convertMarkdownToNotion("# Hi").children[0].heading_1.rich_text[0].text.content
        => "Hi"
    """
    blocks: list[object] = []
    for token in markdown_argument(evaluation, markdown, "convertMarkdownToNotion"):
        blocks.extend(_blocks(token))
    return {"children": blocks}


def _block(kind: str, content: Json) -> Json:
    return {"type": kind, kind: content}


def _blocks(token: Token) -> list[Json]:
    match token.kind:
        case "space":
            return [_block("paragraph", {"rich_text": [_text("\n", {}, "")]})]
        case "hr":
            return [_block("divider", {})]
        case "heading":
            return _with_images(f"heading_{token.level}", token.children)
        case "paragraph" | "text":
            return _with_images("paragraph", token.children)
        case "blockquote":
            return _callout(token)
        case "code":
            return [_block("code", _code(token))]
        case "html":
            return _lines(token.raw, {}, "")
        case "table":
            return [_table(token)]
        case "list":
            return [_item(item, _item_kind(token)) for item in token.children]
    return []


def _with_images(kind: str, tokens: list[Token]) -> list[Json]:
    texts, images = _inline(tokens, {}, "")
    return ([_block(kind, {"rich_text": texts})] if texts else []) + images


def _callout(token: Token) -> list[Json]:
    first = next((child for child in token.children if child.kind == "paragraph"), None)
    texts, images = _inline(first.children, {}, "") if first is not None else ([], [])
    return [_block("callout", {"rich_text": texts}), *images]


def _code(token: Token) -> Json:
    texts: list[Json] = []
    for line in token.text.split("\n"):
        if not line:
            continue
        if texts:
            texts.append(_text("\n\n", {}, ""))
        texts.extend(_text(part, {}, "") for part in chunks(line, _TEXT_UNITS))
    return {"rich_text": texts, "language": token.language or "plain text"}


def _table(token: Token) -> Json:
    """A cell with several inline parts spreads over as many cells, as Notion has received it so far."""
    rows: list[object] = []
    for position, row in enumerate(token.rows):
        cells: list[object] = []
        for cell in row:
            texts = _inline(cell, {}, "")[0]
            cells.extend([[text] for text in texts] if position == 0 and len(texts) > 1 else [texts])
        rows.append(_block("table_row", {"cells": cells}))
    width = len(token.rows[0]) if token.rows else 0
    return _block(
        "table",
        {"table_width": width, "has_column_header": True, "has_row_header": False, "children": rows},
    )


def _item_kind(token: Token) -> str:
    if token.children and token.children[0].checked is not None:
        return "to_do"
    return "bulleted_list_item" if token.start is None else "numbered_list_item"


def _item(item: Token, kind: str) -> Json:
    texts: list[Json] = []
    children: list[Json] = []
    for token in item.children:
        if token.kind in {"text", "paragraph"}:
            more, images = _inline(token.children, {}, "")
            texts.extend(more)
            children.extend(images)
        else:
            children.extend(_blocks(token))
    content: Json = {}
    if texts:
        content["rich_text"] = texts
    if children:
        content["children"] = children
    if kind == "to_do" and item.checked is not None:
        content["checked"] = item.checked
    return _block(kind, content)


def _inline(tokens: list[Token], annotations: Json, url: str) -> tuple[list[Json], list[Json]]:
    """Rich texts, and the images among them as blocks."""
    texts: list[Json] = []
    images: list[Json] = []
    for token in tokens:
        match token.kind:
            case "image":
                images.append(_block("image", {"type": "external", "external": {"url": token.href}}))
            case "em" | "strong":
                inner = {**annotations, _ANNOTATIONS[token.kind]: True}
                more, found = _inline(token.children, inner, url)
                texts.extend(more)
                images.extend(found)
            case "del":
                more, found = _inline(token.children, annotations, url)
                texts.extend(more)
                images.extend(found)
            case "link":
                texts.extend(_inline(token.children, annotations, token.href)[0])
            case "codespan":
                texts.extend(_lines(token.text, {**annotations, "code": True}, url))
            case "text" | "escape" | "html":
                texts.extend(_lines(token.text, annotations, url))
    return texts, images


def _lines(text: str, annotations: Json, url: str) -> list[Json]:
    """Lines with a text of one line end between them; empty ones are dropped."""
    texts: list[Json] = []
    for line in decode_entities(text).split("\n"):
        if not line:
            continue
        if texts:
            texts.append(_text("\n", annotations, url))
        texts.extend(_text(part, annotations, url) for part in chunks(line, _TEXT_UNITS))
    return texts


def _text(content: str, annotations: Json, url: str) -> Json:
    inner: Json = {"content": content}
    if url:
        inner["link"] = {"url": url}
    text: Json = {"type": "text", "text": inner}
    if annotations:
        text["annotations"] = dict(annotations)
    return text
