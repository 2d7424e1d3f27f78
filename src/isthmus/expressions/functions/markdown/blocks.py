"""Parses a Markdown text into tokens of its blocks.

`markdown-it-py` finds the blocks. This module adds what Notion, Slack and Google Docs show besides: `space`
tokens for blank lines between blocks and at the start, and the source text of each token. Headings, indented
code, HTML and tables include the blank lines behind them; a single line end belongs to the block before it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_input_text
from isthmus.expressions.functions.markdown.inline import References, parse_inline
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.javascript import describe_kind
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import charge_current

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["parse_markdown", "parse_markdown_argument"]

_KINDS_WITH_BLANK_LINES: Final = frozenset({"heading", "html", "table"})
_TASK_MARKER: Final = re.compile(r"\[([ xX])\] +")
_QUOTE_MARKERS: Final = re.compile(r"[\s>]*")
_CELL_ALIGNMENT: Final = re.compile(r"text-align:(\w+)")


@lru_cache(maxsize=1)
def _build_parser() -> MarkdownIt:
    """Return the `markdown-it` parser for blocks: CommonMark with tables, inline text unread."""
    from markdown_it import MarkdownIt  # few need it, and it is slow to import

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def parse_markdown(source: str) -> list[Token]:
    """Return the tokens of a whole text's blocks, in order."""
    from markdown_it.tree import SyntaxTreeNode

    source = source.replace("\r\n", "\n").replace("\r", "\n")
    environment: dict[str, dict[str, dict[str, str]]] = {}
    block_tokens = _build_parser().parse(source, environment)
    references = {
        label: (entry["href"], entry.get("title", ""))
        for label, entry in environment.get("references", {}).items()
    }
    return _BlockReader(source, references).read_document(SyntaxTreeNode(block_tokens))


def parse_markdown_argument(evaluation: Evaluation, value: object, function: str) -> list[Token]:
    """Return the tokens of a Markdown argument; raises ExpressionError for anything but text, and for too
    much."""
    if not isinstance(value, str):
        raise make_function_error(
            function, f"{function}: the Markdown must be text, not {describe_kind(value)}"
        )
    return parse_markdown(check_input_text(evaluation, value, function))


