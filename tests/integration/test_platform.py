"""Platform rows as a client asks for them."""

from __future__ import annotations

import pytest

from tests.integration.serving import Server

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


async def test_one_row_and_a_list_are_cut_to_the_fields_that_are_asked_for(server: Server) -> None:
    account = await server.sandbox_of("zendesk")
    fields = "select=id,integration.name,nothing"
    wanted = {"id": account, "integration": {"name": "zendesk"}}
    assert await server.ok("GET", f"/integrated-account/{account}?{fields}") == wanted
    for relation in ("integration.name", "integration[name]"):
        listed = await server.ok("GET", f"/integrated-account?{relation}=zendesk&{fields}")
        assert listed["result"] == [wanted]
