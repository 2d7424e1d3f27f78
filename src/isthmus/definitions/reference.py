"""Renders the reference page of definitions from their models.

python -m isthmus.definitions.reference docs/reference/definitions.md
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from isthmus.definitions import unsupported_features
from isthmus.definitions.actions import LIFECYCLE_ACTIONS, STEP_SCOPES
from isthmus.definitions.file_models import (
    AuditNote,
    DocumentationRow,
    Exchange,
    IntegrationFile,
    MappingFile,
    MappingsExport,
    ModelFile,
)
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.json_schema import make_json_schema
from isthmus.definitions.mapping import MappingConfig

__all__ = ["render_page"]

Schema = dict[str, Any]

_PARTS: Final[tuple[tuple[str, str, tuple[type[BaseModel], ...]], ...]] = (
    (
        "The integration",
        "What a product is: the `config` of an integration, all layers merged.",
        (IntegrationConfig,),
    ),
    (
        "The mapping",
        "One unified method on one integration: the `config` of a mapping row.",
        (MappingConfig,),
    ),
    (
        "Files",
        "What stands in the catalogue and what is imported and exported; see "
        "[Layers](../explanation/layers.md) for what overrides what.",
        (IntegrationFile, DocumentationRow, AuditNote, MappingFile, MappingsExport, ModelFile, Exchange),
    ),
)

_INTRODUCTION: Final = """# Definitions

<!-- Made by `python -m isthmus.definitions.reference docs/reference/definitions.md`: change the models. -->

Every field of an integration definition, a mapping and their files. Under *kind*:

| kind | is |
| --- | --- |
| template | text (or any JSON) with [placeholders](placeholders.md); resolved at the time of a call |
| JSONata | an expression in a string; compiled when it is written, and refused there if it does not compile |
| path | a dotted path into a response, or JSONata |
| any other | used as written |

A field without a default that is marked *required* has to be there. Keys that no table names are kept, not
read, and reported by `isthmus integrations validate`.
"""


def render_page() -> str:
    """Returns the text of the page, ending in a newline."""
    rendered: set[str] = set()
    parts = [_INTRODUCTION]
    for title, text, models in _PARTS:
        parts.append(f"## {title}\n\n{text}\n")
        for model in models:
            parts.extend(_render_sections(model, rendered))
    parts.append(_render_steps())
    parts.append(_render_unsupported())
    return "\n".join(parts)


def _render_sections(model: type[BaseModel], rendered: set[str]) -> Iterator[str]:
    """Yields the section of a model, and of each model that it refers to, directly or not. `rendered`: names
    of the sections rendered already, which are left out, and to which these are added."""
    schema = make_json_schema(model)
    definitions: dict[str, Schema] = schema.get("$defs", {})

    def render_with_references(name: str, section: Schema) -> Iterator[str]:
        """Yields the section of a model, then those of the models that it refers to."""
        if name in rendered or name == "JsonValue":
            return
        rendered.add(name)
        yield _render_section(name, _find_object_form(section))
        for reference in _find_references(section):
            yield from render_with_references(reference, definitions[reference])

    return render_with_references(model.__name__, schema)


def _find_object_form(schema: Schema) -> Schema:
    """Returns the schema of the object form, where a definition also has a short form."""
    forms = schema.get("anyOf")
    return schema if forms is None else next(form for form in forms if form.get("type") == "object")


def _find_references(value: Any) -> Iterator[str]:
    """Yields the names of the definitions that a schema refers to."""
    if isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            yield target.rpartition("/")[2]
        for key, item in value.items():
            if key != "$defs":
                yield from _find_references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _find_references(item)


def _render_section(name: str, schema: Schema) -> str:
    """Returns the heading, description and table of fields of one model."""
    lines = [f"### {_make_title(name)}", ""]
    description = " ".join(str(schema.get("description", "")).split())
    if description:
        lines += [description, ""]
    properties: dict[str, Schema] = schema.get("properties", {})
    if properties:
        required = schema.get("required", [])
        lines += ["| field | kind | default | meaning |", "| --- | --- | --- | --- |"]
        lines += [_render_row(key, field, key in required) for key, field in properties.items()]
        lines.append("")
    return "\n".join(lines)


def _render_row(key: str, field: Schema, required: bool) -> str:
    """Returns the row of a field in the table of a model."""
    default = "required" if required else _describe_default(field.get("default"))
    meaning = " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
    return f"| `{key}` | {_describe_kind(field)} | {default} | {meaning} |"


def _describe_default(value: Any) -> str:
    """Returns the default of a field for its column; "" for none, null and empty values."""
    if value is None or value in ({}, [], ""):
        return ""
    if isinstance(value, dict | list):
        return "see there"
    return f"`{json.dumps(value)}`"


def _make_title(name: str) -> str:
    """Returns the title of a section for the name of a model: `OAuth2Config` -> `OAuth2 config`."""
    words = re.findall(r"OAuth[0-9]?|[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", name)
    return " ".join([words[0], *(word if word.startswith("OAuth") else word.lower() for word in words[1:])])


def _make_link(target: str) -> str:
    """Returns a link to the section of a model. `target`: its `$ref`."""
    name = target.rpartition("/")[2]
    if name == "JsonValue":
        return "any JSON"
    title = _make_title(name)
    return f"[{title}](#{title.lower().replace(' ', '-')})"


def _describe_kind(field: Schema) -> str:
    """Returns the kind of a field's value in words, for the column *kind*."""
    for forms in ("anyOf", "oneOf"):
        if forms in field:
            kinds = (_describe_kind(form) for form in field[forms] if form.get("type") != "null")
            return " or ".join(dict.fromkeys(kinds))
    if "$ref" in field:
        return _make_link(field["$ref"])
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    return _describe_plain_kind(field)


