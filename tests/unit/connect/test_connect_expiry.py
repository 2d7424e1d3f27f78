"""What ends by itself: good until just before its time, gone at it; and what may be done only so often."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update
from tests.unit.connect.conftest import Desk

from isthmus.connect import authorization_requests, link_tokens, sessions
from isthmus.connect.authorization_requests import create_authorization_request, start_authorization_request
from isthmus.connect.errors import (
    MAX_MESSAGE_LENGTH,
    ConnectError,
    InvalidToken,
    SessionEnded,
    truncate_message,
)
from isthmus.connect.link_tokens import (
    MAX_OPENS,
    consume_link,
    delete_links,
    open_link,
    read_link,
)
from isthmus.connect.sessions import (
    PageOptions,
    create_session,
    delete_expired_sessions,
    find_session_by_id,
    read_session,
    update_session,
)
from isthmus.db.tables import link_token
from isthmus.errors import BadRequest

WEEK = 7 * 86_400


def typed(desk: Desk) -> dict[str, str]:
    return {"url": desk.authority.url, "api_key": "k"}


async def test_a_link_opens_until_a_week_is_over(desk: Desk) -> None:
    token = await desk.link()
    await desk.clock.advance(WEEK - 1)
    await desk.flow.begin_link_session(token, PageOptions())
    await desk.clock.advance(1)
    with pytest.raises(InvalidToken, match="has expired"):
        await desk.flow.begin_link_session(token, PageOptions())


@pytest.mark.parametrize(("seconds", "is_consumed"), [(WEEK - 1, True), (WEEK, False)])
async def test_a_link_is_used_until_a_week_is_over(desk: Desk, seconds: int, is_consumed: bool) -> None:
    token = await desk.link()
    async with desk.database.write() as conn:
        link = await open_link(conn, token)
    await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk))
    (row,) = await desk.accounts()
    await desk.clock.advance(seconds)
    async with desk.database.write() as conn:
        assert await consume_link(conn, link.id, row["id"]) is is_consumed
        assert await consume_link(conn, link.id, row["id"]) is False
        assert (await read_link(conn, link.id)).is_consumed is is_consumed


async def test_a_link_opens_so_often_and_no_more(desk: Desk) -> None:
    token, other = await desk.link(), await desk.link()
    async with desk.database.write() as conn:
        link = await open_link(conn, token)
        mine = update(link_token).where(link_token.c.id == link.id)
        await conn.execute(mine.values(opened=MAX_OPENS - 1))
        assert (await open_link(conn, token)).id == link.id
        with pytest.raises(InvalidToken):
            await open_link(conn, token)
        await open_link(conn, other)


async def test_old_links_and_sessions_are_deleted_and_young_ones_are_not(desk: Desk) -> None:
    tokens = [await desk.link()]
    opened = [await desk.flow.begin_link_session(tokens[0], PageOptions())]
    await desk.clock.advance(60)
    tokens.append(await desk.link())
    opened.append(await desk.flow.begin_link_session(tokens[1], PageOptions()))
    moment = desk.clock.now()
    async with desk.database.write() as conn:
        assert await delete_expired_sessions(conn, moment + sessions.MAX_AGE) == 1
        assert await delete_expired_sessions(conn, moment + sessions.MAX_AGE) == 0
        assert await delete_links(conn, moment + link_tokens.LIFETIME) == 1
        with pytest.raises(InvalidToken, match="not valid"):
            await open_link(conn, tokens[0])
        await open_link(conn, tokens[1])
    with pytest.raises(SessionEnded):
        await desk.flow.read_session(opened[0][0].id, opened[0][1].reveal())
    await desk.flow.read_session(opened[1][0].id, opened[1][1].reveal())


async def test_a_session_that_is_left_alone_ends_after_half_an_hour(desk: Desk) -> None:
    session, cookie = await desk.flow.begin_link_session(await desk.link(), PageOptions())
    await desk.clock.advance(30 * 60 - 1)
    assert (await desk.flow.read_session(session.id, cookie.reveal())).id == session.id
    await desk.clock.advance(1)
    with pytest.raises(SessionEnded):
        await desk.flow.read_session(session.id, cookie.reveal())


async def test_a_session_in_use_ends_after_two_hours(desk: Desk) -> None:
    session, cookie = await desk.flow.begin_link_session(await desk.link(), PageOptions())
    for _ in range(4):
        await desk.clock.advance(29 * 60)
        async with desk.database.write() as conn:
            await update_session(conn, session)
    await desk.clock.advance(4 * 60 - 1)
    await desk.flow.read_session(session.id, cookie.reveal())
    async with desk.database.read() as conn:
        assert await find_session_by_id(conn, session.id) is not None
    await desk.clock.advance(1)
    with pytest.raises(SessionEnded):
        await desk.flow.read_session(session.id, cookie.reveal())
    async with desk.database.read() as conn:
        assert await find_session_by_id(conn, session.id) is None


async def test_a_session_is_read_with_its_own_cookie_alone(desk: Desk) -> None:
    token = await desk.link()
    first, own = await desk.flow.begin_link_session(token, PageOptions())
    second, other = await desk.flow.begin_link_session(token, PageOptions())
    async with desk.database.read() as conn:
        assert (await read_session(conn, first.id, own.reveal())).id == first.id
        for id, cookie in ((first.id, other), (second.id, own)):
            with pytest.raises(SessionEnded):
                await read_session(conn, id, cookie.reveal())


async def test_a_session_that_has_ended_saves_no_account(desk: Desk) -> None:
    session = await desk.open()
    await desk.clock.advance(2 * 3600)
    with pytest.raises(SessionEnded):
        await desk.flow.submit_form(session, "brightfold", "api_key", typed(desk))
    assert await desk.accounts() == []


async def new_request(desk: Desk) -> str:
    session = await desk.open()
    async with desk.database.write() as conn:
        return (await create_authorization_request(conn, session.id, "oauth2", "https://a.test")).reveal()


@pytest.mark.parametrize(("seconds", "starts"), [(599, True), (600, False)])
async def test_a_ticket_starts_a_request_within_ten_minutes(desk: Desk, seconds: int, starts: bool) -> None:
    assert timedelta(minutes=10) == authorization_requests.LIFETIME
    ticket = await new_request(desk)
    await desk.clock.advance(seconds)
    async with desk.database.write() as conn:
        if starts:
            await start_authorization_request(conn, ticket)
        else:
            with pytest.raises(ConnectError, match="has expired"):
                await start_authorization_request(conn, ticket)


@pytest.mark.parametrize(("seconds", "connects"), [(599, True), (600, False)])
async def test_a_callback_counts_within_ten_minutes(desk: Desk, seconds: int, connects: bool) -> None:
    _, state, binding = await desk.travel(await desk.open(), "oauth2")
    await desk.clock.advance(seconds)
    if connects:
        await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
        assert len(await desk.accounts()) == 1
    else:
        with pytest.raises(ConnectError, match="took too long"):
            await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)


async def test_a_state_counts_only_once_its_request_was_started(desk: Desk) -> None:
    session = await desk.open()
    sent = await desk.flow.submit_form(session, "brightfold", "oauth2", {"url": desk.authority.url})
    assert sent.ticket is not None
    with pytest.raises(ConnectError, match="took too long"):
        await desk.flow.complete_authorization({"state": sent.ticket.reveal(), "code": "c"}, "x")


@pytest.mark.parametrize(("seconds", "opens"), [(899, True), (900, False)])
async def test_a_token_opens_the_form_of_its_account_for_a_quarter_of_an_hour(
    desk: Desk, seconds: int, opens: bool
) -> None:
    await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk))
    (row,) = await desk.accounts()
    token = desk.account_tokens.issue(
        environment_id=desk.scope.environment_id, team_id=desk.scope.team_id, account_id=row["id"]
    ).reveal()
    await desk.clock.advance(seconds)
    assert (desk.account_tokens.verify(token) is not None) == opens


@pytest.mark.parametrize(("length", "is_right"), [(500, True), (501, False)])
async def test_the_tenant_of_a_link_is_no_longer_than_that_of_an_account(
    desk: Desk, length: int, is_right: bool
) -> None:
    if is_right:
        assert await desk.link(tenant_id="t" * length)
        return
    with pytest.raises(BadRequest) as caught:
        await desk.link(tenant_id="t" * length)
    assert [each["path"] for each in caught.value.details["failures"]] == ["tenant_id"]


def test_a_message_is_cut_where_it_is_longer_than_a_page_shows() -> None:
    assert truncate_message("x" * MAX_MESSAGE_LENGTH) == "x" * MAX_MESSAGE_LENGTH
    cut = truncate_message("x" * (MAX_MESSAGE_LENGTH + 1))
    assert cut == "x" * (MAX_MESSAGE_LENGTH - 1) + "…"


@pytest.mark.parametrize("length", [500, 501])
async def test_the_words_of_a_provider_are_told_up_to_a_length(desk: Desk, length: int) -> None:
    _, state, binding = await desk.travel(await desk.open(), "oauth2")
    query: dict[str, Any] = {"state": state, "error": "server_error", "error_description": "w" * length}
    session = await desk.flow.complete_authorization(query, binding)
    assert session.error is not None
    assert len(session.error) == MAX_MESSAGE_LENGTH


async def test_a_session_without_a_link_reads_none(desk: Desk) -> None:
    await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk))
    (row,) = await desk.accounts()
    async with desk.database.write() as conn:
        session, _ = await create_session(conn, desk.scope.environment_id, link_id=None, account_id=row["id"])
    with pytest.raises(InvalidToken, match="only shows an account's form"):
        await desk.flow.choose_integration(session, "brightfold")
