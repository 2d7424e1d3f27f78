"""No page of a connection shows, offers or changes what belongs to another environment."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import select
from starlette.routing import Route
from tests.unit.connect.conftest import Desk
from tests.unit.integrations.world import World, query

from isthmus.accounts import Accounts, Installs
from isthmus.accounts.static_gates import StaticGates
from isthmus.connect.connectable_integrations import find_slug_of_account, list_connectable, read_summary
from isthmus.connect.errors import InvalidIntegration, InvalidToken, RapidFormFailed
from isthmus.connect.link_tokens import LinkTokens, open_link
from isthmus.connect.screens import Pick, Problem, Progress
from isthmus.connect.sessions import PageOptions, RapidOptions, create_session
from isthmus.db.tables import connect_session, connect_trip, link_token
from isthmus.errors import NotFound
from isthmus.integrations.catalog.integrations import Integrations
from isthmus.integrations.installs.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.mappings.mapping_repositories import EnvironmentMappings
from isthmus.integrations.rows.scope import EnvironmentScope
from isthmus.kit.ids import new_id
from isthmus.tenancy import Environments

OWN_CALLBACK = "https://sibling.example/callback"


async def install(desk: Desk, scope: EnvironmentScope, **values: Any) -> str:
    """Installs the integration; returns the install's id."""
    async with desk.database.write() as conn:
        row = await Installs(conn, scope).create({"integration_id": "brightfold", **values})
    return str(row["id"])


async def connected(desk: Desk, scope: EnvironmentScope) -> str:
    """The id of an account that was connected in an environment."""
    session, _ = await desk.flow.begin_link_session(await desk.link(scope), PageOptions())
    values = {"url": desk.authority.url, "api_key": "k"}
    await desk.flow.submit_form(session, "brightfold", "api_key", values)
    (row,) = await desk.accounts(scope)
    return str(row["id"])


async def test_an_install_of_another_environment_is_not_offered(desk: Desk, world: World) -> None:
    for scope in (world.sibling, world.foreign):
        session, _ = await desk.flow.begin_link_session(await desk.link(scope), PageOptions())
        assert await desk.flow.build_screen(session) == Pick(())
        with pytest.raises(InvalidIntegration):
            await desk.flow.choose_integration(session, "brightfold")
        with pytest.raises(InvalidIntegration):
            await desk.flow.submit_form(session, "brightfold", "api_key", {"api_key": "k"})
        assert await desk.accounts(scope) == []


@pytest.mark.parametrize("hidden", ["is_enabled", "show_in_catalog"])
async def test_an_install_that_is_hidden_here_is_not_offered_for_being_shown_elsewhere(
    desk: Desk, world: World, hidden: str
) -> None:
    await install(desk, world.sibling, **{hidden: False})
    session, _ = await desk.flow.begin_link_session(await desk.link(world.sibling), PageOptions())
    assert await desk.flow.build_screen(session) == Pick(())
    with pytest.raises(InvalidIntegration):
        await desk.flow.choose_integration(session, "brightfold")


async def test_each_environment_connects_by_its_own_install(desk: Desk, world: World) -> None:
    override = {"label": "Sibling Desk", "icon": "https://sibling.example/logo.svg"}
    own = await install(desk, world.sibling, override=override, isthmus_callback_url=OWN_CALLBACK)
    session, _ = await desk.flow.begin_link_session(await desk.link(world.sibling), PageOptions())
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Pick)
    assert [each.label for each in screen.integrations] == ["Sibling Desk"]
    account_id = await connected(desk, world.sibling)
    (row,) = await desk.accounts(world.sibling)
    assert row["environment_integration_id"] == own
    assert await desk.accounts() == []
    async with desk.database.read() as conn:
        mine = await read_summary(conn, world.mine.environment_id, "brightfold")
        theirs = await read_summary(conn, world.sibling.environment_id, "brightfold")
        assert (mine.label, theirs.label, theirs.logo) == (
            "Brightfold Desk", "Sibling Desk", "https://sibling.example/logo.svg",
        )  # fmt: skip
        assert await find_slug_of_account(conn, world.sibling.environment_id, account_id) == "brightfold"
        assert await find_slug_of_account(conn, world.mine.environment_id, account_id) is None


