"""`$convertNotionToMarkdown`: a flat list of Notion blocks as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.arguments import output_text, strict
from isthmus.expressions.functions.markdown.notion_text import (
    Block,
    attachment_url,
    body_of,
    caption,
    heading_level,
    marked_text,
    rich_texts,
)
from isthmus.expressions.javascript import (
    describe_kind,
    enter_level,
    is_nil,
    is_truthy,
    join_within_limit,
    to_text,
)
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_notion_to_markdown"]

_LISTS: Final = frozenset({"bulleted_list_item", "numbered_list_item", "to_do"})
_PLAIN: Final = frozenset({"paragraph", "quote", "callout"})


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
        raise function_error(
            "convertNotionToMarkdown", f"convertNotionToMarkdown: the blocks are {describe_kind(blocks)}"
        )
    given = [_checked(block) for block in (blocks if isinstance(blocks, list) else [blocks])]
    evaluation.charge(len(given) * 40)
    children: dict[str, list[Block]] = {}
    for block in given:
        if not is_nil(block.get("parent_id")):
            children.setdefault(to_text(block["parent_id"]), []).append(block)
    writer = _Writer(children, links=is_truthy(link_child_pages), strict=strict(evaluation))
    top = [block for block in given if _parent_type(block) != "block_id"]
    return output_text(evaluation, writer.blocks(top, 0, is_top=True), "convertNotionToMarkdown")


def _checked(block: object) -> Block:
    if not isinstance(block, Mapping):
        raise function_error(
            "convertNotionToMarkdown", f"convertNotionToMarkdown: a block is {describe_kind(block)}"
        )
    return block


def _parent_type(block: Block) -> object:
    parent = block.get("parent")
    return parent.get("type") if isinstance(parent, Mapping) else None


class _Writer:
    def __init__(self, children: Mapping[str, list[Block]], *, links: bool, strict: bool) -> None:
        self.children = children
        self.links = links
        self.strict = strict

    def blocks(self, blocks: list[Block], level: int, indent: int = 0, *, is_top: bool = False) -> str:
        """Siblings in order; a run of list items at the top ends with an empty paragraph.

        `level` counts how deep the data goes, `indent` the tabs before each block.
        """
        out: list[str] = []
        number = 0
        for position, block in enumerate(blocks):
            kind = block.get("type")
            number = number + 1 if kind == "numbered_list_item" else 0
            out.append("\t" * indent + self.block(block, number, level, indent))
            following = blocks[position + 1].get("type") if position + 1 < len(blocks) else None
            if is_top and kind in _LISTS and following not in _LISTS:
                out.append("\n\n")
        return join_within_limit("convertNotionToMarkdown", "", out)

    def block(self, block: Block, number: int, level: int, indent: int) -> str:
        kind = to_text(block.get("type"))
        body = body_of(block, "convertNotionToMarkdown")
        if kind in _LISTS:
            return self.list_item(block, body, number, level, indent)
        if kind in _PLAIN:
            mark = "" if kind == "paragraph" else "> "
            return f"{mark}{marked_text(body)}\n\n"
        if (size := heading_level(kind)) is not None:
            return f"{'#' * size} {marked_text(body)}\n\n"
        if kind in {"table", "child_page"}:
            return self.table(block) if kind == "table" else self.child_page(block, body, level)
        if (leaf := self.leaf(kind, body)) is not None:
            return leaf
        return f"{marked_text(body)}\n\n{self.inner(block, level, indent=0)}"

    def leaf(self, kind: str, body: Block) -> str | None:
        """Blocks without children; None for those that this module does not know."""
        match kind:
            case "code":
                source = ("," if self.strict else "").join(rich_texts(body))
                language = body.get("language")
                return f"```{'' if is_nil(language) else to_text(language)}\n{source}\n```\n\n"
            case "divider":
                return "---\n\n"
            case "image":
                return f"![{caption(body, 'Image')}]({attachment_url(body)})\n\n"
            case "file" | "video" | "pdf":
                return f"[{caption(body, 'File')}]({attachment_url(body)})\n\n"
            case "bookmark":
                url = to_text(body.get("url", ""))
                return f"[{url}]({'data.url' if self.strict else url})\n\n"
            case "embed":
                return f"[{caption(body, 'Embed')}]({to_text(body.get('url', ''))})\n\n"
            case "equation":
                return to_text(body.get("expression", ""))
            case "table_row":
                return _row(body)
        return None

    def list_item(self, block: Block, body: Block, number: int, level: int, indent: int) -> str:
        kind = block.get("type")
        if kind == "to_do":
            mark = "- [X]" if is_truthy(body.get("checked")) else "- [ ]"
        else:
            mark = "-" if kind == "bulleted_list_item" else f"{number}."
        return f"{mark} {marked_text(body)}\n{self.inner(block, level, indent=indent + 1)}"

    def inner(self, block: Block, level: int, *, indent: int) -> str:
        if not is_truthy(block.get("has_children")):
            return ""
        inside = enter_level(level, "convertNotionToMarkdown", 8)
        return self.blocks(self.children.get(to_text(block.get("id")), []), inside, indent)

    def table(self, block: Block) -> str:
        rows = self.children.get(to_text(block.get("id")), [])
        lines = [_row(body_of(row, "convertNotionToMarkdown")) for row in rows]
        if lines:
            cells = body_of(rows[0], "convertNotionToMarkdown").get("cells")
            width = len(cells) if isinstance(cells, list) else 1
            lines.insert(1, f"|{'---|' * width}\n")
        return "".join(lines) + "\n"

    def child_page(self, block: Block, body: Block, level: int) -> str:
        title = to_text(body.get("title", ""))
        if self.links:
            page = to_text(block.get("id", "")).replace("-", "")
            return f"[{title}](https://www.notion.so/{page})\n\n"
        return f"{title}\n\n{self.inner(block, level, indent=0)}"


def _row(body: Block) -> str:
    cells = body.get("cells")
    parts = [marked_text({"rich_text": cell}) for cell in cells] if isinstance(cells, list) else []
    return f"| {' | '.join(parts)} |\n"
