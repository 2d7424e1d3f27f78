"""Renders the reference pages of the shipped catalogue from its files.

python -m isthmus.definitions.catalogue_reference catalog docs/reference
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from isthmus.definitions.file_models import IntegrationFile, MappingFile, ModelFile
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.definitions.yaml_source import read_document

__all__ = ["render_pages"]

Schema = Mapping[str, Any]

_MADE: Final = (
    "<!-- Made by `python -m isthmus.definitions.catalogue_reference catalog docs/reference`: "
    "change the catalogue. -->"
)
_SOURCES: Final = (
    "*From* says where a name comes from: `S`, the platform's public documentation gives key and type; `S?`, "
    "it gives the meaning, the key is our reading; `D`, decided here. A `D` or `S?` name may still be "
    "corrected."
)
_METHOD_ORDER: Final = ("list", "get", "create", "update", "delete")


def render_pages(catalog: Path) -> dict[str, str]:
    """Returns the text of each page by its path below `docs/reference`. `catalog`: the folder of the
    catalogue."""
    models = {path.parent.name: path.parent for path in sorted(catalog.glob("unified/*/model.yaml"))}
    integrations = [path.parent for path in sorted(catalog.glob("integrations/*/integration.yaml"))]
    mapped = {directory: list(_read_mappings(directory)) for directory in integrations}
    texts = {f"models/{name}.md": _render_model_page(path, mapped) for name, path in models.items()}
    texts["catalogue.md"] = _render_catalogue_page(list(models), mapped)
    return texts


Mapped = dict[Path, list[MappingFile]]


def _read_mappings(directory: Path) -> Iterator[MappingFile]:
    """Yields the mapping files of an integration's folder."""
    for path in sorted(directory.glob("mappings/*.yaml")):
        yield MappingFile.model_validate(read_document(path).data)


def _read_label(directory: Path) -> str:
    """Returns the display name of an integration."""
    file = IntegrationFile.model_validate(read_document(directory / "integration.yaml").data)
    return file.label or file.config.label or file.name


def _render_catalogue_page(models: list[str], mapped: Mapped) -> str:
    """Returns the text of the page of integrations. `mapped`: the mapping files of each integration's
    folder."""
    lines = ["# Catalogue", "", _MADE, "", "What is shipped, without any set-up of its own.", ""]
    lines += ["| integration | connects with | unified models |", "| --- | --- | --- |"]
    for directory, files in mapped.items():
        file = IntegrationFile.model_validate(read_document(directory / "integration.yaml").data)
        formats = ", ".join(f"`{name}`" for name in file.config.credentials)
        model_links = ", ".join(f"[{each.unified_model}](models/{each.unified_model}.md)" for each in files)
        lines.append(f"| [{_read_label(directory)}](#{directory.name}) | {formats} | {model_links} |")
    lines += ["", f"Unified models: {', '.join(f'[{name}](models/{name}.md)' for name in models)}.", ""]
    for directory, files in mapped.items():
        lines += [
            f"## {directory.name}",
            "",
            *_read_notes(directory),
            *_render_proxy_table(directory),
            *_render_unmapped_table(files),
        ]
    return "\n".join(lines)


def _read_notes(directory: Path) -> list[str]:
    """Returns the lines of the integration's own `docs.md`, without its heading; none where it has no such
    file."""
    path = directory / "docs.md"
    text = path.read_text("utf-8") if path.is_file() else ""
    body = text.partition("\n")[2].strip() if text.startswith("# ") else text.strip()
    return [body, ""] if body else []


def _render_proxy_table(directory: Path) -> list[str]:
    """Returns the table of an integration's proxy resources and their methods."""
    file = IntegrationFile.model_validate(read_document(directory / "integration.yaml").data)
    lines = ["| proxy resource | methods |", "| --- | --- |"]
    for resource, methods in file.config.resources.items():
        names = ", ".join(name for name, method in methods.items() if method is not None)
        lines.append(f"| `{resource}` | {names} |")
    return [*lines, ""]


def _render_unmapped_table(files: list[MappingFile]) -> list[str]:
    """Returns the table of a model's fields that the provider has nothing for; none where it has all."""
    rows = [
        f"| {file.unified_model}/{resource} | `{name}` | {reason} |"
        for file in files
        for resource, unmapped in file.unmapped.items()
        for name, reason in unmapped.fields.items()
    ]
    return ["| resource | field left out | why |", "| --- | --- | --- |", *rows, ""] if rows else []


