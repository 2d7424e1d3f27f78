"""`$convertMarkdownToNotion`: Markdown as the blocks of Notion's API."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.functions.markdown.blocks import parse_markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token, decode_entities, split_by_units
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_notion"]

JsonObject = dict[str, object]

_MAX_TEXT_UNITS: Final = 2_000
"""UTF-16 units that Notion takes in one text."""

_ANNOTATIONS: Final = {"em": "italic", "strong": "bold"}


def convert_markdown_to_notion(evaluation: Evaluation, markdown: object = UNDEFINED) -> JsonObject:
    """Markdown as `children` blocks for Notion.

    Blank lines become paragraphs of one line end; images become blocks behind their paragraph; texts are
    cut at 2000 UTF-16 units. Struck text loses its mark. Dropped are line breaks in a paragraph, images in
    links and tables, and all of a quote but its first paragraph.

    Arguments:
        md: Markdown (GFM).
    Null and missing: an error.
    Errors: `convertMarkdownToNotion: …` for anything but text.
    Example:
        $convertMarkdownToNotion("# Hi").children[0].heading_1.rich_text[0].text.content
        => "Hi"
    """
    blocks: list[object] = []
    for token in parse_markdown_argument(evaluation, markdown, "convertMarkdownToNotion"):
        blocks.extend(_write_blocks(token))
    return {"children": blocks}


def _make_block(kind: str, content: JsonObject) -> JsonObject:
    """Return a Notion block of a kind."""
    return {"type": kind, kind: content}


def _write_blocks(token: Token) -> list[JsonObject]:
    """Return the Notion blocks of one block of Markdown; the rich texts of one of HTML."""
    match token.kind:
        case "space":
            return [_make_block("paragraph", {"rich_text": [_make_rich_text("\n", {}, "")]})]
        case "hr":
            return [_make_block("divider", {})]
        case "heading":
            return _write_with_images(f"heading_{token.level}", token.children)
        case "paragraph" | "text":
            return _write_with_images("paragraph", token.children)
        case "blockquote":
            return _write_callout(token)
        case "code":
            return [_make_block("code", _write_code(token))]
        case "html":
            return _write_lines(token.raw, {}, "")
        case "table":
            return [_write_table(token)]
        case "list":
            return [_write_item(item, _choose_item_kind(token)) for item in token.children]
    return []


def _write_with_images(kind: str, tokens: list[Token]) -> list[JsonObject]:
    """Return a Notion block of the texts, if there are any, and one for each image behind it."""
    texts, images = _write_inline(tokens, {}, "")
    return ([_make_block(kind, {"rich_text": texts})] if texts else []) + images


def _write_callout(token: Token) -> list[JsonObject]:
    """Return the Notion blocks of a quote: a callout of its first paragraph, and its images."""
    first = next((child for child in token.children if child.kind == "paragraph"), None)
    texts, images = _write_inline(first.children, {}, "") if first is not None else ([], [])
    return [_make_block("callout", {"rich_text": texts}), *images]


def _write_code(token: Token) -> JsonObject:
    """Return the content of a Notion code block: each line cut into texts of the length that Notion takes,
    with two line ends between lines. Empty lines are dropped."""
    texts: list[JsonObject] = []
    for line in token.text.split("\n"):
        if not line:
            continue
        if texts:
            texts.append(_make_rich_text("\n\n", {}, ""))
        texts.extend(_make_rich_text(part, {}, "") for part in split_by_units(line, _MAX_TEXT_UNITS))
    return {"rich_text": texts, "language": token.language or "plain text"}


def _write_table(token: Token) -> JsonObject:
    """Return a table block. A header cell with several inline parts becomes as many cells, as in the
    original."""
    rows: list[object] = []
    for position, row in enumerate(token.rows):
        cells: list[object] = []
        for cell in row:
            texts = _write_inline(cell, {}, "")[0]
            cells.extend([[text] for text in texts] if position == 0 and len(texts) > 1 else [texts])
        rows.append(_make_block("table_row", {"cells": cells}))
    width = len(token.rows[0]) if token.rows else 0
    return _make_block(
        "table",
        {"table_width": width, "has_column_header": True, "has_row_header": False, "children": rows},
    )


def _choose_item_kind(token: Token) -> str:
    """Return the type of Notion block for the items of a list, by the first of them: task, bulleted or
    numbered."""
    if token.children and token.children[0].checked is not None:
        return "to_do"
    return "bulleted_list_item" if token.start is None else "numbered_list_item"


def _write_item(item: Token, kind: str) -> JsonObject:
    """Return the Notion block of a list item: its texts, and what else it holds as children."""
    texts: list[JsonObject] = []
    children: list[JsonObject] = []
    for token in item.children:
        if token.kind in {"text", "paragraph"}:
            more, images = _write_inline(token.children, {}, "")
            texts.extend(more)
            children.extend(images)
        else:
            children.extend(_write_blocks(token))
    content: JsonObject = {}
    if texts:
        content["rich_text"] = texts
    if children:
        content["children"] = children
    if kind == "to_do" and item.checked is not None:
        content["checked"] = item.checked
    return _make_block(kind, content)


def _write_inline(
    tokens: list[Token], annotations: JsonObject, url: str
) -> tuple[list[JsonObject], list[JsonObject]]:
    """Return the rich texts of the tokens, and the images among them as blocks.

    `annotations` and `url`: the marks and the link around the tokens.
    """
    texts: list[JsonObject] = []
    images: list[JsonObject] = []
    for token in tokens:
        match token.kind:
            case "image":
                images.append(_make_block("image", {"type": "external", "external": {"url": token.href}}))
            case "em" | "strong":
                inner = {**annotations, _ANNOTATIONS[token.kind]: True}
                more, more_images = _write_inline(token.children, inner, url)
                texts.extend(more)
                images.extend(more_images)
            case "del":
                more, more_images = _write_inline(token.children, annotations, url)
                texts.extend(more)
                images.extend(more_images)
            case "link":
                texts.extend(_write_inline(token.children, annotations, token.href)[0])
            case "codespan":
                texts.extend(_write_lines(token.text, {**annotations, "code": True}, url))
            case "text" | "escape" | "html":
                texts.extend(_write_lines(token.text, annotations, url))
    return texts, images


def _write_lines(text: str, annotations: JsonObject, url: str) -> list[JsonObject]:
    """Return the rich texts of the lines, with one of a line end between them; entities are decoded, empty
    lines dropped."""
    texts: list[JsonObject] = []
    for line in decode_entities(text).split("\n"):
        if not line:
            continue
        if texts:
            texts.append(_make_rich_text("\n", annotations, url))
        texts.extend(
            _make_rich_text(part, annotations, url) for part in split_by_units(line, _MAX_TEXT_UNITS)
        )
    return texts


def _make_rich_text(content: str, annotations: JsonObject, url: str) -> JsonObject:
    """Return a rich text of Notion, with a link and annotations where they are given."""
    inner: JsonObject = {"content": content}
    if url:
        inner["link"] = {"url": url}
    text: JsonObject = {"type": "text", "text": inner}
    if annotations:
        text["annotations"] = dict(annotations)
    return text
