"""Makes the JSON Schemas (2020-12) of definitions and their files, for editors and for the reference.

python -m isthmus.definitions.json_schema integration > integration.schema.json

A running server has them under `/schemas/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from isthmus.definitions.credentials import CREDENTIAL_FORMATS
from isthmus.definitions.file_models import EXCHANGES, IntegrationFile, MappingFile, MappingsExport, ModelFile
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.expressions.placeholders import Template

__all__ = ["EXPORTED", "PUBLISHED", "make_json_schema", "make_published_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

EXPORTED: Final[dict[str, type[BaseModel]]] = {
    "integration": IntegrationFile,
    "integration-config": IntegrationConfig,
    "mapping": MappingConfig,
    "mappings": MappingFile,
    "mappings-export": MappingsExport,
    "model": ModelFile,
}
"""The models of which schemas are made, by name."""

_RECORD: Final = "record-schema"
PUBLISHED: Final[Mapping[str, str]] = {
    "integration": "`integration.yaml`, `<name>.integration.json`",
    "integration-config": "an integration's `config`, or an override of it",
    "mapping": "the `config` of a mapping row",
    "mappings": "`mappings/<model>.yaml`",
    "mappings-export": "`<integration>.<model>.mappings.json`",
    "model": "`model.yaml`, the body of `POST /unified-model`",
    "exchanges": "`examples/<resource>.<method>.json`",
    _RECORD: "`<resource>.schema.yaml`: the JSON Schema of a unified record",
}
"""The schemas that are published, by name: which file or field each describes."""

_RECORD_KEYWORDS: Final[Mapping[str, Any]] = {
    "x-example": {"description": "An example of the value."},
    "x-enum": {"type": "array", "description": "Usual values; others are passed through."},
    "x-sortable": {"type": "boolean", "description": "Whether lists can be sorted by it."},
    "x-filter-operators": {
        "type": "array",
        "items": {"enum": ["eq", "in", "gt", "lt", "gte", "lte", "ne", "like"]},
        "description": "Operators that lists take for it.",
    },
    "x-required-if": {
        "type": "string",
        "format": "jsonata",
        "description": "Truthy for the calls that need it. In scope: `query`, `body`.",
    },
    "x-ref": {"type": "string", "description": "`model/resource` that an id in it is one of."},
    "x-source": {"type": "string", "description": "Where the name comes from."},
}


def make_published_schema(name: str) -> dict[str, Any]:
    """Returns the schema of that name in `PUBLISHED`."""
    if name == _RECORD:
        return _make_record_schema()
    if name == "exchanges":
        return {"$schema": _DIALECT, **EXCHANGES.json_schema(by_alias=True)}
    return make_json_schema(EXPORTED[name])


def _make_record_schema() -> dict[str, Any]:
    """Returns the schema of record schemas: the keywords of JSON Schema, and those that have a meaning here.
    They are written out, because editors do not follow the dynamic references of JSON Schema's own schema."""
    any_schema, texts, flag = {"$ref": "#"}, {"type": "string"}, {"type": "boolean"}
    number, count = {"type": "number"}, {"type": "integer", "minimum": 0}
    schemas_by_name = {"type": "object", "additionalProperties": any_schema}
    schema_list = {"type": "array", "items": any_schema, "minItems": 1}
    kind = {"enum": ["string", "number", "integer", "boolean", "object", "array", "null"]}
    return {
        "$schema": _DIALECT,
        "title": "RecordSchema",
        "type": ["object", "boolean"],
        "properties": {
            **dict.fromkeys(("$schema", "$id", "$ref", "$comment", "title", "description"), texts),
            **dict.fromkeys(("format", "pattern", "contentEncoding", "contentMediaType"), texts),
            "type": {"anyOf": [kind, {"type": "array", "items": kind, "uniqueItems": True, "minItems": 1}]},
            **dict.fromkeys(
                ("properties", "patternProperties", "$defs", "dependentSchemas"), schemas_by_name
            ),
            **dict.fromkeys(("items", "additionalProperties", "contains", "propertyNames"), any_schema),
            **dict.fromkeys(("not", "if", "then", "else"), any_schema),
            **dict.fromkeys(("anyOf", "oneOf", "allOf", "prefixItems"), schema_list),
            "required": {"type": "array", "items": texts},
            "enum": {"type": "array"},
            "examples": {"type": "array"},
            **dict.fromkeys(("minimum", "maximum", "multipleOf"), number),
            **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), count),
            **dict.fromkeys(("uniqueItems", "readOnly", "writeOnly", "deprecated"), flag),
            **_RECORD_KEYWORDS,
        },
    }


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        """Encodes a template as its source."""
        return super().encode_default(dft.source if isinstance(dft, Template) else dft)


def make_json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON Schema of a model as authors write it: with the names of keys on the wire."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    for place in (schema, *schema.get("$defs", {}).values()):
        if place.get("title") == IntegrationConfig.__name__:
            _accept_one_credential(place["properties"]["credentials"])
    return {"$schema": _DIALECT, **schema}


def _accept_one_credential(field: dict[str, Any]) -> None:
    """Changes the schema of `credentials`: one credential object is accepted in place of a map, and the
    keys of the map are the formats of their entries. The type of the field does not say that."""
    branches = field.pop("additionalProperties")["oneOf"]
    keys = dict(zip(CREDENTIAL_FORMATS, branches, strict=True))
    field.pop("type")
    alias = {
        "title": "basic",
        "properties": {"format": {"const": "basic"}},
        "required": ["format", "config"],
        "type": "object",
    }
    field["anyOf"] = [
        {"oneOf": [*branches, alias], "required": ["format"]},
        {"type": "object", "properties": keys | {"basic": keys["api_key"]}, "additionalProperties": False},
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(make_published_schema(sys.argv[1]), indent=2) + "\n")
