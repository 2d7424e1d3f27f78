"""The guide to an integration in a unified model, as Markdown and as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["guide_html", "guide_markdown"]


@cache
def _markdown() -> MarkdownIt:
    """HTML in a text comes out as text, and links lead to http, https and mail only: who shows a guide need
    not trust who wrote it."""
    from markdown_it import MarkdownIt  # few need it, and it is slow to import

    return MarkdownIt("commonmark", {"html": False}).enable("table")


_LISTS: Final = {"pricing_plan": "Pricing plans", "user_role": "User roles", "scopes": "Scopes"}


def guide_markdown(title: str, guide: Mapping[str, Any]) -> str:
    parts = [f"# {title}"]
    for key, heading in _LISTS.items():
        if guide[key]:
            parts += [f"## {heading}", "\n".join(f"- {each}" for each in guide[key])]
    if guide["instructions"]:
        parts += ["## Instructions", _without_title(guide["instructions"])]
    parts += ["## Resources", _resources(guide["resources"])]
    return "\n\n".join(parts) + "\n"


def guide_html(title: str, guide: Mapping[str, Any]) -> str:
    """A fragment, to be put into a page of one's own."""
    rendered: str = _markdown().render(guide_markdown(title, guide))
    return rendered


def _without_title(text: str) -> str:
    """The page's own title would stand below ours."""
    first, _, rest = text.strip().partition("\n")
    return rest.strip() if first.startswith("# ") and rest.strip() else text.strip()


def _resources(resources: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| resource | methods | what it is |", "| --- | --- | --- |"]
    for each in resources:
        about = (each["description"] or "").replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{each['resource']}` | {', '.join(each['methods'])} | {about} |")
    return "\n".join(rows)
