"""The fake help desk, installed through the API as a user would: definition, model, mappings, account."""

from __future__ import annotations

from typing import Any

import yaml

from tests.fakes.larkdesk import DEFINITION, KEY
from tests.integration.serving import Server

__all__ = ["MODEL", "connect", "definition", "install", "mappings"]

MODEL = "desk"
"""A unified model of the team's own; shipped models are mapped by account overrides."""


def definition() -> dict[str, Any]:
    """`{name, category, config}`."""
    loaded: dict[str, Any] = yaml.safe_load((DEFINITION / "integration.yaml").read_text())
    return loaded


def mappings(model: str) -> list[dict[str, Any]]:
    """`[{resource_name, method_name, config}]` onto a shipped model."""
    cells: list[dict[str, Any]] = yaml.safe_load((DEFINITION / "mappings" / f"{model}.yaml").read_text())[
        "cells"
    ]
    return cells


async def install(server: Server) -> str:
    """Creates integration, model and mappings, installs both; the id of the install."""
    integration = await server.ok("POST", "/integration", json=definition())
    resources: dict[str, Any] = {}
    for cell in mappings("ticketing"):
        entry = resources.setdefault(cell["resource_name"], {"schema": {"type": "object"}, "methods": []})
        entry["methods"].append(cell["method_name"])
    model = await server.ok(
        "POST", "/unified-model", json={"name": MODEL, "category": "ticketing", "resources": resources}
    )
    for cell in mappings("ticketing"):
        row = {"unified_model_id": model["id"], "integration_name": "larkdesk", **cell}
        await server.ok("POST", "/unified-model-resource-method", json=row)
    await server.ok("POST", "/environment-unified-model", json={"unified_model_id": model["id"]})
    installed = await server.ok(
        "POST", "/environment-integration", json={"integration_id": integration["id"]}
    )
    identity: str = installed["id"]
    return identity


async def connect(server: Server, install_id: str, url: str, *, key: str = KEY, **values: Any) -> str:
    """An account on the fake that runs at `url`; its id."""
    body = {
        "tenant_id": "acme",
        "environment_integration_id": install_id,
        "authentication_method": "api_key",
        "context": {"url": url, "api_key": key},
    }
    account = await server.ok("POST", "/integrated-account", json=body | values)
    identity: str = account["id"]
    return identity
