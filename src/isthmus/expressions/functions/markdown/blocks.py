"""The blocks of a Markdown text: `markdown-it-py` finds them, this module adds what it leaves out.

Beside the blocks come `space` tokens for the blank lines between them and at the start, and each token
knows its source: Notion, Slack and Google Docs show both (`functions.md` §7). Headings, indented code,
HTML and tables swallow the blank lines behind them; a single line end belongs to the block before it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from isthmus.expressions.functions.markdown.inline import References, read_inline
from isthmus.expressions.functions.markdown.tokens import Token
from isthmus.expressions.meter import charge_current

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.tree import SyntaxTreeNode

__all__ = ["read_markdown"]

_SWALLOWING: Final = frozenset({"heading", "html", "table"})
_TASK: Final = re.compile(r"\[([ xX])\] +")
_CONTAINER: Final = re.compile(r"[\s>]*")
_ALIGN: Final = re.compile(r"text-align:(\w+)")


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # few need it, and it is slow to import

    parser = MarkdownIt("commonmark", {"html": True, "maxNesting": 100}).enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def read_markdown(source: str) -> list[Token]:
    """The blocks of a whole text, in order."""
    from markdown_it.tree import SyntaxTreeNode

    source = source.replace("\r\n", "\n").replace("\r", "\n")
    environment: dict[str, dict[str, dict[str, str]]] = {}
    found = _parser().parse(source, environment)
    references = {
        label: (entry["href"], entry.get("title", ""))
        for label, entry in environment.get("references", {}).items()
    }
    return _Blocks(source, references).top(SyntaxTreeNode(found))


class _Blocks:
    def __init__(self, source: str, references: References) -> None:
        self.source = source
        self.lines = source.split("\n")
        self.references = references

    def top(self, root: SyntaxTreeNode) -> list[Token]:
        tokens = self.siblings(root.children, 0, len(self.lines), in_item=False)
        if not tokens and self.source and not self.source.strip(" \n"):
            return [Token("space", self.source)]
        return tokens

    def siblings(self, nodes: list[SyntaxTreeNode], start: int, end: int, *, in_item: bool) -> list[Token]:
        """Tokens of the blocks in lines `start` to `end`, with the spaces before, between and behind."""
        out: list[Token] = []
        line = start
        for node in nodes:
            charge_current(100)
            first, behind = self.extent(node)
            self.gap(out, line, first, is_last=False)
            out.append(self.block(node, first, behind, in_item=in_item))
            line = behind
        self.gap(out, line, end, is_last=True)
        return out

    def extent(self, node: SyntaxTreeNode) -> tuple[int, int]:
        """First line and the line behind the last that is not blank."""
        first, behind = node.map or (0, 0)
        while behind > first + 1 and self.is_blank(behind - 1):
            behind -= 1
        return first, behind

    def is_blank(self, line: int) -> bool:
        text = self.lines[line]
        found = _CONTAINER.match(text)
        return found is not None and found.end() == len(text)

    def gap(self, out: list[Token], line: int, first: int, *, is_last: bool) -> None:
        blank = line
        while blank < first and self.is_blank(blank):
            blank += 1
        count = blank - line
        has_definition = blank < first
        if not out:
            if count and not (is_last and not has_definition):
                out.append(Token("space", "\n" * count))
            return
        previous = out[-1]
        ends = 1 + count
        if is_last and blank == len(self.lines):
            ends -= 1
        if _swallows(previous):
            previous.raw += "\n" * ends
        elif ends >= 2:
            out.append(Token("space", "\n" * ends))
        elif ends == 1:
            previous.raw += "\n"

    def between(self, out: list[Token], blank: int) -> None:
        """Two or more blank lines before the next item are a space at the end of this one."""
        if out and blank >= 2 and not _swallows(out[-1]):
            out.append(Token("space", "\n" * blank))

    def inline(self, node: SyntaxTreeNode) -> list[Token]:
        return read_inline(self.content(node), self.references)

    def content(self, node: SyntaxTreeNode) -> str:
        return next((child.content for child in node.children if child.type == "inline"), "")

    def block(self, node: SyntaxTreeNode, first: int, behind: int, *, in_item: bool) -> Token:
        raw = "\n".join(self.lines[first:behind])
        match node.type:
            case "paragraph":
                text = self.content(node)
                return Token("text" if in_item else "paragraph", text, text, self.inline(node))
            case "heading":
                return Token("heading", raw, self.content(node), self.inline(node), level=int(node.tag[1:]))
            case "hr":
                return Token("hr", raw)
            case "fence":
                return Token("code", raw, node.content.removesuffix("\n"), language=_language(node.info))
            case "code_block":
                text = node.content.removesuffix("\n")
                return Token("code", raw if raw.startswith("    ") else f"    {raw}", text)
            case "html_block":
                text = node.content.rstrip("\n")
                return Token("html", text, text)
            case "blockquote":
                children = self.siblings(node.children, first, behind, in_item=False)
                return Token("blockquote", raw, children=children)
            case "table":
                return self.table(node, raw)
            case "bullet_list" | "ordered_list":
                return self.list(node, raw)
        return Token("paragraph", raw, raw, [Token("text", raw, raw)])

    def table(self, node: SyntaxTreeNode, raw: str) -> Token:
        rows = [row for section in node.children for row in section.children]
        token = Token("table", raw)
        token.rows = [[self.inline(cell) for cell in row.children] for row in rows]
        styles = [str(cell.attrs.get("style", "")) for cell in rows[0].children] if rows else []
        token.aligns = [found[1] if (found := _ALIGN.search(style)) else "" for style in styles]
        return token

    def list(self, node: SyntaxTreeNode, raw: str) -> Token:
        ordered = node.type == "ordered_list"
        start = int(node.attrs.get("start", 1)) if ordered else None
        token = Token("list", raw, start=start)
        token.children = [self.item(child) for child in node.children]
        for item, here, following in zip(token.children, node.children, node.children[1:], strict=False):
            self.between(item.children, self.extent(following)[0] - self.extent(here)[1])
        token.loose = any(
            not child.hidden for item in node.children for child in item.children if child.type == "paragraph"
        )
        return token

    def item(self, node: SyntaxTreeNode) -> Token:
        first, behind = self.extent(node)
        children = self.siblings(node.children, first, behind, in_item=True)
        item = Token("list_item", "\n".join(self.lines[first:behind]), children=children)
        lead = children[0] if children else None
        task = _TASK.match(lead.text) if lead is not None and lead.kind == "text" else None
        if lead is not None and task is not None:
            item.checked = task[1] != " "
            rest = lead.text[task.end() :]
            children[0] = Token("text", rest, rest, read_inline(rest, self.references))
        return item


def _swallows(token: Token) -> bool:
    return token.kind in _SWALLOWING or (token.kind == "code" and token.raw.startswith("    "))


def _language(info: str) -> str:
    return info.strip()