async def test_each_environment_has_its_own_callback(desk: Desk, world: World) -> None:
    await install(desk, world.sibling, isthmus_callback_url=OWN_CALLBACK)
    session, _ = await desk.flow.begin_link_session(await desk.link(world.sibling), PageOptions())
    query, _, _ = await desk.travel(session, "oauth2")
    assert query["redirect_uri"] == OWN_CALLBACK
    query, _, _ = await desk.travel(await desk.open(), "oauth2")
    assert query["redirect_uri"] == "https://app.test/connect-account/callback"


async def test_a_link_can_name_nothing_of_another_environment(desk: Desk, world: World) -> None:
    await install(desk, world.sibling)
    account_id = await connected(desk, world.mine)
    async with desk.database.write() as conn:
        gate = await StaticGates(conn, world.mine).create({"name": "gate", "domain": "gate.example"})
        page = await EnvironmentUnifiedModels(conn, world.mine).list(query())
        (model,) = page.rows
    for values in (
        {"integrated_account_id": account_id},
        {"truto_static_gate_id": gate["id"]},
        {"unified_model_id": "desk"},
        {"unified_model_id": model["unified_model_id"]},
        {"environment_unified_model_id": model["id"]},
    ):
        assert await desk.link(**values)
        with pytest.raises(NotFound):
            await desk.link(world.sibling, **values)


async def test_an_account_of_another_environment_has_no_screen(desk: Desk, world: World) -> None:
    await install(desk, world.sibling)
    account_id = await connected(desk, world.mine)
    token = await desk.link(world.sibling)
    async with desk.database.write() as conn:
        link = await open_link(conn, token)
        session, _ = await create_session(
            conn, world.sibling.environment_id, link_id=link.id, account_id=account_id
        )
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Problem)
    assert (screen.type, screen.message) == ("invalid_token", "The account was removed.")
    retrying = await desk.flow.retry_connection(session)
    with pytest.raises(InvalidToken, match="removed"):
        await desk.flow.submit_form(retrying, "brightfold", "api_key", {"api_key": "k"})


async def test_a_form_of_an_account_opens_only_in_its_environment(desk: Desk, world: World) -> None:
    account_id = await connected(desk, world.mine)
    session, _ = await desk.flow.begin_rapid_form_session(
        world.mine.environment_id, account_id, RapidOptions()
    )
    assert session.account_id == account_id
    for scope in (world.sibling, world.foreign):
        with pytest.raises(RapidFormFailed):
            await desk.flow.begin_rapid_form_session(scope.environment_id, account_id, RapidOptions())


async def test_an_override_of_another_environment_maps_nothing_here(desk: Desk, world: World) -> None:
    """A link that names a model offers integrations that are mapped to it, in this environment."""
    definition = {
        "label": "Second",
        "base_url": "https://second.example",
        "credentials": {
            "oauth2": {
                "config": {
                    "client": {"id": "app", "secret": "shh"},
                    "auth": {"tokenHost": desk.authority.url, "authorizePath": "/authorize"},
                    "scope": ["all"],
                }
            }
        },
        "resources": {"things": {"list": {"path": "/things", "scopes": ["things.read"]}}},
    }
    async with desk.database.write() as conn:
        row = await Integrations(conn, world.mine).create({"name": "second", "config": definition})
        models: dict[str, Any] = {}
        for scope in (world.mine, world.sibling):
            await Installs(conn, scope).create({"integration_id": row["id"]})
            model = await EnvironmentUnifiedModels(conn, scope).create({"unified_model_id": "desk"})
            models[scope.environment_id] = model
        cell = {"integration_name": "second", "resource_name": "tickets", "method_name": "list"}
        await EnvironmentMappings(conn, world.mine).create(
            {
                **cell,
                "environment_unified_model_id": models[world.mine.environment_id]["id"],
                "config": {"resource": "things", "method": "list", "response_mapping": "response"},
            }
        )
        await EnvironmentUnifiedModels(conn, world.mine).update(
            models[world.mine.environment_id]["id"], {"override": {"scopes": {"second": ["mine.listed"]}}}
        )
    token = await desk.link(unified_model_id="desk")
    async with desk.database.write() as conn:
        link = await open_link(conn, token)
        assert "second" in {each.slug for each in await list_connectable(conn, link, PageOptions())}
        other = await open_link(conn, await _link_in(conn, world.sibling, unified_model_id="desk"))
        assert [each.slug for each in await list_connectable(conn, other, PageOptions())] == []
    session, _ = await desk.flow.begin_link_session(token, PageOptions())
    sent = await desk.flow.submit_form(session, "second", "oauth2", {})
    assert sent.ticket is not None
    address, _ = await desk.flow.start_authorization(sent.ticket.reveal())
    assert "scope=things.read%20mine.listed" in address.replace("+", "%20")


