"""`$convertMarkdownToAdf`: Markdown as an Atlassian document."""

from __future__ import annotations

from isthmus.expressions.functions.markdown.reading import markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_adf"]

Json = dict[str, object]


def convert_markdown_to_adf(evaluation: Evaluation, markdown: object = UNDEFINED) -> Json:
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
    tokens = markdown_argument(evaluation, markdown, "convertMarkdownToAdf")
    return {"version": 1, "type": "doc", "content": _blocks(tokens)}


def _blocks(tokens: list[Token]) -> list[Json]:
    return [node for token in tokens for node in _block(token)]


def _node(kind: str, content: list[Json], attrs: Json | None = None) -> Json:
    node: Json = {"type": kind}
    if attrs is not None:
        node["attrs"] = attrs
    node["content"] = content
    return node


def _block(token: Token) -> list[Json]:
    match token.kind:
        case "heading":
            return [_node("heading", _inline(token.children, []), {"level": token.level})]
        case "paragraph" | "text":
            return _paragraphs(token.children)
        case "hr":
            return [{"type": "rule"}]
        case "code":
            content: list[Json] = [{"type": "text", "text": token.text}] if token.text else []
            return [_node("codeBlock", content, {"language": token.language or "text"})]
        case "blockquote":
            return [_node("blockquote", _blocks(token.children) or [_node("paragraph", [])])]
        case "list":
            return [_list(token)]
        case "table":
            return [_node("table", [_row(row, number) for number, row in enumerate(token.rows)])]
    return []


def _list(token: Token) -> Json:
    items = [_node("listItem", _blocks(item.children) or [_node("paragraph", [])]) for item in token.children]
    if token.start is None:
        return _node("bulletList", items)
    return _node("orderedList", items, {"order": token.start})


def _row(cells: list[list[Token]], number: int) -> Json:
    kind = "tableHeader" if number == 0 else "tableCell"
    return _node("tableRow", [_node(kind, [_node("paragraph", _inline(cell, []))]) for cell in cells])


def _paragraphs(tokens: list[Token]) -> list[Json]:
    """Paragraphs between the images, which are blocks here."""
    out: list[Json] = []
    run: list[Token] = []
    for token in [*tokens, None]:
        if token is not None and token.kind != "image":
            run.append(token)
            continue
        texts = _inline(run, [])
        if texts:
            out.append(_node("paragraph", texts))
        run = []
        if token is not None:
            out.append(_media(token))
    return out


def _media(token: Token) -> Json:
    attrs: Json = {"type": "external", "url": token.href}
    if token.text:
        attrs["alt"] = token.text
    return _node("mediaSingle", [{"type": "media", "attrs": attrs}], {"layout": "center"})


def _inline(tokens: list[Token], marks: list[Json]) -> list[Json]:
    out: list[Json] = []
    for token in tokens:
        match token.kind:
            case "text" | "escape":
                out.append(_text(token.text.replace("\n", " "), marks))
            case "codespan":
                links = [mark for mark in marks if mark["type"] == "link"]
                out.append(_text(token.text, [*links, {"type": "code"}]))
            case "em" | "strong":
                out.extend(_inline(token.children, [*marks, {"type": token.kind}]))
            case "del":
                out.extend(_inline(token.children, [*marks, {"type": "strike"}]))
            case "link":
                mark: Json = {"type": "link", "attrs": {"href": token.href}}
                out.extend(_inline(token.children, [*marks, mark]))
            case "br":
                out.append({"type": "hardBreak"})
    return [node for node in out if node.get("text") != ""]


def _text(text: str, marks: list[Json]) -> Json:
    node: Json = {"type": "text", "text": text}
    if marks:
        node["marks"] = [dict(mark) for mark in marks]
    return node
