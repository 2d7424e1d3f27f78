"""Texts that are kept in an index have a length that every database takes; longer ones are refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.larkdesk import MODEL, install
from tests.integration.serving import Server

pytestmark = pytest.mark.both_databases

CELLS = "/environment-unified-model-resource-method"
OF_FOUR_BYTES = "\U0001d11e"
"""The longest there are in UTF-8: what counts is characters."""


@pytest.fixture
def server(desk_server: Server) -> Server:
    return desk_server


async def _bodies(server: Server, length: int) -> Mapping[tuple[str, str], dict[str, Any]]:
    """By verb and path: a body whose first field has the length."""
    text = "".join(chr(ord(OF_FOUR_BYTES) + each % 97) for each in range(length))
    installed = await server.ok("GET", "/environment-integration?integration.name=larkdesk")
    model = (await server.ok("GET", f"/environment-unified-model?unified_model.name={MODEL}"))["result"][0]
    environment = (await server.ok("GET", "/me"))["environment"]["id"]
    return {
        ("PATCH", f"/environment/{environment}"): {"name": text},
        ("POST", "/integrated-account"): {
            "tenant_id": text,
            "environment_integration_id": installed["result"][0]["id"],
            "authentication_method": "api_key",
            "context": {"url": "http://127.0.0.1:1", "api_key": "k"},
        },
        ("POST", "/link-token"): {"tenant_id": text},
        ("POST", CELLS): {
            "integration_name": text,
            "environment_unified_model_id": model["id"],
            "resource_name": "users",
            "method_name": "list",
            "config": {},
        },
    }


@pytest.mark.parametrize("length", [200, 501, 20_000])
async def test_a_text_of_an_index_is_taken_up_to_its_length(server: Server, length: int) -> None:
    await install(server)
    for (verb, path), body in (await _bodies(server, length)).items():
        status, answer = await server.call(verb, path, json=body)
        if length == 200:
            assert status == 200, (path, answer)
        else:
            first = next(iter(body))
            assert (status, answer["details"]["failures"][0]["path"]) == (400, first), path