async def _link_in(conn: Any, scope: EnvironmentScope, **values: Any) -> str:
    return (await LinkTokens(conn, scope).create({"tenant_id": "t", **values})).reveal()


@dataclass
class Browser:
    """A browser at the pages, in this process. `session`: the id in its address."""

    http: httpx.AsyncClient
    session: str = ""
    csrf: str = ""
    cookies: dict[str, str] = field(default_factory=dict)

    async def call(self, verb: str, path: str, **options: Any) -> httpx.Response:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        headers = {"cookie": cookie, **options.pop("headers", {})}
        answer = await self.http.request(verb, path, headers=headers, **options)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    async def open(self, token: str) -> None:
        first = await self.call("GET", "/connect-account", params={"link_token": token})
        assert first.status_code == 303, first.text
        self.session = first.headers["location"].partition("session=")[2]
        page = await self.call("GET", f"/connect-account/integration/brightfold?session={self.session}")
        page = await self.call(
            "GET",
            f"/connect-account/integration/brightfold?session={self.session}&format=api_key",
        )
        page = await self.call("GET", first.headers["location"])
        found = re.search(r'name="_csrf" value="([^"]+)"', page.text)
        self.csrf = found[1] if found else ""


@pytest.fixture
async def browsers(desk: Desk) -> AsyncIterator[tuple[Browser, Browser]]:
    """Two, of two people."""
    transport = httpx.ASGITransport(desk.pages)
    async with httpx.AsyncClient(transport=transport, base_url="https://app.test") as http:
        yield Browser(http), Browser(http)


FILES = {"/connect-account/assets/{name}", "/connect-account/logos/{slug}.svg", "/sdk/{name}"}
"""The same for everybody."""

SESSIONLESS = {("GET", "/connect-account/status"): 200, ("GET", "/connect-account/theme.css"): 200}
"""Pages poll these after their session has ended too; they then say nothing of it."""


def requests_of(route: Route) -> Mapping[str, Any]:
    path = route.path.replace("{slug}", "brightfold").replace("{format}", "api_key")
    return {"verb": next(iter((route.methods or set()) - {"HEAD"})), "path": path}


async def rows_of(desk: Desk) -> list[Any]:
    async with desk.database.read() as conn:
        found: list[Any] = []
        for table in (connect_session, connect_trip, link_token):
            found += (await conn.execute(select(table).order_by(table.c.id))).all()
    return found


@pytest.mark.parametrize("cookie", ["none", "of another session", "under the other's name"])
async def test_no_page_serves_the_session_of_another_environment(
    desk: Desk, world: World, browsers: tuple[Browser, Browser], cookie: str
) -> None:
    await install(desk, world.sibling, override={"label": "Sibling Desk"})
    await set_theme(desk, world.sibling)
    other, stranger = browsers
    await other.open(await desk.link(world.sibling))
    await stranger.open(await desk.link(world.mine))
    assert other.csrf != stranger.csrf
    if cookie == "none":
        stranger.cookies.clear()
    elif cookie == "under the other's name":
        (name,), (value,) = other.cookies, stranger.cookies.values()
        stranger.cookies = {name: value}
    before = await rows_of(desk)
    walked = 0
    for route in desk.pages.routes:
        assert isinstance(route, Route)
        if route.path in FILES:
            continue
        request = requests_of(route)
        for csrf in (other.csrf, stranger.csrf):
            form = {"_csrf": csrf, "_step": "retry", "url": desk.authority.url, "api_key": "k", "_field": "x"}
            answer = await stranger.call(
                **request,
                params={"session": other.session, "ticket": "x", "state": "x"},
                data=form if request["verb"] == "POST" else None,
                headers={"sec-fetch-site": "same-origin"},
            )
            expected = SESSIONLESS.get((request["verb"], route.path))
            if expected is not None:
                assert answer.status_code == expected
            else:
                assert answer.status_code in (400, 403, 410), (request, answer.text)
            assert "Sibling" not in answer.text
            assert "#123456" not in answer.text
            assert answer.headers.get("location") is None
        walked += 1
    assert walked == 12
    assert await rows_of(desk) == before
    assert await desk.accounts(world.sibling) == []


