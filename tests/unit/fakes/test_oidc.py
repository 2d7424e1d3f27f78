"""The certified OAuth server that tests connect to: what they lean on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import pytest
from tests.fakes.oidc import CLIENTS, Oidc, oidc_process

from isthmus.engine.authorization.grants import compute_pkce_challenge
from isthmus.engine.authorization.token_endpoint import encode_basic_header

CALLBACK = "http://127.0.0.1:9/callback"
VERIFIER = "v" * 43


@pytest.fixture(scope="module")
def oidc() -> Iterator[Oidc]:
    with oidc_process(redirect_uris=[CALLBACK]) as running:
        yield running


async def token(session: aiohttp.ClientSession, oidc: Oidc, client: str, **form: str) -> tuple[int, Any]:
    headers = {"authorization": encode_basic_header(client, CLIENTS[client])}
    async with session.post(f"{oidc.url}/token", data=form, headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def visit(
    session: aiohttp.ClientSession, oidc: Oidc, answer: str, **query: str
) -> dict[str, list[str]]:
    """What the callback is called with, by a browser that answers so."""
    asked = {
        "client_id": "app",
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "tickets.read offline_access",
        "prompt": "consent",
        "state": "s",
        **query,
    }
    location = f"{oidc.url}/auth?{urlencode(asked)}"
    form: dict[str, str] | None = None
    while not location.startswith(CALLBACK):
        verb = "GET" if form is None else "POST"
        async with session.request(verb, location, data=form, allow_redirects=False) as page:
            if page.status == HTTPStatus.OK:
                form = {"answer": answer}
            else:
                location, form = page.headers["location"], None
                location = location if "://" in location else oidc.url + location
    return parse_qs(urlsplit(location).query)


@pytest.fixture
async def session() -> Any:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as opened:
        yield opened


async def test_a_code_needs_its_proof_and_gives_a_token(session: Any, oidc: Oidc) -> None:
    proof = {"code_challenge": compute_pkce_challenge(VERIFIER), "code_challenge_method": "S256"}
    for verifier, expected in (("w" * 43, 400), (VERIFIER, 200)):
        given = await visit(session, oidc, "allow", **proof)
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": given["code"][0]}
        status, reply = await token(session, oidc, "app", **form, code_verifier=verifier)
        assert status == expected, reply
    assert {"access_token", "refresh_token", "expires_in"} <= reply.keys()
    assert given["state"] == ["s"]


async def test_a_denial_and_a_missing_proof_are_told_to_the_callback(session: Any, oidc: Oidc) -> None:
    proof = {"code_challenge": compute_pkce_challenge(VERIFIER), "code_challenge_method": "S256"}
    assert (await visit(session, oidc, "deny", **proof))["error"] == ["access_denied"]
    assert (await visit(session, oidc, "allow"))["error"] == ["invalid_request"]


async def test_a_refresh_token_that_comes_again_ends_all_that_came_of_it(session: Any, oidc: Oidc) -> None:
    first = oidc.issue()
    form = {"grant_type": "refresh_token"}
    status, second = await token(session, oidc, "app", **form, refresh_token=first["refresh_token"])
    assert status == HTTPStatus.OK
    assert second["refresh_token"] != first["refresh_token"]
    for held in (first, second):
        status, reply = await token(session, oidc, "app", **form, refresh_token=held["refresh_token"])
        assert (status, reply["error"]) == (HTTPStatus.BAD_REQUEST, "invalid_grant")
    assert [each["status"] for each in oidc.refreshes()][-3:] == [200, 400, 400]


async def test_a_machine_gets_a_token_that_the_product_takes(session: Any, oidc: Oidc) -> None:
    _, reply = await token(session, oidc, "machine", grant_type="client_credentials", scope="tickets.read")
    for held, expected in ((reply["access_token"], HTTPStatus.OK), ("another", HTTPStatus.UNAUTHORIZED)):
        headers = {"authorization": f"Bearer {held}"}
        async with session.get(f"{oidc.url}/tickets", headers=headers) as answer:
            assert answer.status == expected
