"""The operator's block list: a blocked account is not called until it is taken off the list."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from isthmus.accounts.block_list import BlockList
from isthmus.config import Settings
from isthmus.errors import SetupError
from tests.fakes.larkdesk import Larkdesk, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving


@dataclass
class Scene:
    server: Server
    desk: Larkdesk
    install_id: str
    account: str
    blocked: BlockList


@pytest.fixture
async def scene(desk_settings: Settings) -> AsyncIterator[Scene]:
    async with running(Larkdesk(limit=RequestLimit(None))) as desk, serving(desk_settings) as server:
        install_id = await install(server)
        account = await connect(server, install_id, desk.url)
        yield Scene(server, desk, install_id, account, BlockList(server.database))


async def test_a_blocked_account_is_called_by_no_route(scene: Scene) -> None:
    server, named = scene.server, f"integrated_account_id={scene.account}"
    await server.ok("GET", f"/proxy/tickets?{named}")
    neighbour = await connect(server, scene.install_id, scene.desk.url)
    await scene.blocked.block(scene.account, reason="sends too much")
    before = len(scene.desk.visits)
    for verb, path, body in (
        ("GET", f"/unified/{MODEL}/tickets?{named}", None),
        ("GET", f"/proxy/tickets?{named}", None),
        ("POST", f"/proxy/tickets?{named}", {"subject": "x"}),
        ("GET", f"/custom/v1/tickets?{named}", None),
        ("POST", "/integrated-account/refresh-credentials", {"id": scene.account}),
        ("POST", "/integrated-account/run-post-install-actions", {"id": scene.account}),
        (
            "POST",
            "/batch-request",
            {
                "integrated_account_id": scene.account,
                "resources": [{"resource": "tickets", "method": "list"}],
            },
        ),
    ):
        status, answer = await server.call(verb, path, json=body)
        assert (status, answer["error"]) == (503, "Service Unavailable"), (verb, path)
        assert "blocked" in answer["message"]
        assert "sends too much" not in str(answer)
        assert "truto_is_remote_error" not in answer
    assert len(scene.desk.visits) == before
    await server.ok("GET", f"/proxy/tickets?integrated_account_id={neighbour}")
    assert (await server.ok("GET", f"/integrated-account/{scene.account}"))["status"] == "active"
    await scene.blocked.unblock(scene.account)
    await server.ok("GET", f"/proxy/tickets?{named}")


async def test_what_a_blocked_account_offers_and_holds_is_shown(scene: Scene) -> None:
    server, own = scene.server, f"/integrated-account/{scene.account}"
    await scene.blocked.block(scene.account)
    found = await server.ok("GET", f"{own}/capabilities")
    assert found["account"]["is_blocked"] is True
    assert (await server.ok("GET", f"{own}/tools"))["result"]
    shown = await server.ok("PATCH", own, json={"context": {"note": "n"}})
    assert shown["context"]["note"] == "n"
    assert "is_blocked" not in shown
    await scene.blocked.unblock(scene.account)
    assert (await server.ok("GET", f"{own}/capabilities"))["account"]["is_blocked"] is False


async def test_the_list_says_who_is_on_it_and_forgets_deleted_accounts(scene: Scene) -> None:
    await scene.blocked.block(scene.account, reason="first")
    await scene.blocked.block(scene.account, reason="second")
    (entry,) = await scene.blocked.list_entries()
    assert (entry["id"], entry["environment_name"], entry["tenant_id"], entry["reason"]) == (
        scene.account,
        "development",
        "acme",
        "second",
    )
    await scene.server.ok("DELETE", f"/integrated-account/{scene.account}")
    assert await scene.blocked.list_entries() == []
    with pytest.raises(SetupError, match="no integrated account has the id"):
        await scene.blocked.block(scene.account)
    with pytest.raises(SetupError, match="is not blocked"):
        await scene.blocked.unblock(scene.account)


@pytest.mark.parametrize("route", ["refresh-credentials", "run-post-install-actions"])
async def test_an_account_of_a_disabled_install_is_neither_renewed_nor_prepared(
    scene: Scene, route: str
) -> None:
    await scene.server.ok("PATCH", f"/environment-integration/{scene.install_id}", json={"is_enabled": False})
    body = {"id": scene.account}
    status, answer = await scene.server.call("POST", f"/integrated-account/{route}", json=body)
    assert status == 403
    assert "disabled" in answer["message"]
