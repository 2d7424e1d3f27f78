"""Formats the explanation of a call for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final

from isthmus.cli.record_output import Json, format_cell, get_at_path, replace_control_characters

__all__ = ["format_explanation"]

_STEPS: Final = ("before", "side_load", "after")
_MAX_PATH_WIDTH: Final = 40


def format_explanation(explanation: Json) -> Iterator[str]:
    """Yields the lines about an explanation: the request, the steps around it, and each value of definition
    and mapping with its layer. `explanation`: what `explain` of the response has."""
    for line in _format_lines(explanation):
        yield replace_control_characters(line).rstrip()


def _format_lines(explanation: Json) -> Iterator[str]:
    """Yields the lines, which may hold control characters."""
    request = get_at_path(explanation, "request")
    if request is None:
        yield f"No request could be built: {format_cell(get_at_path(explanation, 'obstacle'))}"
    else:
        yield f"{get_at_path(request, 'method')} {get_at_path(request, 'url')}"
        for name, value in (get_at_path(request, "headers") or {}).items():
            yield f"{name}: {format_cell(value)}"
        body = get_at_path(request, "body")
        if body is not None:
            yield ""
            text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
            yield from text.splitlines()
    if get_at_path(explanation, "is_certain") is False:
        yield f"Not certain: it depends on the step {format_cell(get_at_path(explanation, 'waits_for'))}."
    for name, target in (get_at_path(explanation, "aliases") or {}).items():
        yield f"{name} was read as {format_cell(target)}."
    for warning in get_at_path(explanation, "warnings") or ():
        yield f"Warning: {format_cell(get_at_path(warning, 'message'))}"
    for kind in _STEPS:
        for step in get_at_path(explanation, kind) or ():
            yield ""
            yield f"step {kind}: {format_cell(get_at_path(step, 'outcome'))}"
            yield from _indent(json.dumps(step, indent=2, ensure_ascii=False))
    resource = get_at_path(explanation, "resource")  # a custom call has none
    of_method = "" if resource is None else f" of {resource}.{get_at_path(explanation, 'method')}"
    yield from _format_values(f"Definition{of_method}", explanation.get("definition_values") or ())
    mapping = get_at_path(explanation, "mapping")
    if mapping is not None:
        name = "/".join(format_cell(get_at_path(mapping, part)) for part in ("model", "resource"))
        title = f"Mapping of {name}.{get_at_path(mapping, 'method')}"
        yield from _format_values(title, mapping.get("values") or (), mapping.get("removed") or ())


def _format_values(title: str, values: Sequence[Json], removed: Sequence[Json] = ()) -> Iterator[str]:
    """Yields a line for each value of a merged document with its layer, and more lines for one of several
    lines; also for what a layer removed."""
    rows = [
        *((entry["path"], entry["layer"], format_cell(entry["value"])) for entry in values),
        *((entry["path"], entry["layer"], "(removed)") for entry in removed),
    ]
    if not rows:
        return
    yield ""
    yield f"{title}:"
    width = min(max(len(path) for path, _, _ in rows), _MAX_PATH_WIDTH)
    for path, layer, text in rows:
        lines: Sequence[str] = text.splitlines() or ("",)
        is_block = len(lines) > 1
        yield f"  {path.ljust(width)}  {layer.ljust(11)}  {'' if is_block else lines[0]}"
        if is_block:
            yield from _indent(text)


def _indent(text: str) -> Iterator[str]:
    """Yields the lines of a text, indented."""
    for line in text.splitlines():
        yield f"      {line}"
