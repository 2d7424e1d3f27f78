"""Notion blocks into Markdown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.unit.functions.running import check, error, services, value

CASES = json.loads((Path(__file__).parent / "notion_cases.json").read_text(encoding="utf-8"))


def _block(kind: str, identity: str = "1", **body: object) -> dict[str, object]:
    return {"id": identity, "type": kind, kind: body}


def _text(*parts: str) -> list[object]:
    return [{"plain_text": part} for part in parts]


@pytest.mark.parametrize(("expression", "blocks", "expected"), CASES)
def test_blocks_become_the_markdown_of_the_contract(expression: str, blocks: object, expected: str) -> None:
    check(expression, expected, {"b": blocks})


def test_nested_items_are_indented_and_numbered() -> None:
    def item(kind: str, identity: str, text: str, parent: str | None, has_children: bool) -> object:
        block = _block(kind, identity, rich_text=_text(text)) | {"has_children": has_children}
        return block if parent is None else block | {"parent_id": parent, "parent": {"type": "block_id"}}

    blocks = [
        item("bulleted_list_item", "1", "a", None, True),
        item("bulleted_list_item", "2", "b", "1", True),
        item("numbered_list_item", "3", "c", "2", False),
        item("numbered_list_item", "4", "d", "2", False),
        item("bulleted_list_item", "5", "e", None, False),
    ]
    check("$convertNotionToMarkdown(b)", "- a\n\t- b\n\t\t1. c\n\t\t2. d\n- e\n\n\n", {"b": blocks})


def test_code_in_parts_and_bookmarks_keep_what_they_say() -> None:
    code = _block("code", rich_text=_text("x=1\n", "y"), language="python")
    bookmark = _block("bookmark", url="http://b")
    data = {"c": code, "m": bookmark}
    check("$convertNotionToMarkdown(c)", "```python\nx=1\ny\n```\n\n", data)
    check("$convertNotionToMarkdown(m)", "[http://b](http://b)\n\n", data)
    compatible = services(strict_compat=True)
    assert value("$convertNotionToMarkdown(m)", data, given=compatible) == "[http://b](data.url)\n\n"
    assert value("$convertNotionToMarkdown(c)", data, given=compatible) == "```python\nx=1\n,y\n```\n\n"


def test_a_text_without_plain_text_is_read_from_its_content() -> None:
    block = _block("paragraph", rich_text=[{"text": {"content": "hey"}, "annotations": {"bold": True}}])
    check("$convertNotionToMarkdown(b)", "**hey**\n\n", {"b": block})


def test_child_pages_as_links() -> None:
    page = _block("child_page", "ab-cd", title="T")
    check("$convertNotionToMarkdown(b, true)", "[T](https://www.notion.so/abcd)\n\n", {"b": page})


@pytest.mark.parametrize("function", ["convertNotionToMarkdown", "convertNotionToMd"])
def test_a_block_without_its_own_type_or_no_block_is_an_error(function: str) -> None:
    error(f"${function}({{'type': 'paragraph'}})")
    error(f"${function}(missing)")
    error(f"${function}(null)")
