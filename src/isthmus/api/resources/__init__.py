"""The platform's routes, one file a resource."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from isthmus.api.resources import (
    capabilities,
    documentation,
    effective_definitions,
    environment_integrations,
    environment_unified_models,
    events,
    health,
    integrated_accounts,
    integrations,
    link_tokens,
    mappings,
    published_schemas,
    sandbox_accounts,
    static_gates,
    tenancy,
    unified_meta,
    unified_models,
)

__all__ = ["ROUTERS"]

ROUTERS: Final[tuple[APIRouter, ...]] = (
    *tenancy.routers,
    integrations.router,
    environment_integrations.router,
    unified_models.router,
    environment_unified_models.router,
    *mappings.routers,
    link_tokens.router,
    integrated_accounts.router,
    sandbox_accounts.router,
    static_gates.router,
    effective_definitions.router,
    *documentation.routers,
    capabilities.router,
    unified_meta.router,
    published_schemas.router,
    events.router,
    health.router,
)
