"""`$convertMarkdownToAdf`: Markdown as a document in the Atlassian Document Format."""

from __future__ import annotations

from isthmus.expressions.functions.markdown.blocks import parse_markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_adf"]

JsonObject = dict[str, object]


def convert_markdown_to_adf(evaluation: Evaluation, markdown: object = UNDEFINED) -> JsonObject:
    """Markdown as a document in Atlassian's format (version 1).

    Task items become plain items; an image stands in a block of its own; HTML is left out.

    Arguments:
        md: Markdown (GFM).
    Null and missing: an error.
    Errors: `convertMarkdownToAdf: …` for anything but text.
    Example:
        $convertMarkdownToAdf("Hi **you**").content[0].content[1]
        => {"type": "text", "text": "you", "marks": [{"type": "strong"}]}
    """
    tokens = parse_markdown_argument(evaluation, markdown, "convertMarkdownToAdf")
    return {"version": 1, "type": "doc", "content": _write_blocks(tokens)}


def _write_blocks(tokens: list[Token]) -> list[JsonObject]:
    """Return the ADF nodes of all blocks."""
    return [node for token in tokens for node in _write_block(token)]


def _make_node(kind: str, content: list[JsonObject], attrs: JsonObject | None = None) -> JsonObject:
    """Return an ADF node with content, and with attributes where they are given."""
    node: JsonObject = {"type": kind}
    if attrs is not None:
        node["attrs"] = attrs
    node["content"] = content
    return node


def _write_block(token: Token) -> list[JsonObject]:
    """Return the ADF nodes of one block; none for a kind that is left out."""
    match token.kind:
        case "heading":
            return [_make_node("heading", _write_inline(token.children, []), {"level": token.level})]
        case "paragraph" | "text":
            return _write_paragraphs(token.children)
        case "hr":
            return [{"type": "rule"}]
        case "code":
            content: list[JsonObject] = [{"type": "text", "text": token.text}] if token.text else []
            return [_make_node("codeBlock", content, {"language": token.language or "text"})]
        case "blockquote":
            return [_make_node("blockquote", _write_blocks(token.children) or [_make_node("paragraph", [])])]
        case "list":
            return [_write_list(token)]
        case "table":
            return [_make_node("table", [_write_row(row, number) for number, row in enumerate(token.rows)])]
    return []


def _write_list(token: Token) -> JsonObject:
    """Return the ADF node of a bullet or ordered list."""
    items = [
        _make_node("listItem", _write_blocks(item.children) or [_make_node("paragraph", [])])
        for item in token.children
    ]
    if token.start is None:
        return _make_node("bulletList", items)
    return _make_node("orderedList", items, {"order": token.start})


def _write_row(cells: list[list[Token]], number: int) -> JsonObject:
    """Return the ADF node of a table row; row 0 is the header."""
    kind = "tableHeader" if number == 0 else "tableCell"
    return _make_node(
        "tableRow", [_make_node(kind, [_make_node("paragraph", _write_inline(cell, []))]) for cell in cells]
    )


def _write_paragraphs(tokens: list[Token]) -> list[JsonObject]:
    """Return the ADF nodes of a paragraph: one for the texts between images, and one for each image."""
    nodes: list[JsonObject] = []
    run: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and token.kind != "image":
            run.append(token)
            continue
        texts = _write_inline(run, [])
        if texts:
            nodes.append(_make_node("paragraph", texts))
        run = []
        if token is not None:
            nodes.append(_write_image(token))
    return nodes


def _write_image(token: Token) -> JsonObject:
    """Return the ADF node of an image, in a block of its own."""
    attrs: JsonObject = {"type": "external", "url": token.href}
    if token.text:
        attrs["alt"] = token.text
    return _make_node("mediaSingle", [{"type": "media", "attrs": attrs}], {"layout": "center"})


def _write_inline(tokens: list[Token], marks: list[JsonObject]) -> list[JsonObject]:
    """Return the ADF text nodes of inline tokens; `marks` are those of the tokens around them."""
    nodes: list[JsonObject] = []
    for token in tokens:
        match token.kind:
            case "text" | "escape":
                nodes.append(_make_text_node(token.text.replace("\n", " "), marks))
            case "codespan":
                links = [mark for mark in marks if mark["type"] == "link"]
                nodes.append(_make_text_node(token.text, [*links, {"type": "code"}]))
            case "em" | "strong":
                nodes.extend(_write_inline(token.children, [*marks, {"type": token.kind}]))
            case "del":
                nodes.extend(_write_inline(token.children, [*marks, {"type": "strike"}]))
            case "link":
                mark: JsonObject = {"type": "link", "attrs": {"href": token.href}}
                nodes.extend(_write_inline(token.children, [*marks, mark]))
            case "br":
                nodes.append({"type": "hardBreak"})
    return [node for node in nodes if node.get("text") != ""]


def _make_text_node(text: str, marks: list[JsonObject]) -> JsonObject:
    """Return an ADF text node with marks."""
    node: JsonObject = {"type": "text", "text": text}
    if marks:
        node["marks"] = [dict(mark) for mark in marks]
    return node
