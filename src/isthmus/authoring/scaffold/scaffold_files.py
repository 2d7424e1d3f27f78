"""Builds all files of a scaffold, by their path in the integration's folder."""

from __future__ import annotations

import hashlib
from html import escape
from typing import Final

from isthmus.authoring.scaffold.definition_template import render_definition
from isthmus.authoring.scaffold.example_templates import render_examples
from isthmus.authoring.scaffold.mapping_template import render_mappings
from isthmus.authoring.scaffold.scaffold_request import ScaffoldRequest

__all__ = ["build_scaffold"]

_COLOURS: Final = ("#7a3030", "#305f7a", "#3d6b35", "#6b5a2b", "#5a3a7a", "#2b6b66")


def build_scaffold(request: ScaffoldRequest) -> dict[str, str]:
    """Returns the contents of the files, by path. Raises BadRequest for an invalid request."""
    request.validate()
    files = {
        "integration.yaml": render_definition(request),
        "docs.md": _render_docs(request),
        "logo.svg": _render_logo(request),
    }
    if request.mapped_resources:
        files[f"mappings/{request.model}.yaml"] = render_mappings(request)
    files.update({f"examples/{name}": content for name, content in render_examples(request)})
    return files


def _render_docs(request: ScaffoldRequest) -> str:
    """Returns the content of `docs.md`, with hints on what to write."""
    return (
        f"# {request.label}\n\n"
        "**Before connecting.** Say where whoever connects finds what the form asks for, and which rights it "
        "needs.\n\n"
        "**Worth knowing**\n\n"
        "- Say what a caller would not expect: names that differ, limits, what the provider cannot do.\n"
    )


def _render_logo(request: ScaffoldRequest) -> str:
    """Returns an SVG of two letters on a colour that is derived from the name."""
    colour = _COLOURS[hashlib.sha256(request.name.encode()).digest()[0] % len(_COLOURS)]
    label, letters = escape(request.label, quote=True), escape(request.label[:2])
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 256 256" width="256" height="256" role="img" '
        f'aria-label="{label}">\n'
        f'  <rect width="256" height="256" rx="48" fill="{colour}"/>\n'
        '  <text x="128" y="136" fill="#fff" font-family="Verdana, Geneva, sans-serif" font-size="112" '
        f'font-weight="700" text-anchor="middle" dominant-baseline="middle">{letters}</text>\n'
        "</svg>\n"
    )