async def test_a_page_has_the_looks_and_the_framing_of_its_environment(
    desk: Desk, world: World, browsers: tuple[Browser, Browser]
) -> None:
    await install(desk, world.sibling)
    await set_theme(desk, world.sibling)
    other, own = browsers
    await other.open(await desk.link(world.sibling))
    await own.open(await desk.link(world.mine))
    for browser, has_theme in ((other, True), (own, False)):
        sheet = await browser.call("GET", "/connect-account/theme.css", params={"session": browser.session})
        assert ("#123456" in sheet.text) == has_theme
        page = await browser.call("GET", "/connect-account", params={"session": browser.session})
        policy = page.headers["content-security-policy"]
        assert ("frame-ancestors https://sibling.example" in policy) == has_theme
        assert ("frame-ancestors *" in policy) != has_theme


async def set_theme(desk: Desk, scope: EnvironmentScope) -> None:
    settings = {
        "connect_theme": {"name": "Sibling", "accent": "#123456"},
        "embedding_origins": ["https://sibling.example"],
    }
    async with desk.database.write() as conn:
        await Environments(conn, scope.team_id).update(scope.environment_id, {"settings": settings})


async def test_the_callback_of_one_browser_connects_nothing_for_another(
    desk: Desk, world: World, browsers: tuple[Browser, Browser]
) -> None:
    await install(desk, world.sibling)
    other, stranger = browsers
    session, _ = await desk.flow.begin_link_session(await desk.link(world.sibling), PageOptions())
    _, state, binding = await desk.travel(session, "oauth2")
    own_session, _ = await desk.flow.begin_link_session(await desk.link(), PageOptions())
    _, _, own_binding = await desk.travel(own_session, "oauth2")
    stranger.cookies = {"connect_trip": own_binding}
    answer = await stranger.call("GET", "/connect-account/callback", params={"state": state, "code": "c"})
    assert answer.status_code == 403
    other.cookies = {"connect_trip": binding}
    answer = await other.call("GET", "/connect-account/callback", params={"state": state, "code": "c"})
    assert answer.status_code == 400  # the state was used up
    assert await desk.accounts(world.sibling) == await desk.accounts() == []


async def test_the_form_of_an_account_wants_a_token_of_its_environment(
    desk: Desk, world: World, browsers: tuple[Browser, Browser]
) -> None:
    browser, _ = browsers
    account_id = await connected(desk, world.mine)
    for scope, status in ((world.mine, 303), (world.sibling, 422), (world.foreign, 422)):
        token = desk.account_tokens.issue(
            environment_id=scope.environment_id, team_id=scope.team_id, account_id=account_id
        ).reveal()
        answer = await browser.call(
            "GET", "/connect-account/post-connect", params={"integrated_account_session_token": token}
        )
        assert answer.status_code == status
    token = desk.account_tokens.issue(
        environment_id=world.mine.environment_id, team_id=world.mine.team_id, account_id=new_id()
    ).reveal()
    answer = await browser.call(
        "GET", "/connect-account/post-connect", params={"integrated_account_session_token": token}
    )
    assert answer.status_code == 422


async def test_the_progress_of_an_account_is_shown_to_its_own_session(desk: Desk, world: World) -> None:
    session, _ = await desk.flow.begin_link_session(await desk.link(), PageOptions())
    sent = await desk.flow.submit_form(
        session, "brightfold", "api_key", {"url": desk.authority.url, "api_key": "k"}
    )
    assert isinstance(sent.screen, Progress)
    async with desk.database.write() as conn:
        (row,) = await desk.accounts()
        await Accounts(conn, world.mine).delete(row["id"])
    screen = await desk.flow.build_screen(sent.session)
    assert isinstance(screen, Problem)