def _render_model_page(directory: Path, mapped: Mapped) -> str:
    """Returns the text of a model's page. `directory`: of the model. `mapped`: as in
    `_render_catalogue_page`."""
    model = ModelFile.model_validate(read_document(directory / "model.yaml").data)
    lines = [f"# {model.name}", "", _MADE, "", model.description or "", "", _SOURCES, ""]
    lines += _render_support_table(model, mapped)
    for name, resource in model.resources.items():
        schema = read_document(directory / f"{name}.schema.yaml").data
        methods = ", ".join(f"`{method}`" for method in resource.methods)
        lines += [f"## {name}", "", resource.description or "", "", f"Methods: {methods}.", ""]
        lines += ["| field | type | meaning | from |", "| --- | --- | --- | --- |"]
        lines += [_render_field_row(field, item) for field, item in schema["properties"].items()]
        lines.append("")
        lines += _render_aliases(resource)
        for method, query in resource.query_schema.items():
            lines += [f"Filters of `{method}`:", "", "| filter | meaning | from |", "| --- | --- | --- |"]
            lines += list(_render_filter_rows(query))
            lines.append("")
    return "\n".join(lines)


def _render_aliases(resource: UnifiedResource) -> list[str]:
    """Returns the line that names a resource's aliases; none where it has none."""
    if not resource.aliases:
        return []
    told = ", ".join(f"`{name}` for `{target}`" for name, target in resource.aliases.items())
    return [f"Short names in bodies and filters: {told}.", ""]


def _render_support_table(model: ModelFile, mapped: Mapped) -> list[str]:
    """Returns the table of the integrations that map a model, with the methods of each resource."""
    cells: dict[str, dict[str, list[str]]] = {}
    for directory, files in mapped.items():
        for file in files:
            for cell in file.cells if file.unified_model == model.name else ():
                by_resource = cells.setdefault(_read_label(directory), {})
                by_resource.setdefault(cell.resource_name, []).append(cell.method_name)
    if not cells:
        return ["No shipped integration maps this model yet.", ""]
    lines = ["| integration | resource | methods |", "| --- | --- | --- |"]
    lines += [
        f"| {label} | {resource} | {', '.join(sorted(methods, key=_sort_key))} |"
        for label, resources in cells.items()
        for resource, methods in resources.items()
    ]
    return [*lines, ""]


def _sort_key(method: str) -> tuple[int, str]:
    """Returns a key that sorts the standard methods in their usual order, and others behind them by name."""
    is_standard = method in _METHOD_ORDER
    return (_METHOD_ORDER.index(method) if is_standard else len(_METHOD_ORDER), method)


def _render_field_row(name: str, schema: Schema) -> str:
    """Returns the row of a field in the table of a model."""
    return (
        f"| `{name}` | {_describe_type(schema)} | {_describe_field(schema)} | {schema.get('x-source', '')} |"
    )


def _describe_field(schema: Schema) -> str:
    """Returns description, usual values, reference and shape of a field, in one table cell."""
    parts = [str(schema.get("description", ""))]
    parts += _describe_values(schema)
    if "x-ref" in schema:
        parts.append(f"Refers to `{schema['x-ref']}`.")
    shape = _describe_shape(schema)
    if shape:
        parts.append(f"`{shape}`.")
    return " ".join(part for part in parts if part).replace("|", "\\|")


def _describe_values(schema: Schema) -> list[str]:
    """Returns a sentence with the usual values of a field; none where it has no list."""
    values = schema.get("x-enum")
    return (
        [f"Usually {', '.join(f'`{value}`' for value in values)}; others are passed through."]
        if values
        else []
    )


def _describe_shape(schema: Schema) -> str:
    """Returns the names of the properties of an object, or of the items of a list, as `{id, name}`; "" for
    none."""
    inner = schema.get("items", schema)
    properties = inner.get("properties") if isinstance(inner, Mapping) else None
    if not properties:
        return ""
    return "{" + ", ".join(name + _describe_shape(item) for name, item in properties.items()) + "}"


def _describe_type(schema: Schema) -> str:
    """Returns the types of a field in words, joined by "or"."""
    kinds = schema.get("type", "any JSON")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    type_names = [_describe_kind(str(kind), schema) for kind in kinds if kind != "null"]
    return " or ".join(type_names)


def _describe_kind(kind: str, schema: Schema) -> str:
    """Returns the name of a JSON Schema type in words."""
    if kind == "array":
        items = schema.get("items", {})
        return f"list of {_describe_type(items)}s" if items else "list"
    if schema.get("format") == "date-time":
        return "date-time"
    return {"string": "text", "boolean": "true or false", "integer": "whole number"}.get(kind, kind)


def _render_filter_rows(query: Schema) -> Iterator[str]:
    """Yields one row per filter of a list."""
    for name, schema in query.get("properties", {}).items():
        operators = schema.get("x-filter-operators")
        names = [f"{name}[{operator}]" for operator in operators] if operators else [name]
        if not operators and schema.get("properties"):
            names = [f"{name}[{key}]" for key in schema["properties"]]
        shown = ", ".join(f"`{filter_name}`" for filter_name in names)
        meaning = " ".join([str(schema.get("description", "")), *_describe_values(schema)]).replace(
            "|", "\\|"
        )
        yield f"| {shown} | {meaning} | {schema.get('x-source', '')} |"


def _write_pages(catalog: Path, reference: Path) -> None:
    """Writes all pages into the folder of the reference."""
    for name, text in render_pages(catalog).items():
        path = reference / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    _write_pages(Path(sys.argv[1]), Path(sys.argv[2]))
