"""`$convertNotionToMd`: one Notion block as Markdown, without its children."""

from __future__ import annotations

from collections.abc import Mapping

from isthmus.expressions.errors import function_error
from isthmus.expressions.functions.markdown.notion_text import (
    Block,
    attachment_url,
    body_of,
    caption,
    heading_level,
    linked_texts,
    rich_texts,
)
from isthmus.expressions.javascript import describe_kind, is_nil, is_truthy, to_text
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_notion_to_md"]


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
        raise function_error("convertNotionToMd", f"convertNotionToMd: the block is {describe_kind(block)}")
    kind = to_text(block.get("type"))
    body = body_of(block, "convertNotionToMd")
    texts = linked_texts(body)
    if (size := heading_level(kind)) is not None:
        return f"{'#' * size} {chr(10).join(texts)}\n"
    if kind in {"bulleted_list_item", "numbered_list_item"}:
        return _items(texts, numbered=kind == "numbered_list_item")
    if kind in {"quote", "callout"}:
        lines = "\n".join(texts).split("\n") if texts else []
        return "\n".join(f"> {line}" for line in lines) + "\n"
    return _other(kind, body, texts)


def _items(texts: list[str], *, numbered: bool) -> str:
    """Each rich text is an item of its own; further lines of one are indented."""
    items = [
        f"{f'{number}.' if numbered else '-'} {content.replace(chr(10), chr(10) + '    ')}"
        for number, content in enumerate(texts, 1)
    ]
    return "\n ".join(items) + " \n"


def _other(kind: str, body: Block, texts: list[str]) -> str:
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
            name = caption(body, "Image")
            return f'![{name}]({attachment_url(body)} "{name}")\n'
        case "file" | "video" | "pdf":
            return f"[{caption(body, 'File')}]({attachment_url(body)})\n"
        case "bookmark":
            url = to_text(body.get("url", ""))
            return f"[{url}]({url})\n"
        case "embed":
            return f"[{caption(body, 'Embed')}]({to_text(body.get('url', ''))})\n"
        case "equation":
            return f"\n{to_text(body.get('expression', ''))}\n"
        case "table":
            return "\nTabular values as CSV\n"
        case "table_row":
            return f"\n{_row(body)}\n"
    return "".join(f"\n{line}\n" for line in "".join(texts).split("\n"))


def _row(body: Block) -> str:
    cells = body.get("cells")
    rows = cells if isinstance(cells, list) else []
    firsts = [rich_texts({"rich_text": cell[:1]}) if isinstance(cell, list) else [] for cell in rows]
    return ",".join("".join(first) for first in firsts)
