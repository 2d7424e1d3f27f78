"""`$convertMarkdownToGoogleDocs`: Markdown as requests of the Google Docs API's batchUpdate."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.functions.markdown.reading import markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token, decode_entities
from isthmus.expressions.javascript import clamp_to_integer, utf16_length
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_google_docs"]

Json = dict[str, object]

_LINK_COLOUR: Final = {"color": {"rgbColor": {"red": 0.1, "green": 0.33, "blue": 0.8}}}
_STYLES: Final = {"em": "italic", "strong": "bold"}
_BULLETS: Final = "BULLET_DISC_CIRCLE_SQUARE"
_NUMBERS: Final = "NUMBERED_DECIMAL_ALPHA_ROMAN"


def convert_markdown_to_google_docs(
    evaluation: Evaluation, markdown: object = UNDEFINED, start: object = UNDEFINED
) -> Json:
    """Markdown as `requests` for a Google document: first all inserts, then all formats.

    Indices count UTF-16 units.

    Arguments:
        md: Markdown (GFM).
        start: the index in the document where it goes (default `1`).
    Null and missing: an error.
    Errors: `convertMarkdownToGoogleDocs: …` for anything but text.
    Example:
        $convertMarkdownToGoogleDocs("# Hi").requests[0].insertText
        => {"text": "Hi", "location": {"index": 1}}
    """
    tokens = markdown_argument(evaluation, markdown, "convertMarkdownToGoogleDocs")
    writer = _Writer(clamp_to_integer(start, 1, 0, 2**31))
    for token in tokens:
        writer.block(token)
    return {"requests": [*writer.inserts, *writer.formats]}


class _Writer:
    """`at` is the next index. `tabs` counts those inserted for nested lists: Docs takes them away again
    when it makes the bullets, before the later formats are applied."""

    def __init__(self, start: int) -> None:
        self.at = start
        self.tabs = 0
        self.inserts: list[object] = []
        self.formats: list[object] = []
        self.styled: tuple[int, int, Json] | None = None

    def insert(self, text: str) -> None:
        if text:
            self.inserts.append({"insertText": {"text": text, "location": {"index": self.at}}})
            self.at += utf16_length(text)

    def blocks(self, tokens: list[Token]) -> None:
        for token in tokens:
            self.block(token)

    def block(self, token: Token, level: int = 0) -> None:
        match token.kind:
            case "space":
                self.insert(token.raw)
            case "hr":
                self.insert("\n\n")
            case "heading":
                self.heading(token)
            case "paragraph" | "text":
                self.inline(token.children)
            case "blockquote":
                self.blocks(token.children)
            case "code":
                self.insert(token.text)
            case "html":
                self.insert(decode_entities(token.raw))
            case "table":
                self.table(token)
            case "list":
                self.list(token, level + 1)

    def range(self, start: int, tabs: int) -> Json:
        return {"startIndex": start - tabs, "endIndex": self.at - tabs}

    def heading(self, token: Token) -> None:
        start, tabs = self.at, self.tabs
        self.inline(token.children)
        style = {"paragraphStyle": {"namedStyleType": f"HEADING_{token.level}"}, "fields": "*"}
        self.formats.append({"updateParagraphStyle": {**style, "range": self.range(start, tabs)}})
        self.insert("\n")

    def inline(self, tokens: list[Token]) -> None:
        for token in tokens:
            match token.kind:
                case "text" | "escape" | "html" | "codespan":
                    self.insert(decode_entities(token.text))
                case "del":
                    self.inline(token.children)
                case "em" | "strong":
                    self.styled_text(token, {_STYLES[token.kind]: True})
                case "link":
                    link: Json = {"url": token.href}
                    self.styled_text(
                        token, {"link": link, "underline": True, "foregroundColor": _LINK_COLOUR}
                    )
                case "image":
                    location = {"index": self.at}
                    self.inserts.append({"insertInlineImage": {"uri": token.href, "location": location}})
                    self.at += 1

    def styled_text(self, token: Token, style: Json) -> None:
        """The children, then the style over them; styles of the same range become one request."""
        start = self.at
        self.inline(token.children)
        if self.styled is not None and self.styled[:2] == (start, self.at):
            self.styled[2].update(style)
            return
        merged = dict(style)
        self.formats.append(
            {
                "updateTextStyle": {
                    "textStyle": merged,
                    "fields": "*",
                    "range": self.range(start, self.tabs),
                }
            }
        )
        self.styled = (start, self.at, merged)

    def table(self, token: Token) -> None:
        columns = len(token.rows[0]) if token.rows else 0
        size = {"columns": columns, "rows": len(token.rows), "location": {"index": self.at}}
        self.inserts.append({"insertTable": size})
        self.at += 4
        for position, row in enumerate(token.rows):
            if position:
                self.at += 1
            for cell in row:
                self.inline(cell)
                self.at += 2
        self.insert("\n")

    def list(self, token: Token, level: int) -> None:
        start = self.at
        for number, item in enumerate(token.children):
            if number:
                self.insert("\n")
            for position, child in enumerate(item.children):
                if position:
                    self.insert("\n")
                if child.kind == "list":
                    self.list(child, level + 1)
                    continue
                if level > 1:
                    self.insert("\t" * (level - 1))
                    self.tabs += level - 1
                self.block(child, level)
        if level == 1:
            preset = _BULLETS if token.start is None else _NUMBERS
            bullets = {"range": self.range(start, 0), "bulletPreset": preset}
            self.formats.insert(0, {"createParagraphBullets": bullets})
