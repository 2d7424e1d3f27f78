"""The kinds of resources of the platform API, each with what its group of commands needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["GROUPS", "CommandGroup"]

_MAPPING_NAMES: Final = ("integration_name", "resource_name", "method_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandGroup:
    """A kind of resource. `operations`: the first letters of list, get, create, update and delete. `about`:
    what one is, for help texts. `filters`: of a list, as the server names them. `fields`: scalar fields that
    create and update take as options. `columns`: of a table. `has_id`: whether rows have an id. `versioned`:
    whether an update must send the version that was read. `one_of`: filters of which a list needs one.
    `example`: a body."""

    name: str
    route: str
    operations: str
    about: str
    filters: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    example: str = "{}"
    versioned: bool = False
    has_id: bool = True
    one_of: tuple[str, ...] = ()


_LIST: Final = (
    CommandGroup(
        name="integrations",
        route="/integration",
        operations="lgcud",
        about="integration",
        filters=("name",),
        fields=("name", "category"),
        columns=("id", "name", "category", "version"),
        example="@quillboard.integration.json",
        versioned=True,
    ),
    CommandGroup(
        name="accounts",
        route="/integrated-account",
        operations="lgcud",
        about="integrated account",
        filters=(
            "tenant_id",
            "is_sandbox",
            "integration.name",
            "status",
            "features.super_query",
            "created_at",
            "updated_at",
        ),
        fields=("tenant_id", "environment_integration_id", "authentication_method", "status", "region"),
        columns=("id", "integration.name", "status", "tenant_id", "authentication_method", "created_at"),
        aliases=("integrated-accounts", "integrated-account", "account"),
        example="@account.json",
    ),
    CommandGroup(
        name="environments",
        route="/environment",
        operations="gu",
        about="environment",
        fields=("name",),
        columns=("id", "name", "created_at"),
        example='{"name": "live"}',
    ),
    CommandGroup(
        name="environment-integrations",
        route="/environment-integration",
        operations="lgcud",
        about="install of an integration",
        filters=("integration_id", "integration.name", "is_enabled"),
        fields=("integration_id", "is_enabled", "show_in_catalog"),
        columns=("id", "integration.name", "is_enabled", "show_in_catalog", "created_at"),
        aliases=("env-integrations", "env-integration", "environment-integration"),
        example='{"integration_id": "quillboard"}',
    ),
    CommandGroup(
        name="api-tokens",
        route="/api-token",
        operations="lg",
        about="API token",
        filters=("name",),
        columns=("id", "name", "expires_at", "created_at"),
    ),
    CommandGroup(
        name="unified-models",
        route="/unified-model",
        operations="lgcud",
        about="unified model",
        filters=("name", "category"),
        fields=("name", "category", "description", "sharing"),
        columns=("id", "name", "category", "version"),
        example="@desk.json",
        versioned=True,
    ),
    CommandGroup(
        name="unified-model-mappings",
        route="/unified-model-resource-method",
        operations="lgcud",
        about="mapping of a unified model",
        filters=("unified_model_id", *_MAPPING_NAMES, "version"),
        fields=("unified_model_id", *_MAPPING_NAMES),
        columns=("id", *_MAPPING_NAMES, "version"),
        aliases=("unified-model-resource-methods", "unified-model-resource-method"),
        example="@mapping.json",
        versioned=True,
    ),
    CommandGroup(
        name="env-unified-models",
        route="/environment-unified-model",
        operations="lgcud",
        about="install of a unified model",
        filters=("environment_id", "unified_model_id", "unified_model.name"),
        fields=("unified_model_id",),
        columns=("id", "unified_model.name", "unified_model_id", "created_at"),
        aliases=("environment-unified-models", "environment-unified-model"),
        example='{"unified_model_id": "crm"}',
    ),
    CommandGroup(
        name="env-unified-model-mappings",
        route="/environment-unified-model-resource-method",
        operations="lgcud",
        about="mapping that an environment lays over those of a model",
        filters=("environment_unified_model_id", *_MAPPING_NAMES, "version"),
        fields=("environment_unified_model_id", *_MAPPING_NAMES),
        columns=("id", *_MAPPING_NAMES, "version"),
        aliases=("environment-unified-model-mappings", "environment-unified-model-resource-methods"),
        example="@mapping.json",
        versioned=True,
    ),
    CommandGroup(
        name="docs",
        route="/documentation",
        operations="lgcud",
        about="documentation row",
        filters=(
            "integration_id",
            "environment_integration_id",
            "unified_model_id",
            "environment_unified_model_id",
            "type",
            "resource",
            "method",
        ),
        fields=("integration_id", "type", "resource", "method", "content"),
        columns=("id", "type", "resource", "method", "updated_at"),
        aliases=("documentation",),
        example='{"integration_id": "quillboard", "type": "readme", "content": "# Quillboard"}',
        one_of=(
            "integration_id",
            "environment_integration_id",
            "unified_model_id",
            "environment_unified_model_id",
        ),
    ),
    CommandGroup(
        name="gates",
        route="/static-gate",
        operations="lgcud",
        about="static gate",
        fields=("name", "domain"),
        columns=("id", "name", "domain", "created_at"),
        example='{"name": "office", "domain": "gate.example.com"}',
    ),
    CommandGroup(
        name="link-tokens",
        route="/link-token",
        operations="c",
        about="link token, which lets one person connect one account",
        fields=("tenant_id", "integrated_account_id", "redirect_uri"),
        example='{"tenant_id": "acme"}',
        has_id=False,
    ),
    CommandGroup(
        name="events",
        route="/events",
        operations="lg",
        about="event",
        filters=("event", "event_type", "resource_type", "resource_id", "created_at", "is_relayed"),
        columns=("created_at", "resource_id", "event", "id"),
    ),
    CommandGroup(
        name="users",
        route="/user",
        operations="lg",
        about="user",
        columns=("id", "name", "email", "is_active"),
    ),
    CommandGroup(
        name="team",
        route="/team",
        operations="lgu",
        about="team",
        fields=("name", "domain", "logo"),
        columns=("id", "name", "created_at"),
        example='{"name": "Ours"}',
    ),
)

GROUPS: Final[Mapping[str, CommandGroup]] = {group.name: group for group in _LIST}
