"""The models of files of definitions: of the shipped catalogue, and of what users import and export.

catalog/integrations/<name>/integration.yaml               IntegrationFile
                           mappings/<model>.yaml           MappingFile
                           examples/<resource>.<method>.json   list of Exchange
catalog/unified/<model>/model.yaml                         ModelFile
                        <resource>.schema.yaml             JSON Schema of the record
<slug>.integration.json                                    IntegrationFile
<integration>.<model>.mappings.json                        MappingsExport
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, TypeVar

from pydantic import Field, JsonValue, TypeAdapter, field_validator

from isthmus.definitions.field_types import DefinitionModel, JsonObject
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.unified_model import Sharing, UnifiedModelDefinition

__all__ = [
    "EXCHANGES",
    "AuditNote",
    "DocumentationRow",
    "DocumentationType",
    "Exchange",
    "ExchangeRequest",
    "ExchangeResponse",
    "ExportedCell",
    "IntegrationFile",
    "MappingCell",
    "MappingFile",
    "MappingsExport",
    "ModelFile",
    "ProxyMatch",
    "Unmapped",
]

DocumentationType: TypeAlias = Literal[
    "description",
    "query_schema",
    "body_schema",
    "response_schema",
    "readme",
    "oauth_documentation_link",
    "oauth_app_requires_verification",
    "oauth_note",
    "note",
    "end_user_guide",
]


CellT = TypeVar("CellT", bound="MappingCell")


class DocumentationRow(DefinitionModel):
    """One documentation row of an integration or of a method of it."""

    type: DocumentationType = Field(description="What the row documents.")
    resource: str | None = Field(default=None, description="Resource it belongs to.")
    method: str | None = Field(default=None, description="Method it belongs to.")
    content: JsonValue = Field(description="Text; schemas are YAML text of a JSON Schema.")


class AuditNote(DefinitionModel):
    """A finding that travels with the file and is never pushed."""

    severity: str = Field(description="How bad it is.")
    section: str | None = Field(default=None, description="Part of the definition.")
    source: str | None = Field(default=None, description="Check that found it.")
    resource: str | None = Field(default=None, description="Resource it is about.")
    method: str | None = Field(default=None, description="Method it is about.")
    message: str = Field(description="What was found.")


class IntegrationFile(DefinitionModel):
    """`integration.yaml` and `<slug>.integration.json`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", description="Slug.")
    config: IntegrationConfig = Field(description="The definition.")
    id: str | None = Field(default=None, description="Present: applying the file updates that row.")
    label: str | None = Field(default=None, description="Display name; the config's own where absent.")
    category: str | None = Field(default=None, description="Kind of product.")
    sharing: Sharing = Field(default="ask", description="Who outside the owning team may install it.")
    is_beta: bool = Field(default=False, description="Hint for the catalogue.")
    documentation: tuple[DocumentationRow, ...] = Field(default=(), description="Documentation rows.")
    audit_notes: tuple[AuditNote, ...] = Field(default=(), description="Findings; never pushed.")


class MappingCell(DefinitionModel):
    """One unified method of one resource, mapped to one integration."""

    resource_name: str = Field(min_length=1, description="Unified resource.")
    method_name: str = Field(min_length=1, description="Unified method.")
    config: MappingConfig = Field(description="The mapping.")


def _require_unique_cells(cells: tuple[CellT, ...]) -> tuple[CellT, ...]:
    """Returns the cells as they are. Raises ValueError where two have the same resource and method."""
    names = [f"{cell.resource_name}.{cell.method_name}" for cell in cells]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"has more than one cell for {', '.join(twice)}")
    return cells


class Unmapped(DefinitionModel):
    """What the mappings of one resource leave out, each name with the reason."""

    fields: dict[str, str] = Field(
        default={}, description="Fields of the model's record that the provider has nothing for."
    )
    remote: dict[str, str] = Field(
        default={},
        description="Dotted paths of the provider's record, without indexes, that the model has no "
        "place for. One covers what is below it; `*` stands for any part of a path.",
    )