def _describe_plain_kind(field: Schema) -> str:
    """Returns the kind of a field without branches, references and fixed values, in words."""
    format_name = {"jsonata": "JSONata", "template": "template", "path": "path"}.get(field.get("format", ""))
    if format_name:
        return format_name
    kind = field.get("type")
    if kind == "array":
        return f"list of {_describe_kind(field.get('items', {}))}"
    if kind == "object" and "properties" in field and "title" in field:
        return f"`{field['title']}`"
    if kind == "object" and "properties" in field:
        return "a map of them by format"
    if kind == "object":
        below = field.get("additionalProperties")
        return f"map of {_describe_kind(below)}" if isinstance(below, dict) and below else "object"
    return {"string": "text", "boolean": "true or false", "integer": "whole number", "number": "number"}.get(
        str(kind), "any JSON"
    )


def _render_steps() -> str:
    """Returns the section on the actions of the lifecycle, and on the names that steps see."""
    lines = [
        "## Actions and steps",
        "",
        "The account's lifecycle runs these actions by itself. `POST /proxy/_/{action}` and a `schedule` run "
        "any other.",
        "",
        "| action | when it runs, and what comes of it |",
        "| --- | --- |",
        *(f"| `{name}` | {text} |" for name, text in LIFECYCLE_ACTIONS.items()),
        "",
        "The expressions and placeholders of a step see these names. The lifecycle has no caller: there, "
        "`id` and `body` are undefined, and `query` is empty. In an action, and in the placeholders of every "
        "step, `credentials`, `environment_variables` and each key of the context are names too, if no other "
        "has the name.",
        "",
    ]
    for place, names in STEP_SCOPES.items():
        where = "an action" if place == "actions" else f"`{place}` of a mapping"
        lines += [f"| in {where} | is |", "| --- | --- |"]
        lines += [f"| `{name}` | {text} |" for name, text in names.items()]
        lines.append("")
    return "\n".join(lines)


def _render_unsupported() -> str:
    """Returns the section on what is accepted and not executed."""
    lines = [
        "## Not carried out yet",
        "",
        "Everything above is read, and all of it that a call can carry out is carried out.",
        "",
        *(f"- `{name}` is stored: {why}." for name, why in unsupported_features.UNSUPPORTED_BLOCKS.items()),
        "- A step of the type `form` is refused in `before` and `after`: nobody is there to fill it in.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(), encoding="utf-8")
