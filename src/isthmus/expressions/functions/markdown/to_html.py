"""`$convertMarkdownToHtml`: the HTML that `marked` 14 writes, which customers' systems have seen so far."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Mapping
from html import escape as escape_all
from typing import Any, Final
from urllib.parse import quote

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.arguments import input_text
from isthmus.expressions.functions.markdown.blocks import read_markdown
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.functions.offloading import offloaded
from isthmus.expressions.javascript import describe_kind, is_nil, is_truthy
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_html", "html_of"]

_HEAVY: Final = 256 * 1024
_LOOSE_AMPERSAND: Final = re.compile(r"&(?!(?:#\d{1,7}|#[Xx][a-fA-F0-9]{1,6}|\w+);)")
_TYPES: Final = {"a number": "Number", "a boolean": "Boolean", "a list": "Array", "an object": "Object"}
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
        raise function_error("convertMarkdownToHtml", "marked(): input parameter is undefined or null")
    if not isinstance(markdown, str):
        kind = _TYPES.get(describe_kind(markdown), "Object")
        raise function_error(
            "convertMarkdownToHtml",
            f"marked(): input parameter is of type [object {kind}], string expected",
        )
    breaks = isinstance(options, Mapping) and is_truthy(options.get("breaks"))
    source = input_text(evaluation, markdown, "convertMarkdownToHtml")
    return offloaded(_converted, source, breaks, heavy=len(source) > _HEAVY)


def _converted(source: str, breaks: bool) -> str:
    return html_of(read_markdown(source), breaks=breaks)


def html_of(blocks: list[Token], *, breaks: bool = False) -> str:
    return "".join(_block(token, breaks) for token in blocks)


def _block(token: Token, breaks: bool) -> str:
    match token.kind:
        case "heading":
            return f"<h{token.level}>{_inline(token.children, breaks)}</h{token.level}>\n"
        case "paragraph":
            return f"<p>{_inline(token.children, breaks)}</p>\n"
        case "text":
            return _inline(token.children, breaks)
        case "hr":
            return "<hr>\n"
        case "code":
            name = token.language.split(" ")[0] if token.language else ""
            language = f' class="language-{escape_text(name)}"' if name else ""
            return f"<pre><code{language}>{_escaped(token.text)}\n</code></pre>\n"
        case "blockquote":
            return f"<blockquote>\n{html_of(token.children, breaks=breaks)}</blockquote>\n"
        case "html":
            return token.raw
        case "table":
            return _table(token, breaks)
        case "list":
            return _list(token, breaks)
    return ""


def _list(token: Token, breaks: bool) -> str:
    tag = "ul" if token.start is None else "ol"
    start = f' start="{token.start}"' if token.start not in (None, 1) else ""
    items = "".join(f"<li>{_item(item, token.loose, breaks)}</li>\n" for item in token.children)
    return f"<{tag}{start}>\n{items}</{tag}>\n"


def _item(item: Token, loose: bool, breaks: bool) -> str:
    box = ""
    if item.checked is not None:
        checked = 'checked="" ' if item.checked else ""
        box = f'<input {checked}disabled="" type="checkbox"> '
    out = []
    for token in item.children:
        if token.kind == "text" and loose:
            out.append(f"<p>{box}{_inline(token.children, breaks)}</p>\n")
        else:
            out.append(box + _block(token, breaks))
        box = ""
    return "".join(out) + box


def _table(token: Token, breaks: bool) -> str:
    def row(cells: list[list[Token]], tag: str) -> str:
        out = []
        for index, cell in enumerate(cells):
            align = token.aligns[index] if index < len(token.aligns) else ""
            attribute = f' align="{align}"' if align else ""
            out.append(f"<{tag}{attribute}>{_inline(cell, breaks)}</{tag}>\n")
        return f"<tr>\n{''.join(out)}</tr>\n"

    head = f"<thead>\n{row(token.rows[0], 'th') if token.rows else ''}</thead>\n"
    body = "".join(row(cells, "td") for cells in token.rows[1:])
    return f"<table>\n{head}{f'<tbody>{body}</tbody>' if body else ''}</table>\n"


def _inline(tokens: list[Token], breaks: bool) -> str:
    return "".join(_mark(token, breaks) for token in tokens)


def _mark(token: Token, breaks: bool) -> str:
    match token.kind:
        case "text":
            text = escape_text(token.text)
            return text.replace("\n", "<br>") if breaks else text
        case "escape":
            return _escaped(token.text)
        case "strong" | "em" | "del":
            return f"<{token.kind}>{_inline(token.children, breaks)}</{token.kind}>"
        case "codespan":
            return f"<code>{_escaped(token.text)}</code>"
        case "br":
            return "<br>"
        case "html":
            return token.raw
        case "link":
            title = f' title="{_escaped(token.title)}"' if token.title else ""
            return f'<a href="{_address(token.href)}"{title}>{_inline(token.children, breaks)}</a>'
        case "image":
            title = f' title="{_escaped(token.title)}"' if token.title else ""
            return f'<img src="{_address(token.href)}" alt="{_escaped(token.text)}"{title}>'
    return ""


def _address(href: str) -> str:
    return quote(href, safe=_URL_SAFE)


def _escaped(text: str) -> str:
    return escape_all(text, quote=False).replace('"', "&quot;").replace("'", "&#39;")


def escape_text(text: str) -> str:
    """As `_escaped`, leaving character references alone."""
    text = _LOOSE_AMPERSAND.sub("&amp;", text).replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&#39;")