class MappingFile(DefinitionModel):
    """`mappings/<model>.yaml` beside an `integration.yaml`: the cells of one model."""

    unified_model: str = Field(min_length=1, description="Name of the model; that of the file.")
    integration: str = Field(min_length=1, description="Name of the integration; that of the directory.")
    cells: tuple[MappingCell, ...] = Field(description="Its mappings, each pair of names once.")
    unmapped: dict[str, Unmapped] = Field(
        default={}, description="By unified resource: what is left out on purpose. Checked, never executed."
    )

    @field_validator("cells")
    @classmethod
    def _check_cells(cls, value: tuple[MappingCell, ...]) -> tuple[MappingCell, ...]:
        """Returns the cells as they are. Raises ValueError where two have the same resource and method."""
        return _require_unique_cells(value)


class ProxyMatch(DefinitionModel):
    """How sure a generator was of the proxy method it chose."""

    confidence: Literal["high", "medium", "low"] = Field(description="How sure.")
    routing_notes: str | None = Field(default=None, description="Why.")
    conditional: bool | None = Field(default=None, description="Whether it depends on the call.")


class ExportedCell(MappingCell):
    """A cell with what its build knew."""

    apply_db_action: Literal["create", "update", "skip"] = Field(
        default="create", description="What applying does."
    )
    existing_row_id: str | None = Field(default=None, description="Row to update.")
    existing_version: int | None = Field(default=None, description="Its version, for the lock.")
    sample_provenance: Literal["live", "docs", "source", "spec", "corpus", "manual", "none"] | None = Field(
        default=None, description="Where the sample comes from."
    )
    proxy_match: ProxyMatch | None = Field(default=None, description="How sure the routing is.")
    validation: JsonObject | None = Field(default=None, description="What the build checked.")
    sample: JsonValue = Field(default=None, description="Raw provider sample, to check the mapping offline.")


class MappingsExport(DefinitionModel):
    """`<integration>.<model>.mappings.json`. Applying reads the cells and the names only."""

    schema_version: Literal[1] = Field(default=1, description="Version of this shape.")
    integration_name: str = Field(min_length=1, description="Integration.")
    unified_model_name: str = Field(min_length=1, description="Unified model.")
    integration_id: str | None = Field(default=None, description="Id of the integration.")
    unified_model_id: str | None = Field(default=None, description="Id of the model.")
    environment_id: str | None = Field(default=None, description="Environment, for rows of its layer.")
    write_target: Literal["base", "env"] = Field(default="base", description="Layer that applying writes.")
    built_at: str | None = Field(default=None, description="When it was built.")
    cells: tuple[ExportedCell, ...] = Field(description="The mappings.")
    build_summary: JsonObject | None = Field(default=None, description="What a generator reports.")
    refinements: JsonValue = Field(default=None, description="What a generator changed.")

    @field_validator("cells")
    @classmethod
    def _check_cells(cls, value: tuple[ExportedCell, ...]) -> tuple[ExportedCell, ...]:
        """Returns the cells as they are. Raises ValueError where two have the same resource and method."""
        return _require_unique_cells(value)


class ModelFile(UnifiedModelDefinition):
    """`unified/<model>/model.yaml`; the record schemas stand in `<resource>.schema.yaml` beside it."""


class ExchangeRequest(DefinitionModel):
    """What was asked, as the proxy's caller names it."""

    query: dict[str, JsonValue] = Field(default={}, description="Query parameters on the wire.")
    path_params: dict[str, JsonValue] = Field(
        default={}, description="Values of the path's placeholders: `id`, …."
    )
    body: JsonValue = Field(default=None, description="Body.")


class ExchangeResponse(DefinitionModel):
    """What the provider answered, before anything of the definition is applied."""

    status: int = Field(ge=100, le=599, description="HTTP status.")
    headers: dict[str, str] = Field(default={}, description="Headers, names in lower case.")
    body: JsonValue = Field(default=None, description="Parsed body; text where it is no JSON.")


class Exchange(DefinitionModel):
    """One request and its answer; sandbox accounts replay them, contract tests map them."""

    provenance: Literal["recorded", "documented"] = Field(
        description="`recorded`: a real answer, redacted; `documented`: the vendor's published shape, with "
        "values of our own invention."
    )
    request: ExchangeRequest = Field(default=ExchangeRequest(), description="What was asked.")
    response: ExchangeResponse = Field(description="What was answered.")
    note: str | None = Field(default=None, description="Where the shape is published, or what was redacted.")


EXCHANGES: Final = TypeAdapter(tuple[Exchange, ...])
"""Reads an `examples/<resource>.<method>.json`."""
