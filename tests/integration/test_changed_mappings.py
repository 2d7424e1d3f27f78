"""A mapping that is changed while calls are made: how soon which process uses it. The others are real."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from statistics import median
from typing import Any

import aiohttp
import pytest

from isthmus.config import Settings
from tests.integration.processes import serving_process
from tests.integration.serving import Server, serving

pytestmark = [pytest.mark.both_databases, pytest.mark.walk(of="folder", share=0.2)]

CHANGES = 5


async def test_a_changed_mapping_holds_here_at_once_and_in_other_processes_within_a_second(
    settings: Settings, environ: dict[str, str], backend: str
) -> None:
    """SQLite has one process. Of several changes the median counts: the machine may be busy for a moment."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        here = await stack.enter_async_context(serving(settings))
        others = [
            Server((await stack.enter_async_context(serving_process(environ))).url, here.token, None, session)
            for _ in range(2 if backend == "postgresql" else 0)
        ]
        account = await here.sandbox_of("hubspot")
        path = f"/unified/crm/contacts?integrated_account_id={account}&limit=1"
        cell = await _own_cell(here)

        async def shown(server: Server) -> str:
            listed = await server.ok("GET", path)
            return str(listed["result"][0]["name"])

        async def seconds_until(server: Server, wanted: str) -> float:
            loop = asyncio.get_running_loop()
            began = loop.time()
            while await shown(server) != wanted:
                assert loop.time() - began < 30, f"still not {wanted}"
                await asyncio.sleep(0.01)
            return loop.time() - began

        for server in (here, *others):
            assert await shown(server) == "Mira Okafor"
        for layer in ("environment", "account"):
            waited: list[float] = []
            for number in range(CHANGES):
                wanted = f"{layer} {number}"
                mapping = {"response_mapping": f'{{"id": response.id, "name": "{wanted}"}}'}
                if layer == "environment":
                    await here.ok("PATCH", cell, json={"config": mapping})
                else:
                    changed = {"unified_model_override": {"crm": {"contacts": {"list": mapping}}}}
                    await here.ok("PATCH", f"/integrated-account/{account}", json=changed)
                assert await shown(here) == wanted
                waited += await asyncio.gather(*(seconds_until(other, wanted) for other in others))
            assert not waited or median(waited) <= 1.0, (layer, waited)


async def _own_cell(server: Server) -> str:
    """The path of the environment's own row for the list of contacts."""
    (model,) = (await server.ok("GET", "/environment-unified-model?unified_model.name=crm"))["result"]
    row: dict[str, Any] = {
        "environment_unified_model_id": model["id"],
        "integration_name": "hubspot",
        "resource_name": "contacts",
        "method_name": "list",
        "config": {"response_mapping_method": "item"},
    }
    made = await server.ok("POST", "/environment-unified-model-resource-method", json=row)
    return f"/environment-unified-model-resource-method/{made['id']}"
