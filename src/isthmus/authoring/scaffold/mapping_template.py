"""Renders `mappings/<model>.yaml` of a scaffold: mappings of a few standard fields, and a list of the other
sourced fields, which the author maps or gives a reason for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from isthmus.authoring.scaffold.scaffold_request import Resource, ScaffoldRequest

__all__ = ["TIME_FIELDS", "render_mappings"]

TIME_FIELDS: Final = ("created_at", "updated_at")
_SOURCED: Final = "S"
"""How the `x-source` begins of a field whose name a public documentation gives, at least by its meaning."""
_STANDARD_FIELDS: Final = frozenset({"id", "remote_data", *TIME_FIELDS})


def render_mappings(request: ScaffoldRequest) -> str:
    """Returns the content of the mapping file. `request.model` must be set."""
    lines = [
        f"# yaml-language-server: $schema={request.schemas_url}/mappings.schema.json",
        f"# How {request.label}'s records become those of the {request.model} model, one cell a method.",
        f"unified_model: {request.model}",
        f"integration: {request.name}",
        "",
        "cells:",
    ]
    for resource, unified in request.mapped_resources:
        lines += [f"  {line}" for line in _render_cells(request, resource, unified)]
    lines += [
        "",
        "# Fields of the model that are not mapped yet. Map each, and take it out here; or say why the",
        "# provider has nothing for it. `isthmus integrations test` asks for a reason.",
        "unmapped:",
    ]
    for _, unified in request.mapped_resources:
        lines += [f"  {unified}:", *(f"    {line}" for line in _render_unmapped(request, unified))]
    return "\n".join(lines) + "\n"


def _render_cells(request: ScaffoldRequest, resource: Resource, unified: str) -> Iterator[str]:
    """Yields the lines of the entries of `cells` for one resource: one mapping for each method."""
    label_field = request.find_label_field(unified)
    is_first = True
    for method in request.list_methods(unified):
        yield from (f"- resource_name: {unified}", f"  method_name: {method}", "  config:")
        if resource.name != unified:
            yield f"    resource: {resource.name}"
        if method == "list":
            yield "    response_mapping_method: item"
        if method in ("create", "update"):
            yield from (f"    {line}" for line in _render_body_mapping(method, label_field))
        if method == "delete":
            yield "    method: delete"
        elif is_first:
            yield f"    response_mapping: &{_make_anchor(unified)} |-"
            yield from (f"      {line}" for line in _render_record_mapping(request, unified, label_field))
            is_first = False
        else:
            yield f"    response_mapping: *{_make_anchor(unified)}"


def _make_anchor(unified: str) -> str:
    """Returns the name of the YAML anchor of a resource's response mapping."""
    return "".join(letter for letter in unified if letter.isalnum())


def _render_record_mapping(request: ScaffoldRequest, unified: str, label_field: str | None) -> Iterator[str]:
    """Yields the lines of the JSONata response mapping: id, label field and times."""
    properties = request.get_properties(unified)
    times = [name for name in TIME_FIELDS if name in properties]
    yield "("
    yield "  $time := function($value) { $value ? $fromMillis($toMillis($value)) };"
    yield "  {"
    rows = ['"id": $string(response.id)']
    rows += [f'"{label_field}": response.{label_field}'] if label_field else []
    rows += [f'"{name}": $time(response.{name})' for name in times]
    yield from (f"    {row}{',' if row is not rows[-1] else ''}" for row in rows)
    yield from ("  }", ")")


def _render_body_mapping(method: str, label_field: str | None) -> Iterator[str]:
    """Yields the lines of the body schema and body mapping of a write."""
    name = label_field or "name"
    yield "request_body_schema:"
    yield from ("  type: object", "  properties:", f"    {name}: {{type: string}}")
    if method == "create":
        yield f"  required: [{name}]"
    yield f"request_body_mapping: '{{ \"{name}\": body.{name} }}'"


def _render_unmapped(request: ScaffoldRequest, unified: str) -> Iterator[str]:
    """Yields the lines that list the sourced fields that are not mapped, each with its description."""
    label_field = request.find_label_field(unified)
    unmapped = {
        name: schema
        for name, schema in request.get_properties(unified).items()
        if name not in _STANDARD_FIELDS
        and name != label_field
        and str(schema.get("x-source", "")).startswith(_SOURCED)
    }
    if not unmapped:
        yield "fields: {}"
        return
    yield "fields:"
    for name, schema in unmapped.items():
        yield f'  {name}: ""  # {_get_description(schema)}'


def _get_description(schema: Mapping[str, Any]) -> str:
    """Returns the description of a field on one line."""
    return " ".join(str(schema.get("description", "")).split())
