"""The models of the nodes of a dependency graph, of which batch requests and sync jobs consist."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, Tag, WithJsonSchema

from isthmus.definitions.field_types import (
    DefinitionModel,
    Expr,
    JsonObject,
    OptionalTemplateField,
    OptionalTemplateOrExpr,
)
from isthmus.definitions.tagged_unions import discriminate_by_key
from isthmus.errors import failure

__all__ = [
    "NODE_TYPES",
    "Node",
    "Recursion",
    "RequestNode",
    "SpoolNode",
    "TransformNode",
    "find_unknown_fields",
]

NODE_TYPES: Final = ("request", "transform", "spool")

ResponseFormat = Literal["raw", "unified", "normalized"]

_VERBS: Final = {"POST": "create", "PATCH": "update", "PUT": "update", "DELETE": "delete"}


def _wrap_single(value: Any) -> Any:
    """Returns one name, written as a string, as a tuple of one; anything else as it is, for pydantic to
    validate."""
    return (value,) if isinstance(value, str) else value


Names = Annotated[
    tuple[Annotated[str, Field(min_length=1)], ...],
    BeforeValidator(_wrap_single),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]


class _Node(DefinitionModel):
    depends_on: Names = Field(
        default=(), description="Names, or resources, of nodes that must end well before this one begins."
    )
    persist: bool | None = Field(
        default=None,
        description="Whether the records are in the answer; true where absent, for a proxy node false.",
    )


class RecursionConfig(DefinitionModel):
    """What the next call changes; laid over the node's own `id` and `query`."""

    id: OptionalTemplateField = Field(default=None, description="Id of the record.")
    query: OptionalTemplateOrExpr = Field(
        default=None, description="Merged over the node's query, at every depth."
    )


class Recursion(DefinitionModel):
    """Repeats the request for each record of its own result that satisfies `if`."""

    condition: OptionalTemplateField = Field(
        alias="if", description="Falsy: not for this record. No value counts as false; cast with `:bool`."
    )
    config: RecursionConfig = Field(default=RecursionConfig(), description="What the next call changes.")


class RequestNode(_Node):
    """Calls a method; a list is read to its last page."""

    type: Literal["request"] = Field(default="request", description="Kind of node.")
    name: str | None = Field(
        default=None, min_length=1, description="Name others depend on; the resource where absent."
    )
    resource: str = Field(
        min_length=1,
        pattern=r"^[^/]+(/[^/]+)?$",
        description="`model/resource` for a unified call, one name for a proxy call.",
    )
    method: str = Field(
        min_length=1,
        description="Name of the method; or a verb: GET (get with an id, else list), POST, PATCH, PUT, "
        "DELETE.",
    )
    id: OptionalTemplateField = Field(default=None, description="Id of the record.")
    query: OptionalTemplateOrExpr = Field(
        default=None, description="Object of templates, or an expression that returns the object."
    )
    body: OptionalTemplateOrExpr = Field(
        default=None, description="Object of templates, or an expression that returns the body."
    )
    loop_on: str | None = Field(
        default=None,
        min_length=1,
        pattern=r"^[^{}]+$",
        description="Path of an array, such as `resources.ticketing.tickets`: one call for each element.",
    )
    recurse: Recursion | None = Field(default=None, description="Repeats the request on its own records.")
    response_format: ResponseFormat | None = Field(
        default=None, description="`unified` where absent; a proxy node gives `raw` records only."
    )
    delete_tracking: Literal["soft", "hard"] | None = Field(
        default=None, description="Of sync jobs; without effect in a batch."
    )
    delete_tracking_query: JsonObject | None = Field(
        default=None, description="Of sync jobs; without effect in a batch."
    )

    @property
    def is_unified(self) -> bool:
        """True for a unified call, false for a proxy call."""
        return "/" in self.resource

    @property
    def method_name(self) -> str:
        """The name of the method, also where a verb was written for it."""
        if self.method == "GET":
            return "list" if self.id is None else "get"
        return _VERBS.get(self.method, self.method)

    @property
    def key(self) -> str:
        """The key of the node's records in the answer."""
        return self.resource


class ExpressionOnly(DefinitionModel):
    expression: Expr = Field(description="Gives the records; what is no array is one record.")


class TransformNode(_Node):
    """Computes records from those of the nodes before."""

    type: Literal["transform"] = Field(description="Kind of node.")
    name: str = Field(min_length=1, description="Name others read and depend on.")
    config: ExpressionOnly = Field(description="What is computed.")

    @property
    def key(self) -> str:
        """The key of the node's records in the answer."""
        return self.name


class SpoolNode(_Node):
    """Collects the records of the nodes it depends on."""

    type: Literal["spool"] = Field(description="Kind of node.")
    name: str = Field(min_length=1, description="Name others read and depend on.")
    depends_on: Names = Field(
        min_length=1, description="The nodes whose records are collected, in this order."
    )
    config: JsonObject | None = Field(default=None, max_length=0, description="Has no fields.")

    @property
    def key(self) -> str:
        """The key of the node's records in the answer."""
        return self.name


Node = Annotated[
    Annotated[RequestNode, Tag("request")]
    | Annotated[TransformNode, Tag("transform")]
    | Annotated[SpoolNode, Tag("spool")],
    discriminate_by_key("type", NODE_TYPES, default="request"),
]


def find_unknown_fields(nodes: Sequence[Node], where: str) -> Iterator[dict[str, str]]:
    """Yields a failure for each field that no node of its type has. `where`: the field that holds the
    nodes."""
    for index, node in enumerate(nodes):
        for path, part in _iterate_parts(node):
            for name in part.model_extra or ():
                yield failure(
                    ".".join((where, str(index), *path, name)),
                    f"is no field of a {node.type} node",
                    "unknown_field",
                )


def _iterate_parts(node: Node) -> Iterator[tuple[tuple[str, ...], DefinitionModel]]:
    """Yields `(path, model)` of the node and the objects in it."""
    yield (), node
    if isinstance(node, TransformNode):
        yield ("config",), node.config
    if isinstance(node, RequestNode) and node.recurse is not None:
        yield ("recurse",), node.recurse
        yield ("recurse", "config"), node.recurse.config
