"""Renders the guide to an integration in a unified model as Markdown and as HTML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

__all__ = ["render_guide_html", "render_guide_markdown"]


@cache
def _make_markdown_renderer() -> MarkdownIt:
    """Makes a renderer that escapes HTML, and allows links to http, https and mail only, so that the result
    is safe to embed whoever wrote the guide."""
    from markdown_it import MarkdownIt  # imported late: slow, and rarely needed

    return MarkdownIt("commonmark", {"html": False}).enable("table")


_LIST_HEADINGS: Final = {"pricing_plan": "Pricing plans", "user_role": "User roles", "scopes": "Scopes"}


def render_guide_markdown(title: str, guide: Mapping[str, Any]) -> str:
    """Renders a guide as Markdown: its lists, instructions and resources. `guide`: the JSON form of the
    guide."""
    parts = [f"# {title}"]
    for key, heading in _LIST_HEADINGS.items():
        if guide[key]:
            parts += [f"## {heading}", "\n".join(f"- {item}" for item in guide[key])]
    if guide["instructions"]:
        parts += ["## Instructions", _strip_title(guide["instructions"])]
    parts += ["## Resources", _render_resource_table(guide["resources"])]
    return "\n\n".join(parts) + "\n"


def render_guide_html(title: str, guide: Mapping[str, Any]) -> str:
    """Renders a guide as an HTML fragment, to be embedded in a page."""
    rendered: str = _make_markdown_renderer().render(render_guide_markdown(title, guide))
    return rendered


def _strip_title(text: str) -> str:
    """Returns the text without a title of its own, which would follow the title of the guide."""
    first, _, remaining = text.strip().partition("\n")
    return remaining.strip() if first.startswith("# ") and remaining.strip() else text.strip()


def _render_resource_table(resources: Sequence[Mapping[str, Any]]) -> str:
    """Renders a Markdown table of the mapped resources and their methods."""
    rows = ["| resource | methods | what it is |", "| --- | --- | --- |"]
    for resource in resources:
        about = (resource["description"] or "").replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{resource['resource']}` | {', '.join(resource['methods'])} | {about} |")
    return "\n".join(rows)
