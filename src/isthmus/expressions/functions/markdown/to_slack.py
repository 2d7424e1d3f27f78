"""`$convertMarkdownToSlack`: Markdown as the blocks of Slack's Block Kit."""

from __future__ import annotations

from isthmus.expressions.functions.markdown.blocks import parse_markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_slack"]

JsonObject = dict[str, object]


def convert_markdown_to_slack(evaluation: Evaluation, markdown: object = UNDEFINED) -> list[object]:
    """Markdown as Slack blocks: sections of mrkdwn, headers, dividers and images.

    Tables and HTML blocks are left out; an image comes behind its paragraph.

    Arguments:
        md: Markdown (GFM).
    Null and missing: an error.
    Errors: `convertMarkdownToSlack: …` for anything but text.
    Example:
        $convertMarkdownToSlack("see **[this](https://a.b)**")[0].text.text
        => "see *[this](https://a.b)*"
    """
    parts: list[object] = []
    for token in parse_markdown_argument(evaluation, markdown, "convertMarkdownToSlack"):
        parts.extend(_write_blocks(token))
    return parts


def _make_section(text: str) -> JsonObject:
    """Return a Slack section block of mrkdwn, Slack's Markdown."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _write_blocks(token: Token) -> list[JsonObject]:
    """Return the Slack blocks of one block of Markdown; none for a kind that is left out."""
    match token.kind:
        case "space":
            return [_make_section("\n")]
        case "hr":
            return [{"type": "divider"}]
        case "heading":
            return [{"type": "header", "text": {"type": "plain_text", "text": token.text, "emoji": True}}]
        case "paragraph" | "text":
            text = _write_inline(token.children)
            return ([_make_section(text)] if text else []) + [
                _make_image_block(child) for child in token.children if child.kind == "image"
            ]
        case "blockquote" | "code":
            return [_make_section(token.raw)]
        case "list":
            return [_make_section(_write_list(token))]
    return []


def _make_image_block(token: Token) -> JsonObject:
    """Return a Slack block of an image."""
    return {"type": "image", "image_url": token.href, "alt_text": token.text}


def _write_list(token: Token) -> str:
    """Return a list as mrkdwn. Each block of each item is an item of its own; a nested list is one item."""
    pieces: list[str] = []
    for item in token.children:
        pieces.extend(piece for child in item.children if (piece := _write_piece(child)))
    if token.start is None:
        return "\n".join(f"• {piece}" for piece in pieces)
    return "\n".join(f"{number}. {piece}" for number, piece in enumerate(pieces, 1))


def _write_piece(token: Token) -> str:
    """Return a block inside a list item as mrkdwn; `""` for one that is left out."""
    match token.kind:
        case "list":
            return _write_list(token)
        case "space":
            return "\n"
        case "text" | "paragraph":
            return _write_inline(token.children)
        case "blockquote" | "code":
            return token.raw
        case "heading":
            return token.text
    return ""


def _write_inline(tokens: list[Token]) -> str:
    """Return the inline tokens as mrkdwn; images are left out."""
    parts = []
    for token in tokens:
        match token.kind:
            case "image":
                continue
            case "strong":
                parts.append(f"*{token.text}*")
            case "link":
                parts.append(f"<{token.href}|{token.text}>")
            case _:
                parts.append(token.raw)
    return "".join(parts)
