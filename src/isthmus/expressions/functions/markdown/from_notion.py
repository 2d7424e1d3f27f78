"""Notion blocks as Markdown: `$convertNotionToMarkdown` for a flat list, `$convertNotionToMd` for one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_output_text, is_strict
from isthmus.expressions.javascript import (
    as_list,
    describe_kind,
    enter_level,
    is_nil,
    is_truthy,
    join_within_limit,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_notion_to_markdown", "convert_notion_to_md"]

Block = Mapping[str, object]

_HEADING: Final = re.compile(r"heading_([1-6])")
_MARKS: Final = (("code", "`"), ("bold", "**"), ("italic", "_"), ("underline", "_"), ("strikethrough", "~~"))
_LIST_KINDS: Final = frozenset({"bulleted_list_item", "numbered_list_item", "to_do"})
_TEXT_KINDS: Final = frozenset({"paragraph", "quote", "callout"})


def convert_notion_to_markdown(
    evaluation: Evaluation, blocks: object = UNDEFINED, link_child_pages: object = UNDEFINED
) -> str:
    """Notion blocks as Markdown.

    The list is flat: the children of a block are those whose `parent_id` is its `id`.

    Arguments:
        blocks: the blocks; a single one counts as a list.
        linkChildPages: a child page becomes a link to notion.so instead of its content (default `false`).
    Null and missing: an error.
    Errors: `convertNotionToMarkdown: …` for a block that has nothing under the name of its type.
    Example:
        $convertNotionToMarkdown({"type": "heading_1", "heading_1": {"rich_text": [{"plain_text": "Hi"}]}})
        => "# Hi\\n\\n"
    """
    if is_nil(blocks):
        raise make_function_error(
            "convertNotionToMarkdown", f"convertNotionToMarkdown: the blocks are {describe_kind(blocks)}"
        )
    checked = [_check_block(block) for block in as_list(blocks)]
    evaluation.charge(len(checked) * 40)
    children: dict[str, list[Block]] = {}
    for block in checked:
        if not is_nil(block.get("parent_id")):
            children.setdefault(to_text(block["parent_id"]), []).append(block)
    writer = _BlockWriter(children, links=is_truthy(link_child_pages), strict=is_strict(evaluation))
    top = [block for block in checked if _read_parent_type(block) != "block_id"]
    return check_output_text(evaluation, writer.write_blocks(top, 0, is_top=True), "convertNotionToMarkdown")


def _check_block(block: object) -> Block:
    """Return the block itself; raises ExpressionError for anything but an object."""
    if not isinstance(block, Mapping):
        raise make_function_error(
            "convertNotionToMarkdown", f"convertNotionToMarkdown: a block is {describe_kind(block)}"
        )
    return block


def _read_parent_type(block: Block) -> object:
    """Return what kind of parent a block says it has (`block_id`, `page_id`); None if it says nothing."""
    parent = block.get("parent")
    return parent.get("type") if isinstance(parent, Mapping) else None


class _BlockWriter:
    """Writes blocks with their children, which `children` has by the id of the parent.

    `links`: child pages become links. `strict`: exactly the original's results.
    """

    def __init__(self, children: Mapping[str, list[Block]], *, links: bool, strict: bool) -> None:
        self.children = children
        self.links = links
        self.strict = strict

    def write_blocks(self, blocks: list[Block], level: int, indent: int = 0, *, is_top: bool = False) -> str:
        """Return the Markdown of siblings in order; a run of list items at the top ends with an empty
        paragraph.

        `level` counts how deep the data goes, `indent` the tabs before each block.
        """
        parts: list[str] = []
        number = 0
        for position, block in enumerate(blocks):
            kind = block.get("type")
            number = number + 1 if kind == "numbered_list_item" else 0
            parts.append("\t" * indent + self.write_block(block, number, level, indent))
            following = blocks[position + 1].get("type") if position + 1 < len(blocks) else None
            if is_top and kind in _LIST_KINDS and following not in _LIST_KINDS:
                parts.append("\n\n")
        return join_within_limit("convertNotionToMarkdown", "", parts)

    def write_block(self, block: Block, number: int, level: int, indent: int) -> str:
        """Return the Markdown of a block with its children. `number`: its place in a run of numbered
        items."""
        kind = to_text(block.get("type"))
        body = _get_body(block, "convertNotionToMarkdown")
        if kind in _LIST_KINDS:
            return self.write_list_item(block, body, number, level, indent)
        if kind in _TEXT_KINDS:
            mark = "" if kind == "paragraph" else "> "
            return f"{mark}{_write_marked_text(body)}\n\n"
        if (size := _parse_heading_level(kind)) is not None:
            return f"{'#' * size} {_write_marked_text(body)}\n\n"
        if kind in {"table", "child_page"}:
            return self.write_table(block) if kind == "table" else self.write_child_page(block, body, level)
        if (leaf := self.write_leaf(kind, body)) is not None:
            return leaf
        return f"{_write_marked_text(body)}\n\n{self.write_children(block, level, indent=0)}"

    def write_leaf(self, kind: str, body: Block) -> str | None:
        """Return the Markdown of a block that has no children; None for a kind that this module does not
        know."""
        match kind:
            case "code":
                source = ("," if self.strict else "").join(_read_plain_texts(body))
                language = body.get("language")
                return f"```{'' if is_nil(language) else to_text(language)}\n{source}\n```\n\n"
            case "divider":
                return "---\n\n"
            case "image":
                return f"![{_read_caption(body, 'Image')}]({_read_attachment_url(body)})\n\n"
            case "file" | "video" | "pdf":
                return f"[{_read_caption(body, 'File')}]({_read_attachment_url(body)})\n\n"
            case "bookmark":
                url = to_text(body.get("url", ""))
                return f"[{url}]({'data.url' if self.strict else url})\n\n"
            case "embed":
                return f"[{_read_caption(body, 'Embed')}]({to_text(body.get('url', ''))})\n\n"
            case "equation":
                return to_text(body.get("expression", ""))
            case "table_row":
                return _write_table_row(body)
        return None

    def write_list_item(self, block: Block, body: Block, number: int, level: int, indent: int) -> str:
        """Return the Markdown of a list item behind its mark, its children indented below."""
        kind = block.get("type")
        if kind == "to_do":
            mark = "- [X]" if is_truthy(body.get("checked")) else "- [ ]"
        else:
            mark = "-" if kind == "bulleted_list_item" else f"{number}."
        return f"{mark} {_write_marked_text(body)}\n{self.write_children(block, level, indent=indent + 1)}"

    def write_children(self, block: Block, level: int, *, indent: int) -> str:
        """Return the Markdown of a block's children; `""` where it has none."""
        if not is_truthy(block.get("has_children")):
            return ""
        inside = enter_level(level, "convertNotionToMarkdown", 8)
        return self.write_blocks(self.children.get(to_text(block.get("id")), []), inside, indent)

    def write_table(self, block: Block) -> str:
        """Return the Markdown of a table, whose rows are its children; the first one is the header."""
        rows = self.children.get(to_text(block.get("id")), [])
        lines = [_write_table_row(_get_body(row, "convertNotionToMarkdown")) for row in rows]
        if lines:
            cells = _get_body(rows[0], "convertNotionToMarkdown").get("cells")
            width = len(cells) if isinstance(cells, list) else 1
            lines.insert(1, f"|{'---|' * width}\n")
        return "".join(lines) + "\n"

    def write_child_page(self, block: Block, body: Block, level: int) -> str:
        """Return the Markdown of a child page: a link to it, or its title and content."""
        title = to_text(body.get("title", ""))
        if self.links:
            page = to_text(block.get("id", "")).replace("-", "")
            return f"[{title}](https://www.notion.so/{page})\n\n"
        return f"{title}\n\n{self.write_children(block, level, indent=0)}"


