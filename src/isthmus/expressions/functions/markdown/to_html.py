"""`$convertMarkdownToHtml`: Markdown as the HTML that npm `marked` 14 writes, as in the original."""

from __future__ import annotations

import re
from collections.abc import Coroutine
from html import escape as escape_all
from typing import Any, Final
from urllib.parse import quote

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_input_text, get_options
from isthmus.expressions.functions.markdown.blocks import parse_markdown
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.functions.offloading import offload_if_heavy
from isthmus.expressions.javascript import describe_kind, is_nil, is_truthy
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_html", "write_html"]

_HEAVY_CHARS: Final = 256 * 1024
_LOOSE_AMPERSAND: Final = re.compile(r"&(?!(?:#\d{1,7}|#[Xx][a-fA-F0-9]{1,6}|\w+);)")
_JAVASCRIPT_TYPES: Final = {
    "a number": "Number",
    "a boolean": "Boolean",
    "a list": "Array",
    "an object": "Object",
}
_URL_SAFE: Final = ";,/?:@&=+$-_.!~*'()#%"


def convert_markdown_to_html(
    evaluation: Evaluation, markdown: object = UNDEFINED, options: object = UNDEFINED
) -> str | Coroutine[Any, Any, str]:
    """Markdown as HTML. HTML inside the Markdown passes through; nothing is sanitised.

    Arguments:
        md: Markdown (GFM): tables, task lists, `~x~` and `~~x~~`, bare addresses as links.
        options: `breaks` turns line ends inside a paragraph into `<br>` (default `false`).
    Null and missing: an error.
    Errors: `marked(): input parameter is undefined or null`; `marked(): input parameter is of type [object
        Number], string expected`.
    Example:
        $convertMarkdownToHtml("**b** ~~s~~")
        => "<p><strong>b</strong> <del>s</del></p>\\n"
    """
    if is_nil(markdown):
        raise make_function_error("convertMarkdownToHtml", "marked(): input parameter is undefined or null")
    if not isinstance(markdown, str):
        kind = _JAVASCRIPT_TYPES.get(describe_kind(markdown), "Object")
        raise make_function_error(
            "convertMarkdownToHtml",
            f"marked(): input parameter is of type [object {kind}], string expected",
        )
    breaks = is_truthy(get_options(options).get("breaks"))
    source = check_input_text(evaluation, markdown, "convertMarkdownToHtml")
    return offload_if_heavy(_convert, source, breaks, heavy=len(source) > _HEAVY_CHARS)


def _convert(source: str, breaks: bool) -> str:
    """Return the HTML of a whole Markdown text."""
    return write_html(parse_markdown(source), breaks=breaks)


def write_html(blocks: list[Token], *, breaks: bool = False) -> str:
    """Return the HTML of blocks. `breaks`: line ends inside a paragraph become `<br>`."""
    return "".join(_write_block(token, breaks) for token in blocks)


def _write_block(token: Token, breaks: bool) -> str:
    """Return the HTML of one block."""
    match token.kind:
        case "heading":
            return f"<h{token.level}>{_write_inline(token.children, breaks)}</h{token.level}>\n"
        case "paragraph":
            return f"<p>{_write_inline(token.children, breaks)}</p>\n"
        case "text":
            return _write_inline(token.children, breaks)
        case "hr":
            return "<hr>\n"
        case "code":
            name = token.language.split(" ")[0] if token.language else ""
            language = f' class="language-{_escape_text(name)}"' if name else ""
            return f"<pre><code{language}>{_escape(token.text)}\n</code></pre>\n"
        case "blockquote":
            return f"<blockquote>\n{write_html(token.children, breaks=breaks)}</blockquote>\n"
        case "html":
            return token.raw
        case "table":
            return _write_table(token, breaks)
        case "list":
            return _write_list(token, breaks)
    return ""


def _write_list(token: Token, breaks: bool) -> str:
    """Return the HTML of a list."""
    tag = "ul" if token.start is None else "ol"
    start = f' start="{token.start}"' if token.start not in (None, 1) else ""
    items = "".join(f"<li>{_write_item(item, token.loose, breaks)}</li>\n" for item in token.children)
    return f"<{tag}{start}>\n{items}</{tag}>\n"


def _write_item(item: Token, loose: bool, breaks: bool) -> str:
    """Return the HTML inside a list item: its checkbox, if it has one, and its blocks."""
    box = ""
    if item.checked is not None:
        checked = 'checked="" ' if item.checked else ""
        box = f'<input {checked}disabled="" type="checkbox"> '
    parts = []
    for token in item.children:
        if token.kind == "text" and loose:
            parts.append(f"<p>{box}{_write_inline(token.children, breaks)}</p>\n")
        else:
            parts.append(box + _write_block(token, breaks))
        box = ""
    return "".join(parts) + box


def _write_table(token: Token, breaks: bool) -> str:
    """Return the HTML of a table."""

    def write_row(cells: list[list[Token]], tag: str) -> str:
        """Return the HTML of a row whose cells have the tag `tag`."""
        parts = []
        for index, cell in enumerate(cells):
            align = token.aligns[index] if index < len(token.aligns) else ""
            attribute = f' align="{align}"' if align else ""
            parts.append(f"<{tag}{attribute}>{_write_inline(cell, breaks)}</{tag}>\n")
        return f"<tr>\n{''.join(parts)}</tr>\n"

    head = f"<thead>\n{write_row(token.rows[0], 'th') if token.rows else ''}</thead>\n"
    body = "".join(write_row(cells, "td") for cells in token.rows[1:])
    return f"<table>\n{head}{f'<tbody>{body}</tbody>' if body else ''}</table>\n"


def _write_inline(tokens: list[Token], breaks: bool) -> str:
    """Return the HTML of inline tokens."""
    return "".join(_write_token(token, breaks) for token in tokens)


def _write_token(token: Token, breaks: bool) -> str:
    """Return the HTML of one inline token."""
    match token.kind:
        case "text":
            text = _escape_text(token.text)
            return text.replace("\n", "<br>") if breaks else text
        case "escape":
            return _escape(token.text)
        case "strong" | "em" | "del":
            return f"<{token.kind}>{_write_inline(token.children, breaks)}</{token.kind}>"
        case "codespan":
            return f"<code>{_escape(token.text)}</code>"
        case "br":
            return "<br>"
        case "html":
            return token.raw
        case "link":
            title = f' title="{_escape(token.title)}"' if token.title else ""
            return (
                f'<a href="{_escape_address(token.href)}"{title}>{_write_inline(token.children, breaks)}</a>'
            )
        case "image":
            title = f' title="{_escape(token.title)}"' if token.title else ""
            return f'<img src="{_escape_address(token.href)}" alt="{_escape(token.text)}"{title}>'
    return ""


def _escape_address(href: str) -> str:
    """Return the address of a link or image, percent-encoded where it must be."""
    return quote(href, safe=_URL_SAFE)


def _escape(text: str) -> str:
    """Return the text escaped for HTML, in content and attributes."""
    return escape_all(text, quote=False).replace('"', "&quot;").replace("'", "&#39;")


def _escape_text(text: str) -> str:
    """Return the text escaped for HTML, with its character references left as they are."""
    text = _LOOSE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")
