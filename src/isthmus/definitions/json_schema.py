"""JSON Schemas (2020-12) of definitions and their files, for editors and for the reference.

python -m isthmus.definitions.json_schema integration > integration.schema.json
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from isthmus.definitions.credentials import CREDENTIAL_FORMATS
from isthmus.definitions.files import IntegrationFile, MappingFile, MappingsExport, ModelFile
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.expressions.placeholders import Template

__all__ = ["EXPORTED", "json_schema"]

EXPORTED: Final[dict[str, type[BaseModel]]] = {
    "integration": IntegrationFile,
    "integration-config": IntegrationConfig,
    "mapping": MappingConfig,
    "mappings": MappingFile,
    "mappings-export": MappingsExport,
    "model": ModelFile,
}
"""What can be asked for, by name."""


class _Generator(GenerateJsonSchema):
    def encode_default(self, dft: Any) -> Any:
        return super().encode_default(dft.source if isinstance(dft, Template) else dft)


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema of a document as its author writes it: keys by their names on the wire."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    for place in (schema, *schema.get("$defs", {}).values()):
        if place.get("title") == IntegrationConfig.__name__:
            _accept_one_credential(place["properties"]["credentials"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _accept_one_credential(field: dict[str, Any]) -> None:
    """A single credential object is read as a map of one, and a key of the map is its entry's format
    (§1.3), which the type does not say."""
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
    sys.stdout.write(json.dumps(json_schema(EXPORTED[sys.argv[1]]), indent=2) + "\n")
