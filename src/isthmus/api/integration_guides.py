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
    """Escapes HTML, and allows links to http, https and mail only, so that the result is safe to embed
    whoever wrote the guide."""
    from markdown_it import MarkdownIt  # imported late: slow, and rarely needed

    return MarkdownIt("commonmark", {"html": False}).enable("table")


_LIST_HEADINGS: Final = {"pricing_plan": "Pricing plans", "user_role": "User roles", "scopes": "Scopes"}


def render_guide_markdown(title: str, guide: Mapping[str, Any]) -> str:
    parts = [f"# {title}"]
    for key, heading in _LIST_HEADINGS.items():
        if guide[key]:
            parts += [f"## {heading}", "\n".join(f"- {each}" for each in guide[key])]
    if guide["instructions"]:
        parts += ["## Instructions", _strip_title(guide["instructions"])]
    parts += ["## Resources", _render_resource_table(guide["resources"])]
    return "\n\n".join(parts) + "\n"


def render_guide_html(title: str, guide: Mapping[str, Any]) -> str:
    """An HTML fragment, to be embedded in a page."""
    rendered: str = _make_markdown_renderer().render(render_guide_markdown(title, guide))
    return rendered


def _strip_title(text: str) -> str:
    """The text without a title of its own, which would follow the title of the guide."""
    first, _, rest = text.strip().partition("\n")
    return rest.strip() if first.startswith("# ") and rest.strip() else text.strip()


def _render_resource_table(resources: Sequence[Mapping[str, Any]]) -> str:
    rows = ["| resource | methods | what it is |", "| --- | --- | --- |"]
    for each in resources:
        about = (each["description"] or "").replace("|", "\\|").replace("\n", " ")
        rows.append(f"| `{each['resource']}` | {', '.join(each['methods'])} | {about} |")
    return "\n".join(rows)
