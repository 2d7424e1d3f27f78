"""`$convertHtmlToMarkdown`."""

from __future__ import annotations

from isthmus.expressions.functions.arguments import input_text, output_text
from isthmus.expressions.functions.html.tree import read_html
from isthmus.expressions.functions.html.whitespace import collapse
from isthmus.expressions.functions.html.writer import markdown_of
from isthmus.expressions.javascript import is_nil, text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_html_to_markdown"]


def convert_html_to_markdown(evaluation: Evaluation, html: object = UNDEFINED) -> str:
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
    root = read_html(input_text(evaluation, text(html), "convertHtmlToMarkdown"))
    collapse(root)
    return output_text(evaluation, markdown_of(root), "convertHtmlToMarkdown")
