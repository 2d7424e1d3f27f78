"""Accounts of shipped integrations, with a fake provider in the product's place."""

from __future__ import annotations

from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from tests.contract.catalog import CatalogEntry
from tests.integration.serving import Server

__all__ = ["connect"]


async def connect(server: Server, of: CatalogEntry, url: str) -> str:
    """Installs the integration with the provider at `url` in its place; returns the id of an account."""
    here = {"base_url": url, "no_auth": True}
    config = of.file.config
    override = {
        "actions": {name: {"steps": []} for name in config.actions},
        "resources": {
            resource: {name: here for name, method in methods.items() if method is not None}
            for resource, methods in config.resources.items()
        },
    }
    body = {"integration_id": of.name, "override": override}
    await server.ok("POST", "/environment-integration", json=body)
    method = next(iter(config.credentials))
    values = {"authentication_method": method, "context": build_example_context(config)}
    return str((await server.account_of(of.name, **values))["id"])