def _write_table_row(body: Block) -> str:
    """Return the Markdown of a table row, its cells between bars."""
    cells = body.get("cells")
    parts = [_write_marked_text({"rich_text": cell}) for cell in cells] if isinstance(cells, list) else []
    return f"| {' | '.join(parts)} |\n"


def convert_notion_to_md(block: object = UNDEFINED) -> str:
    """One Notion block as Markdown, without its children and without bold, italic and the like.

    Arguments:
        block: a block of Notion's API.
    Null and missing: an error.
    Errors: `convertNotionToMd: …` for a block that has nothing under the name of its type.
    Example:
        $convertNotionToMd({"type": "to_do", "to_do": {"checked": true, "rich_text": [{"plain_text": "a"}]}})
        => "- [X] a\\n"
    """
    if not isinstance(block, Mapping):
        raise make_function_error(
            "convertNotionToMd", f"convertNotionToMd: the block is {describe_kind(block)}"
        )
    kind = to_text(block.get("type"))
    body = _get_body(block, "convertNotionToMd")
    texts = _read_linked_texts(body)
    if (size := _parse_heading_level(kind)) is not None:
        return f"{'#' * size} {chr(10).join(texts)}\n"
    if kind in {"bulleted_list_item", "numbered_list_item"}:
        return _write_items_without_children(texts, numbered=kind == "numbered_list_item")
    if kind in {"quote", "callout"}:
        lines = "\n".join(texts).split("\n") if texts else []
        return "\n".join(f"> {line}" for line in lines) + "\n"
    return _write_without_children(kind, body, texts)


def _write_items_without_children(texts: list[str], *, numbered: bool) -> str:
    """Return the rich texts of a list item, each as an item of its own; further lines of one are indented."""
    items = [
        f"{f'{number}.' if numbered else '-'} {content.replace(chr(10), chr(10) + '    ')}"
        for number, content in enumerate(texts, 1)
    ]
    return "\n ".join(items) + " \n"


