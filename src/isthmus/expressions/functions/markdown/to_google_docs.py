"""`$convertMarkdownToGoogleDocs`: Markdown as requests of the Google Docs API's batchUpdate."""

from __future__ import annotations

from typing import Final

from isthmus.expressions.functions.markdown.blocks import parse_markdown_argument
from isthmus.expressions.functions.markdown.tokens import Token, decode_entities
from isthmus.expressions.javascript import clamp_to_integer, count_utf16_units
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_markdown_to_google_docs"]

JsonObject = dict[str, object]

_LINK_COLOUR: Final = {"color": {"rgbColor": {"red": 0.1, "green": 0.33, "blue": 0.8}}}
_TEXT_STYLES: Final = {"em": "italic", "strong": "bold"}
_BULLET_PRESET: Final = "BULLET_DISC_CIRCLE_SQUARE"
_NUMBER_PRESET: Final = "NUMBERED_DECIMAL_ALPHA_ROMAN"


def convert_markdown_to_google_docs(
    evaluation: Evaluation, markdown: object = UNDEFINED, start: object = UNDEFINED
) -> JsonObject:
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
    tokens = parse_markdown_argument(evaluation, markdown, "convertMarkdownToGoogleDocs")
    writer = _RequestWriter(clamp_to_integer(start, 1, 0, 2**31))
    for token in tokens:
        writer.write_block(token)
    return {"requests": [*writer.inserts, *writer.formats]}


class _RequestWriter:
    """Collects the requests that insert and those that format; `at` is the index behind all that is inserted.

    `tabs` counts those inserted for nested lists: Docs takes them away again when it makes the bullets,
    before the later formats are applied. `styled` is the range and style of the last text format.
    """

    def __init__(self, start: int) -> None:
        self.at = start
        self.tabs = 0
        self.inserts: list[object] = []
        self.formats: list[object] = []
        self.styled: tuple[int, int, JsonObject] | None = None

    def insert_text(self, text: str) -> None:
        """Add a request that inserts text at `at`, behind what was inserted before; none for `""`."""
        if text:
            self.inserts.append({"insertText": {"text": text, "location": {"index": self.at}}})
            self.at += count_utf16_units(text)

    def write_blocks(self, tokens: list[Token]) -> None:
        """Add the requests of Markdown blocks, one behind the other."""
        for token in tokens:
            self.write_block(token)

    def write_block(self, token: Token, level: int = 0) -> None:
        """Add the requests of one Markdown block; `level` is how deep lists are nested around it."""
        match token.kind:
            case "space":
                self.insert_text(token.raw)
            case "hr":
                self.insert_text("\n\n")
            case "heading":
                self.write_heading(token)
            case "paragraph" | "text":
                self.write_inline(token.children)
            case "blockquote":
                self.write_blocks(token.children)
            case "code":
                self.insert_text(token.text)
            case "html":
                self.insert_text(decode_entities(token.raw))
            case "table":
                self.write_table(token)
            case "list":
                self.write_list(token, level + 1)

    def make_range(self, start: int, removed_tabs: int) -> JsonObject:
        """Return the range from `start` to the end of what is inserted, moved back by `removed_tabs`."""
        return {"startIndex": start - removed_tabs, "endIndex": self.at - removed_tabs}

    def write_heading(self, token: Token) -> None:
        """Add the requests that insert a heading and format it by its level."""
        start, tabs = self.at, self.tabs
        self.write_inline(token.children)
        style = {"paragraphStyle": {"namedStyleType": f"HEADING_{token.level}"}, "fields": "*"}
        self.formats.append({"updateParagraphStyle": {**style, "range": self.make_range(start, tabs)}})
        self.insert_text("\n")

    def write_inline(self, tokens: list[Token]) -> None:
        """Add the requests that insert inline tokens and format emphasis and links."""
        for token in tokens:
            match token.kind:
                case "text" | "escape" | "html" | "codespan":
                    self.insert_text(decode_entities(token.text))
                case "del":
                    self.write_inline(token.children)
                case "em" | "strong":
                    self.write_styled(token, {_TEXT_STYLES[token.kind]: True})
                case "link":
                    link: JsonObject = {"url": token.href}
                    self.write_styled(
                        token, {"link": link, "underline": True, "foregroundColor": _LINK_COLOUR}
                    )
                case "image":
                    location = {"index": self.at}
                    self.inserts.append({"insertInlineImage": {"uri": token.href, "location": location}})
                    self.at += 1

    def write_styled(self, token: Token, style: JsonObject) -> None:
        """Write the children, then the style over them; styles of the same range become one request."""
        start = self.at
        self.write_inline(token.children)
        if self.styled is not None and self.styled[:2] == (start, self.at):
            self.styled[2].update(style)
            return
        merged = dict(style)
        self.formats.append(
            {
                "updateTextStyle": {
                    "textStyle": merged,
                    "fields": "*",
                    "range": self.make_range(start, self.tabs),
                }
            }
        )
        self.styled = (start, self.at, merged)

    def write_table(self, token: Token) -> None:
        """Add the requests that insert a table and fill its cells."""
        columns = len(token.rows[0]) if token.rows else 0
        size = {"columns": columns, "rows": len(token.rows), "location": {"index": self.at}}
        self.inserts.append({"insertTable": size})
        self.at += 4
        for position, row in enumerate(token.rows):
            if position:
                self.at += 1
            for cell in row:
                self.write_inline(cell)
                self.at += 2
        self.insert_text("\n")

    def write_list(self, token: Token, level: int) -> None:
        """Add the requests of a list: nested items behind tabs, bullets by the outermost list."""
        start = self.at
        for number, item in enumerate(token.children):
            if number:
                self.insert_text("\n")
            for position, child in enumerate(item.children):
                if position:
                    self.insert_text("\n")
                if child.kind == "list":
                    self.write_list(child, level + 1)
                    continue
                if level > 1:
                    self.insert_text("\t" * (level - 1))
                    self.tabs += level - 1
                self.write_block(child, level)
        if level == 1:
            preset = _BULLET_PRESET if token.start is None else _NUMBER_PRESET
            bullets = {"range": self.make_range(start, 0), "bulletPreset": preset}
            self.formats.insert(0, {"createParagraphBullets": bullets})
