"""The argument that all conversions from Markdown share."""

from __future__ import annotations

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.arguments import input_text
from isthmus.expressions.functions.markdown.blocks import read_markdown
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.javascript import describe_kind
from isthmus.expressions.library import Evaluation

__all__ = ["markdown_argument"]


def markdown_argument(evaluation: Evaluation, value: object, function: str) -> list[Token]:
    """The blocks of a Markdown text; raises for anything but text."""
    if not isinstance(value, str):
        raise function_error(function, f"{function}: the Markdown must be text, not {describe_kind(value)}")
    return read_markdown(input_text(evaluation, value, function))
