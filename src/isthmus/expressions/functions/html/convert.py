"""`$convertHtmlToMarkdown`."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Final

from isthmus.expressions.functions.arguments import input_text
from isthmus.expressions.functions.html.to_markdown import markdown_of
from isthmus.expressions.functions.html.tree import read_html
from isthmus.expressions.functions.html.whitespace import collapse
from isthmus.expressions.functions.offloading import offloaded
from isthmus.expressions.javascript import is_nil, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_html_to_markdown"]


_HEAVY: Final = 256 * 1024


def convert_html_to_markdown(
    evaluation: Evaluation, html: object = UNDEFINED
) -> str | Coroutine[Any, Any, str]:
    """HTML as Markdown, malformed HTML too; characters that Markdown would read are escaped.

    Arguments:
        html: the HTML; other values by their text form.
    Null and missing: `""`.
    Example:
        $convertHtmlToMarkdown("<h2>Hi</h2><ul><li><b>a</b></li></ul>")
        => "Hi\\n--\\n\\n*   **a**"
    """
    if is_nil(html):
        return ""
    source = input_text(evaluation, to_text(html), "convertHtmlToMarkdown")
    return offloaded(_converted, source, heavy=len(source) > _HEAVY)


def _converted(source: str) -> str:
    root = read_html(source)
    collapse(root)
    return markdown_of(root)