class _BlockReader:
    """Makes tokens of the nodes that the parser found, with their source from the lines of the text."""

    def __init__(self, source: str, references: References) -> None:
        self.source = source
        self.lines = source.split("\n")
        self.references = references

    def read_document(self, root: SyntaxTreeNode) -> list[Token]:
        """Return the tokens of a whole text; one `space` for a text of blank lines only."""
        tokens = self.read_siblings(root.children, 0, len(self.lines), in_item=False)
        if not tokens and self.source and not self.source.strip(" \n"):
            return [Token("space", self.source)]
        return tokens

    def read_siblings(
        self, nodes: list[SyntaxTreeNode], start: int, end: int, *, in_item: bool
    ) -> list[Token]:
        """Return the tokens of the blocks in lines `start` to `end`, with the spaces before, between and
        behind."""
        tokens: list[Token] = []
        line = start
        for node in nodes:
            charge_current(100)
            first, stop = self.find_extent(node)
            self.add_gap(tokens, line, first, is_last=False)
            tokens.append(self.read_block(node, first, stop, in_item=in_item))
            line = stop
        self.add_gap(tokens, line, end, is_last=True)
        return tokens

    def find_extent(self, node: SyntaxTreeNode) -> tuple[int, int]:
        """Return the first line of a block, and the line behind its last one that is not blank."""
        first, stop = node.map or (0, 0)
        while stop > first + 1 and self.is_blank(stop - 1):
            stop -= 1
        return first, stop

    def is_blank(self, line: int) -> bool:
        """Return whether a line has nothing but white space and the markers of quotes."""
        text = self.lines[line]
        match = _QUOTE_MARKERS.match(text)
        return match is not None and match.end() == len(text)

    def add_gap(self, tokens: list[Token], line: int, first: int, *, is_last: bool) -> None:
        """Turn the blank lines from `line` to `first` into a `space` token, or add them to the block before.

        `is_last`: no block follows.
        """
        blank = line
        while blank < first and self.is_blank(blank):
            blank += 1
        count = blank - line
        has_definition = blank < first
        if not tokens:
            if count and not (is_last and not has_definition):
                tokens.append(Token("space", "\n" * count))
            return
        previous = tokens[-1]
        ends = 1 + count
        if is_last and blank == len(self.lines):
            ends -= 1
        if _includes_blank_lines(previous):
            previous.raw += "\n" * ends
        elif ends >= 2:
            tokens.append(Token("space", "\n" * ends))
        elif ends == 1:
            previous.raw += "\n"

    def add_item_gap(self, tokens: list[Token], blank: int) -> None:
        """Add a `space` token to the end of an item for two or more blank lines before the next one."""
        if tokens and blank >= 2 and not _includes_blank_lines(tokens[-1]):
            tokens.append(Token("space", "\n" * blank))

    def read_inline(self, node: SyntaxTreeNode) -> list[Token]:
        """Return the inline tokens of a paragraph, heading or table cell."""
        return parse_inline(self.get_inline_source(node), self.references)

    def get_inline_source(self, node: SyntaxTreeNode) -> str:
        """Return the text of a paragraph, heading or table cell."""
        return next((child.content for child in node.children if child.type == "inline"), "")

    def read_block(self, node: SyntaxTreeNode, first: int, stop: int, *, in_item: bool) -> Token:
        """Return the token of the block in lines `first` to `stop`. `in_item`: it is inside a list item."""
        raw = "\n".join(self.lines[first:stop])
        match node.type:
            case "paragraph":
                text = self.get_inline_source(node)
                return Token("text" if in_item else "paragraph", text, text, self.read_inline(node))
            case "heading":
                return Token(
                    "heading",
                    raw,
                    self.get_inline_source(node),
                    self.read_inline(node),
                    level=int(node.tag[1:]),
                )
            case "hr":
                return Token("hr", raw)
            case "fence":
                return Token("code", raw, node.content.removesuffix("\n"), language=node.info.strip())
            case "code_block":
                text = node.content.removesuffix("\n")
                return Token("code", raw if raw.startswith("    ") else f"    {raw}", text)
            case "html_block":
                text = node.content.rstrip("\n")
                return Token("html", text, text)
            case "blockquote":
                children = self.read_siblings(node.children, first, stop, in_item=False)
                return Token("blockquote", raw, children=children)
            case "table":
                return self.read_table(node, raw)
            case "bullet_list" | "ordered_list":
                return self.read_list(node, raw)
        return Token("paragraph", raw, raw, [Token("text", raw, raw)])

    def read_table(self, node: SyntaxTreeNode, raw: str) -> Token:
        """Return a table token, with its rows and the alignment of its columns."""
        rows = [row for section in node.children for row in section.children]
        token = Token("table", raw)
        token.rows = [[self.read_inline(cell) for cell in row.children] for row in rows]
        styles = [str(cell.attrs.get("style", "")) for cell in rows[0].children] if rows else []
        token.aligns = [match[1] if (match := _CELL_ALIGNMENT.search(style)) else "" for style in styles]
        return token

    def read_list(self, node: SyntaxTreeNode, raw: str) -> Token:
        """Return a list token, with its items as children."""
        ordered = node.type == "ordered_list"
        start = int(node.attrs.get("start", 1)) if ordered else None
        token = Token("list", raw, start=start)
        token.children = [self.read_item(child) for child in node.children]
        for item, here, following in zip(token.children, node.children, node.children[1:], strict=False):
            self.add_item_gap(item.children, self.find_extent(following)[0] - self.find_extent(here)[1])
        token.loose = any(
            not child.hidden for item in node.children for child in item.children if child.type == "paragraph"
        )
        return token

    def read_item(self, node: SyntaxTreeNode) -> Token:
        """Return a list item token; the `[x]` of a task becomes its `checked`."""
        first, stop = self.find_extent(node)
        children = self.read_siblings(node.children, first, stop, in_item=True)
        item = Token("list_item", "\n".join(self.lines[first:stop]), children=children)
        lead = children[0] if children else None
        task = _TASK_MARKER.match(lead.text) if lead is not None and lead.kind == "text" else None
        if lead is not None and task is not None:
            item.checked = task[1] != " "
            rest = lead.text[task.end() :]
            children[0] = Token("text", rest, rest, parse_inline(rest, self.references))
        return item


def _includes_blank_lines(token: Token) -> bool:
    """Return whether blank lines behind this block are part of its source."""
    return token.kind in _KINDS_WITH_BLANK_LINES or (token.kind == "code" and token.raw.startswith("    "))
