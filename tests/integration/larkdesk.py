"""The fake help desk, installed through the API as a user would: definition, model, mappings, account."""

from __future__ import annotations

from typing import Any

import yaml

from tests.fakes.larkdesk import DEFINITION, KEY
from tests.integration.serving import Server

__all__ = ["MODEL", "connect", "definition", "install", "mappings"]

MODEL = "desk"
"""A unified model of the team's own; shipped models are mapped by account overrides."""
_INSTALLS = "/environment-integration"
_MODELS = "/environment-unified-model"


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
    """Installs the help desk and its model, and first creates them if the team has none. The install's id."""
    status, installed = await server.call("POST", _INSTALLS, json={"integration_id": "larkdesk"})
    if status == 200:
        await server.ok("POST", _MODELS, json={"unified_model_id": MODEL})
        return str(installed["id"])
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
    await server.ok("POST", _MODELS, json={"unified_model_id": model["id"]})
    installed = await server.ok("POST", _INSTALLS, json={"integration_id": integration["id"]})
    return str(installed["id"])


async def connect(server: Server, install_id: str, url: str, *, key: str = KEY, **values: Any) -> str:
    """Connects an account to the fake that runs at `url`; returns its id."""
    body = {
        "tenant_id": "acme",
        "environment_integration_id": install_id,
        "authentication_method": "api_key",
        "context": {"url": url, "api_key": key},
    }
    account = await server.ok("POST", "/integrated-account", json=body | values)
    identity: str = account["id"]
    return identity
