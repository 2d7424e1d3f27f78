"""Builds the OpenAPI operation and schemas of `POST /batch-request`, from the models that parse it."""

from __future__ import annotations

from typing import Any, Final

from isthmus.api.batch import BatchRequest
from isthmus.api.openapi.idempotency_parameters import IDEMPOTENCY_PARAMETERS
from isthmus.api.resources.base_models import ErrorOut

__all__ = ["BATCH_PATH", "build_batch_path", "build_batch_schemas"]

BATCH_PATH: Final = "/batch-request"

_JSON: Final = "application/json"
_REF: Final = "#/components/schemas/{model}"


def build_batch_path() -> dict[str, Any]:
    """Builds the path item of `/batch-request`."""
    error = {"$ref": _REF.format(model=ErrorOut.__name__)}
    node_error = {"type": "object", "properties": {"node": {"type": "string"}, "turn": {"type": "integer"}}}
    answer = {
        "type": "object",
        "properties": {
            "result": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": {}},
                "description": "Records of nodes that persist: by resource, or by the name of a node that "
                "has no resource.",
            },
            "errors": {
                "type": "object",
                "additionalProperties": {"type": "array", "items": node_error},
                "description": "Under every key the errors of its nodes: each as the call alone would be "
                "answered, with the `node`, and the `turn` of its loop.",
            },
        },
        "required": ["result", "errors"],
    }
    return {
        "post": {
            "tags": ["batch API"],
            "operationId": "batch_request",
            "summary": "Make several calls of one account; each can use the results of those before it.",
            "description": "Answers 200 if the nodes were run; a node that fails has its error in `errors`.",
            "parameters": list(IDEMPOTENCY_PARAMETERS),
            "requestBody": {
                "required": True,
                "content": {_JSON: {"schema": {"$ref": _REF.format(model=BatchRequest.__name__)}}},
            },
            "security": [{"HTTPBearer": []}],
            "responses": {
                "200": {"description": "Done.", "content": {_JSON: {"schema": answer}}},
                "5XX": {"description": "The server.", "content": {_JSON: {"schema": error}}},
            },
        }
    }


def build_batch_schemas() -> dict[str, Any]:
    """Builds the schemas of the request body by name, for `components.schemas`."""
    request_schema = BatchRequest.model_json_schema(ref_template=_REF)
    schemas = {**request_schema.pop("$defs", {}), BatchRequest.__name__: request_schema}
    return {
        name: {**schema, "additionalProperties": False} if schema.get("type") == "object" else schema
        for name, schema in schemas.items()
    }