def _write_without_children(kind: str, body: Block, texts: list[str]) -> str:
    """Return the Markdown of a block that is no heading, list item or quote; `texts` are its rich texts."""
    match kind:
        case "code":
            language = body.get("language")
            source = "\n".join(texts)
            return f"```{'' if is_nil(language) else to_text(language)}\n{source}\n```\n"
        case "to_do":
            return f"- [{'X' if is_truthy(body.get('checked')) else ' '}] {''.join(texts)}\n"
        case "divider":
            return "--- \n"
        case "image":
            name = _read_caption(body, "Image")
            return f'![{name}]({_read_attachment_url(body)} "{name}")\n'
        case "file" | "video" | "pdf":
            return f"[{_read_caption(body, 'File')}]({_read_attachment_url(body)})\n"
        case "bookmark":
            url = to_text(body.get("url", ""))
            return f"[{url}]({url})\n"
        case "embed":
            return f"[{_read_caption(body, 'Embed')}]({to_text(body.get('url', ''))})\n"
        case "equation":
            return f"\n{to_text(body.get('expression', ''))}\n"
        case "table":
            return "\nTabular values as CSV\n"
        case "table_row":
            return f"\n{_write_csv_row(body)}\n"
    return "".join(f"\n{line}\n" for line in "".join(texts).split("\n"))


def _write_csv_row(body: Block) -> str:
    """Return the first rich text of each cell, with commas between them."""
    cells = body.get("cells")
    rows = cells if isinstance(cells, list) else []
    firsts = [_read_plain_texts({"rich_text": cell[:1]}) if isinstance(cell, list) else [] for cell in rows]
    return ",".join("".join(first) for first in firsts)


def _get_body(block: Block, function: str) -> Block:
    """Return a Notion block's content, which lies under the name of its type; raises ExpressionError
    without it."""
    body = block.get(to_text(block.get("type")))
    if not isinstance(body, Mapping):
        raise make_function_error(
            function, f"{function}: a block of type {to_text(block.get('type'))} has nothing under that name"
        )
    return body


def _parse_heading_level(kind: str) -> int | None:
    """Return 1 to 6 for the type of a heading block; None for another type."""
    match = _HEADING.fullmatch(kind)
    return int(match[1]) if match else None


def _read_rich_texts(body: Block, field: str = "rich_text") -> list[Block]:
    """Return the rich texts in a field of a block's body; none where it has no list there."""
    parts = body.get(field)
    return [part for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []


def _read_plain_text(part: Block) -> str:
    """Return the text of a rich text: `plain_text` as Notion sends it, else its content as Notion receives
    it."""
    plain = part.get("plain_text")
    if plain is None:
        inner = part.get("text")
        plain = inner.get("content", "") if isinstance(inner, Mapping) else ""
    return to_text(plain)


def _write_link(part: Block) -> str | None:
    """Return a Notion rich text as a Markdown link; None where it has no address."""
    href = part.get("href")
    if not is_truthy(href) or not isinstance(href, str):
        return None
    return f"[{_read_plain_text(part)}]({f'https://www.notion.so{href}' if href.startswith('/') else href})"


def _read_plain_texts(body: Block) -> list[str]:
    """Return the rich texts without marks or links."""
    return [_read_plain_text(part) for part in _read_rich_texts(body)]


def _read_linked_texts(body: Block) -> list[str]:
    """Return the rich texts with links, without marks."""
    return [_write_link(part) or _read_plain_text(part) for part in _read_rich_texts(body)]


def _write_marked_text(body: Block) -> str:
    """Return the rich texts joined, each as a link, or with its marks where it is none."""
    texts = []
    for part in _read_rich_texts(body):
        link = _write_link(part)
        texts.append(link if link is not None else _write_marks(part))
    return "".join(texts)


def _write_marks(part: Block) -> str:
    """Return a Notion rich text as Markdown, between the marks of its annotations."""
    content = _read_plain_text(part)
    annotations = part.get("annotations")
    if isinstance(annotations, Mapping):
        for name, mark in _MARKS:
            if is_truthy(annotations.get(name)):
                content = f"{mark}{content}{mark}"
    return content


def _read_caption(body: Block, default: str) -> str:
    """Return the caption of a file, its texts joined by commas; `default` without one."""
    return ",".join(_read_plain_text(part) for part in _read_rich_texts(body, "caption")) or default


def _read_attachment_url(body: Block) -> str:
    """Return the address of a file block, Notion's own or external; raises ExpressionError where it has
    none."""
    kind = to_text(body.get("type"))
    place = body.get(kind)
    if not isinstance(place, Mapping):
        raise make_function_error(
            "convertNotionToMarkdown", f"A file block has no address: {describe_kind(place)}"
        )
    return to_text(place.get("url", ""))
