"""What the catalogue says about its integrations, and its categories, as rows (`api.md` §3.11, §3.12)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from isthmus.kit.ids import derived_id

__all__ = ["CATEGORIES", "README", "category_rows", "documentation_rows", "written_rows"]

README: Final = "docs.md"
CATEGORIES: Final = "categories.yaml"
_INLINE: Final = ("description", "query_schema", "body_schema", "response_schema")
Rows = dict[str, dict[str, Any]]


def category_rows(entries: Any) -> Rows:
    """`entries`: what `categories.yaml` holds."""
    return {
        derived_id("category", each["name"]): {"name": each["name"], "label": each["label"]}
        for each in entries
    }


def documentation_rows(integration_id: str, definition: Mapping[str, Any], directory: Path) -> Rows:
    """Of one integration: its page, the rows of its file, and what its methods say of themselves."""
    rows: Rows = {}
    for row in _entries(definition, directory):
        identity = derived_id(
            "documentation", integration_id, row["type"], row["resource"] or "", row["method"] or "",
            "inline" if row["is_inline"] else "",
        )  # fmt: skip
        rows[identity] = {
            "integration_id": integration_id,
            "environment_integration_id": None,
            "unified_model_id": None,
            "environment_unified_model_id": None,
            "authentication_method": None,
            "integration_name": None,
            **row,
        }
    return rows


def written_rows(definition: Mapping[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    """Rows that are written as such: the page beside the file, and the file's own."""
    readme = directory / README
    if readme.is_file():
        yield _row("readme", readme.read_text("utf-8"))
    for each in definition.get("documentation") or ():
        yield _row(each["type"], each["content"], each.get("resource"), each.get("method"))


def _entries(definition: Mapping[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    yield from written_rows(definition, directory)
    for resource, methods in (definition["config"].get("resources") or {}).items():
        for name, method in (methods or {}).items():
            for kind in _INLINE:
                if method and method.get(kind):
                    yield _row(kind, method[kind], resource, name, is_inline=True)


def _row(
    kind: str,
    content: Any,
    resource: str | None = None,
    method: str | None = None,
    *,
    is_inline: bool = False,
) -> dict[str, Any]:
    """A schema that is no text yet becomes JSON, which is YAML too."""
    return {
        "type": kind,
        "content": content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False),
        "resource": resource,
        "method": method,
        "is_inline": is_inline,
    }
