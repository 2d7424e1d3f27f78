"""The steps of a connection, and what each leaves behind."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from tests.unit.connect.conftest import Desk, of_formats, typed

from isthmus.accounts import Installs
from isthmus.connect.authorization_requests import _PAYLOAD
from isthmus.connect.errors import (
    ConnectError,
    ForgedRequest,
    InvalidIntegration,
    InvalidToken,
    SessionEnded,
)
from isthmus.connect.link_tokens import LINK_USED
from isthmus.connect.screens import Away, Form, Method, Pick, Problem, Progress
from isthmus.connect.session_outcomes import build_page_message
from isthmus.connect.sessions import PageOptions, find_session_by_id
from isthmus.db.tables import connect_session, connect_trip
from isthmus.errors import BadRequest, NotFound
from isthmus.kit.ids import new_id


async def test_a_session_shows_what_can_be_connected(desk: Desk) -> None:
    screen = await desk.flow.build_screen(await desk.open())
    assert isinstance(screen, Pick)
    assert [face.label for face in screen.integrations] == ["Brightfold Desk"]


async def test_several_ways_to_connect_are_offered_and_one_that_is_asked_for_is_not(desk: Desk) -> None:
    screen = await desk.flow.build_screen(await desk.open(integration="brightfold"))
    assert isinstance(screen, Method)
    assert [name for name, _ in screen.formats] == ["api_key", "oauth2", "oauth2_client_credentials", "oauth"]
    screen = await desk.flow.build_screen(await desk.open(integration="brightfold", auth_format="oauth2"))
    assert isinstance(screen, Form)
    assert (screen.format, screen.formats, screen.goes_to_provider) == ("oauth2", (), True)


@pytest.mark.parametrize(
    ("definition", "formats"),
    [
        (of_formats("api_key"), []),
        (of_formats("api_key", "oauth2"), ["api_key", "oauth2"]),
    ],
    ids=["one", "two"],
)
async def test_a_form_offers_the_other_ways_where_there_are_any(desk: Desk, formats: list[str]) -> None:
    session = await desk.flow.choose_integration(await desk.open(), "brightfold", "api_key")
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Form)
    assert [name for name, _ in screen.formats] == formats


async def test_a_form_asks_for_what_the_link_does_not_give(desk: Desk) -> None:
    token = await desk.link(context={"url": desk.authority.url})
    session = await desk.open(token, integration="brightfold", auth_format="api_key")
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Form)
    assert [field.name for field in screen.fields] == ["api_key", "region"]


async def test_a_key_connects_an_account_and_tells_of_it(desk: Desk) -> None:
    session = await desk.open()
    sent = await desk.flow.submit_form(session, "brightfold", "api_key", typed(desk, region="2"))
    assert isinstance(sent.screen, Progress)
    (row,) = await desk.accounts()
    assert row["status"] == "connecting"
    assert row["context"] == {"url": desk.authority.url, "region": 2}
    assert (row["tenant_id"], row["authentication_method"]) == ("t-1", "api_key")
    assert await desk.told(row["id"]) == ["created"]


async def test_what_is_wrong_is_told_by_field_and_no_password_comes_back(desk: Desk) -> None:
    session = await desk.open()
    sent = await desk.flow.submit_form(session, "brightfold", "api_key", {"url": "nowhere", "region": "3"})
    assert isinstance(sent.screen, Form)
    errors = {field.name: field.error for field in sent.screen.fields}
    assert errors == {
        "url": "It must be an absolute http or https URL.",
        "api_key": "Please fill this in.",
        "region": "It must be one of 1, 2.",
    }
    sent = await desk.flow.submit_form(session, "brightfold", "api_key", {"url": "nowhere", "api_key": "k"})
    assert isinstance(sent.screen, Form)
    assert {field.name: field.value for field in sent.screen.fields}["api_key"] is None
    assert await desk.accounts() == []


async def test_a_link_is_good_once(desk: Desk) -> None:
    token = await desk.link()
    first, second = await desk.open(token), await desk.open(token)
    await desk.flow.submit_form(first, "brightfold", "api_key", typed(desk))
    with pytest.raises(InvalidToken, match="used already"):
        await desk.flow.submit_form(second, "brightfold", "api_key", typed(desk))
    assert len(await desk.accounts()) == 1
    screen = await desk.flow.build_screen(second)
    assert isinstance(screen, Problem)
    assert build_page_message(screen) == {
        "is_truto": True,
        "result": "error",
        "error": LINK_USED,
        "error_type": "invalid_token",
        "integration": None,
    }
    with pytest.raises(InvalidToken):
        await desk.open(token)


async def test_a_race_of_windows_with_one_link_makes_one_account(desk: Desk) -> None:
    token = await desk.link()
    sessions = [await desk.open(token) for _ in range(8)]
    results = await asyncio.gather(
        *(desk.flow.submit_form(each, "brightfold", "api_key", typed(desk)) for each in sessions),
        return_exceptions=True,
    )
    assert sum(isinstance(each, InvalidToken) for each in results) == 7
    assert len(await desk.accounts()) == 1


async def test_a_form_that_is_sent_twice_counts_once(desk: Desk) -> None:
    session = await desk.open()
    first = await desk.flow.submit_form(session, "brightfold", "api_key", typed(desk))
    await desk.flow.submit_form(first.session, "brightfold", "api_key", typed(desk))
    (row,) = await desk.accounts()
    assert await desk.told(row["id"]) == ["created"]


async def test_a_link_ends_after_a_week(desk: Desk) -> None:
    token = await desk.link()
    await desk.clock.advance(7 * 86_400)
    with pytest.raises(InvalidToken, match="expired"):
        await desk.open(token)


async def test_an_unknown_link_is_none(desk: Desk) -> None:
    with pytest.raises(InvalidToken, match="not valid"):
        await desk.open("isth_nothing")


async def test_a_session_is_its_cookies(desk: Desk) -> None:
    session, cookie = await desk.flow.begin_link_session(await desk.link(), PageOptions())
    assert await desk.flow.read_session(session.id, cookie.reveal()) == session
    with pytest.raises(SessionEnded):
        await desk.flow.read_session(session.id, "another")
    await desk.clock.advance(30 * 60)
    with pytest.raises(SessionEnded):
        await desk.flow.read_session(session.id, cookie.reveal())


async def test_a_trip_to_an_oauth_provider_and_back_connects(desk: Desk) -> None:
    session = await desk.open()
    query, state, binding = await desk.travel(session, "oauth2")
    assert query["scope"] == "all"
    assert query["redirect_uri"] == "https://app.test/connect-account/callback"
    session = await desk.flow.complete_authorization({"state": state, "code": "c", "realmId": "7"}, binding)
    assert isinstance(await desk.flow.build_screen(session), Progress)
    ((path, form),) = desk.authority.seen
    assert (path, form["code"], form["redirect_uri"]) == ("/token", "c", query["redirect_uri"])
    (row,) = await desk.accounts()
    assert row["context"]["oauth"]["scope"] == ["all"]
    assert row["context"]["oauth"]["callback_params"] == {"realmId": "7"}
    assert "access_token" not in row["context"]["oauth"]["token"]


async def test_what_a_provider_adds_to_its_answer_is_kept_without_the_words_of_the_protocol(
    desk: Desk,
) -> None:
    _, state, binding = await desk.travel(await desk.open(), "oauth2")
    names = ("scope", "oauth_token", "oauth_verifier", "error_description", "error_uri")
    answer = {"state": state, "code": "c", "error": "", "shop": "x", **dict.fromkeys(names, "y")}
    await desk.flow.complete_authorization(answer, binding)
    (row,) = await desk.accounts()
    assert row["context"]["oauth"]["callback_params"] == {"shop": "x"}


@pytest.mark.parametrize("format", ["oauth2", "oauth"])
async def test_an_install_says_where_its_provider_sends_people_back(desk: Desk, format: str) -> None:
    own = "https://login.example.com/back?to=isthmus"
    async with desk.database.write() as conn:
        await Installs(conn, desk.scope).update(desk.install_id, {"isthmus_callback_url": own})
    query, state, binding = await desk.travel(await desk.open(), format)
    if format == "oauth":  # signed, in the header of the first leg
        assert f'oauth_callback="{quote(own, safe="")}%26state%3D' in desk.authority.signed[0]
        return
    assert query["redirect_uri"] == own
    await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
    ((_, form),) = desk.authority.seen
    assert form["redirect_uri"] == own  # RFC 6749, 4.1.3: the same at both legs


async def test_a_trip_by_oauth_1_connects(desk: Desk) -> None:
    session = await desk.open()
    query, _, binding = await desk.travel(session, "oauth")
    assert query == {"oauth_token": "rt"}
    # The state travels in the callback address that the first leg was signed with.
    arrived = await _arrive_oauth1(desk, session, binding, {"oauth_token": "rt", "oauth_verifier": "v"})
    assert isinstance(await desk.flow.build_screen(arrived), Progress)
    assert [path for path, _ in desk.authority.seen] == ["/request", "/access"]


@pytest.mark.parametrize(
    "query",
    [
        {"oauth_token": "other", "oauth_verifier": "v"},
        {"oauth_verifier": "v"},
        {"oauth_token": "rt", "oauth_verifier": ""},
        {"oauth_token": "rt"},
    ],
)
async def test_a_token_of_oauth_1_that_is_not_the_one_asked_for_is_refused(
    desk: Desk, query: dict[str, str]
) -> None:
    session = await desk.open()
    _, _, binding = await desk.travel(session, "oauth")
    arrived = await _arrive_oauth1(desk, session, binding, query)
    screen = await desk.flow.build_screen(arrived)
    assert isinstance(screen, Form)
    assert screen.error
    assert await desk.accounts() == []


async def _arrive_oauth1(desk: Desk, session: Any, binding: str, query: dict[str, str]) -> Any:
    async with desk.database.read() as conn:
        row = (await conn.execute(select(connect_trip))).mappings().one()
        state = _PAYLOAD.decrypt(desk.database.keys, row["id"], row["payload"])["state"]
    return await desk.flow.complete_authorization({**query, "state": state}, binding)


async def test_a_state_is_good_once(desk: Desk) -> None:
    session = await desk.open()
    _, state, binding = await desk.travel(session, "oauth2")
    await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
    with pytest.raises(ConnectError, match="took too long, or was finished"):
        await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
    assert len(desk.authority.seen) == 1


async def test_a_race_of_answers_with_one_state_is_one_exchange(desk: Desk) -> None:
    session = await desk.open()
    _, state, binding = await desk.travel(session, "oauth2")
    answer = {"state": state, "code": "c"}
    came = await asyncio.gather(
        *(desk.flow.complete_authorization(answer, binding) for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(each, ConnectError) for each in came) == 4
    assert [path for path, _ in desk.authority.seen] == ["/token"]
    assert len(await desk.accounts()) == 1


async def test_a_state_ends_after_ten_minutes(desk: Desk) -> None:
    _, state, binding = await desk.travel(await desk.open(), "oauth2")
    await desk.clock.advance(600)
    with pytest.raises(ConnectError):
        await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)


@pytest.mark.parametrize("state", [None, "", "guessed"])
async def test_a_state_that_nobody_issued_is_none(desk: Desk, state: str | None) -> None:
    query = {"code": "c"} if state is None else {"code": "c", "state": state}
    with pytest.raises(ConnectError, match="took too long, or was finished"):
        await desk.flow.complete_authorization(query, "b")


async def test_the_answer_to_another_browser_burns_the_state(desk: Desk) -> None:
    _, state, binding = await desk.travel(await desk.open(), "oauth2")
    with pytest.raises(ForgedRequest):
        await desk.flow.complete_authorization({"state": state, "code": "c"}, "of-another-browser")
    with pytest.raises(ConnectError):
        await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
    assert desk.authority.seen == []


async def test_a_ticket_is_good_once(desk: Desk) -> None:
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "oauth2", {"url": desk.authority.url})
    assert sent.ticket is not None
    await desk.flow.start_authorization(sent.ticket.reveal())
    with pytest.raises(ConnectError, match="opened already"):
        await desk.flow.start_authorization(sent.ticket.reveal())


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1", "http://shop.test", "https://169.254.169.254", "https://a@b.test"]
)
async def test_a_typed_host_that_leads_astray_is_refused_before_the_trip(desk: Desk, url: str) -> None:
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "oauth2", {"url": url})
    assert sent.ticket is None
    assert isinstance(sent.screen, Form)
    assert sent.screen.error


async def test_the_frame_waits_while_the_person_is_at_the_provider(desk: Desk) -> None:
    session = await desk.open(is_framed=True)
    sent = await desk.flow.submit_form(session, "brightfold", "oauth2", {"url": desk.authority.url})
    assert isinstance(await desk.flow.build_screen(sent.session), Away)


async def test_client_credentials_that_are_refused_leave_the_link_good(desk: Desk) -> None:
    values = {"url": desk.authority.url, "client_id": "i", "client_secret": "s"}
    desk.authority.answers = [(401, {"error": "invalid_client"})]
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "oauth2_client_credentials", values)
    assert isinstance(sent.screen, Form)
    assert sent.screen.error
    await desk.flow.submit_form(sent.session, "brightfold", "oauth2_client_credentials", values)
    (row,) = await desk.accounts()
    assert row["context"]["client_id"] == "i"


async def test_a_renewed_connection_keeps_its_id_and_drops_its_old_context(desk: Desk) -> None:
    await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk, region="1"))
    (row,) = await desk.accounts()
    token = await desk.link(integrated_account_id=row["id"], context={"note": "n"})
    session = await desk.open(token)
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Method)
    assert not screen.can_go_back
    await desk.flow.submit_form(session, "brightfold", "api_key", typed(desk))
    (again,) = await desk.accounts()
    assert again["id"] == row["id"]
    assert again["context"] == {"url": desk.authority.url, "note": "n"}
    assert await desk.told(row["id"]) == ["created", "updated"]


async def test_a_renewed_connection_keeps_its_old_context_where_the_link_says_so(desk: Desk) -> None:
    await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk, region="1"))
    (row,) = await desk.accounts()
    token = await desk.link(integrated_account_id=row["id"], persist_previous_context=True)
    await desk.flow.submit_form(await desk.open(token), "brightfold", "api_key", typed(desk))
    (again,) = await desk.accounts()
    assert again["context"] == {"url": desk.authority.url, "region": 1}


async def test_only_what_the_page_asks_for_is_offered(desk: Desk) -> None:
    screen = await desk.flow.build_screen(await desk.open(integrations=("another",)))
    assert screen == Pick(())
    screen = await desk.flow.build_screen(
        await desk.open(integration="brightfold", integrations=("another",))
    )
    assert isinstance(screen, Problem)
    assert (screen.type, screen.can_retry) == ("invalid_integration", False)
    with pytest.raises(InvalidIntegration):
        await desk.flow.choose_integration(await desk.open(), "nothing")
    with pytest.raises(InvalidIntegration):
        await desk.flow.choose_integration(await desk.open(), "brightfold", "nothing")


async def test_a_model_narrows_what_is_offered_and_the_scopes_that_are_asked_for(desk: Desk) -> None:
    token = await desk.link(environment_unified_model_id=["desk"])
    session = await desk.open(token)
    assert isinstance(await desk.flow.build_screen(session), Pick)
    query, _, _ = await desk.travel(session, "oauth2")
    assert query["scope"] == "tickets.read"
    query, _, _ = await desk.travel(await desk.open(await desk.link(scopes=["own"])), "oauth2")
    assert query["scope"] == "own"


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"tenant_id": None}, "tenant_id"),
        ({"region": "moon"}, "region"),
        ({"context": 1}, "context"),
        ({"scopes": "all"}, "scopes"),
        ({"redirect_uri": "javascript:alert(1)"}, "redirect_uri"),
        ({"redirect_uri": "http://shop.test"}, "redirect_uri"),
        ({"is_sandbox": "yes"}, "is_sandbox"),
    ],
)
async def test_a_bad_field_of_a_link_is_named(desk: Desk, values: Any, path: str) -> None:
    with pytest.raises(BadRequest) as caught:
        await desk.link(**values)
    assert [each["path"] for each in caught.value.details["failures"]] == [path]


async def test_a_link_names_only_what_is_of_its_environment(desk: Desk) -> None:
    with pytest.raises(NotFound, match="integrated account"):
        await desk.link(integrated_account_id=new_id())
    with pytest.raises(NotFound, match=r"no unified model nothing .* GET /environment-unified-model lists"):
        await desk.link(unified_model_id="nothing")


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)  # SQLite has one writer at a time
async def test_a_session_whose_account_is_saved_is_locked_until_the_commit(desk: Desk) -> None:
    session = await desk.open()

    async def lock_at_once() -> None:
        async with desk.database.write() as conn:
            row = select(connect_session.c.id).where(connect_session.c.id == session.id)
            await conn.execute(row.with_for_update(nowait=True))

    async with desk.database.write() as conn:
        await find_session_by_id(conn, session.id)
        await asyncio.create_task(lock_at_once())
        await find_session_by_id(conn, session.id, lock=True)
        with pytest.raises(OperationalError, match="could not obtain lock"):
            await asyncio.create_task(lock_at_once())
