"""Pydantic models of a unified model's definition: its resources, with their record schemas and methods."""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field, StringConstraints, field_validator

from isthmus.definitions.aliases import TARGET_PATTERN
from isthmus.definitions.field_types import DefinitionModel, Expr, JsonObject

__all__ = [
    "RESERVED_MODEL_NAMES",
    "RESERVED_RESOURCE_NAMES",
    "Sharing",
    "UnifiedModelDefinition",
    "UnifiedResource",
]

Sharing: TypeAlias = Literal["deny", "ask", "allow"]
RESERVED_MODEL_NAMES: Final = frozenset({"meta"})
RESERVED_RESOURCE_NAMES: Final = frozenset({"meta"})


class UnifiedResource(DefinitionModel):
    """One resource of a model."""

    record_schema: JsonObject = Field(
        default={},
        alias="schema",
        description="JSON Schema (2020-12) of the unified record. `x-example`, `x-sortable`, "
        "`x-filter-operators` and `x-required-if` have a meaning; other `x-` keys are kept.",
    )
    description: str | None = Field(default=None, description="What the resource is.")
    methods: tuple[str, ...] = Field(default=(), description="Methods it allows; a call to another is a 404.")
    query_schema: dict[str, JsonObject] = Field(
        default={}, description="By method: JSON Schema of the query, under each mapping's own."
    )
    request_body_schema: dict[str, JsonObject] = Field(
        default={}, description="By method: JSON Schema of the body, under each mapping's own."
    )
    aliases: dict[str, Annotated[str, StringConstraints(pattern=TARGET_PATTERN)]] = Field(
        default={},
        description="Short names that bodies and filters may use for one entry of a list field: "
        "`email: email_addresses[].email`, or `address: addresses[]` for the whole entry.",
    )
    scopes: dict[str, dict[str, tuple[str, ...]]] = Field(
        default={}, description="By integration and method: OAuth scopes beside those of the proxy method."
    )
    docs_url: str | None = Field(default=None, description="Link shown in capabilities.")


class UnifiedModelDefinition(DefinitionModel):
    """A model's row, without its ids and times."""

    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Segment of the URL: `/unified/{name}/…`; not `meta`."
    )
    category: str | None = Field(default=None, description="Kind of product it belongs to.")
    description: str | None = Field(default=None, description="What the model is for.")
    sharing: Sharing = Field(default="deny", description="Who outside the owning team may install it.")
    resources: dict[str, UnifiedResource] = Field(default={}, description="Its resources.")
    webhooks: dict[str, Expr] = Field(
        default={}, description="By integration: turns an inbound webhook into unified events."
    )

    @field_validator("resources")
    @classmethod
    def _check_resource_names(cls, value: dict[str, UnifiedResource]) -> dict[str, UnifiedResource]:
        """Returns the resources as they are. Raises ValueError for a reserved name."""
        for name in value:
            if name in RESERVED_RESOURCE_NAMES:
                raise ValueError(f"{name} is a reserved name: /unified/{{model}}/{name} would be hidden")
        return value

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        """Returns the name as it is. Raises ValueError for a reserved one."""
        if value in RESERVED_MODEL_NAMES:
            raise ValueError(f"{value} is a reserved name")
        return value
