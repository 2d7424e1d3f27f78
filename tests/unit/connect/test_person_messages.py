"""What the person who connects an account is told, and which ways to connect are offered."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update
from tests.unit.connect.conftest import Desk, of_formats, typed

from isthmus.connect.errors import InvalidIntegration
from isthmus.connect.screens import Form, Method, Pick, Problem
from isthmus.db.tables import integrated_account
from isthmus.integrations.installs.environment_integrations import EnvironmentIntegrations


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"error": "access_denied"}, "Access was not granted."),
        ({"error": "server_error", "error_description": "<b>Later"}, "Brightfold Desk refused"),
        ({}, "no answer that can be used"),
    ],
)
async def test_a_refusal_of_the_provider_can_be_tried_again(desk: Desk, query: Any, said: str) -> None:
    session = await desk.open()
    _, state, binding = await desk.travel(session, "oauth2")
    session = await desk.flow.complete_authorization({**query, "state": state}, binding)
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Form)
    assert said in (screen.error or "")
    _, state, binding = await desk.travel(session, "oauth2")
    await desk.flow.complete_authorization({"code": "c", "state": state}, binding)
    assert len(await desk.accounts()) == 1


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((400, {"error": "invalid_grant"}), "did not accept"),
        ((200, {"error": "invalid_grant"}), "did not accept"),
        ((400, {"error": "invalid_client"}), "does not know the app"),
        ((500, {}), "could not be reached"),
        ((200, {}), "could not be reached"),
    ],
)
async def test_an_exchange_that_fails_is_told_in_plain_words(desk: Desk, answer: Any, said: str) -> None:
    session = await desk.open()
    _, state, binding = await desk.travel(session, "oauth2")
    desk.authority.answers = [answer]
    screen = await desk.flow.build_screen(
        await desk.flow.complete_authorization({"state": state, "code": "c"}, binding)
    )
    assert isinstance(screen, Form)
    assert said in (screen.error or "")
    assert len(desk.authority.seen) == 1


@pytest.mark.parametrize(
    ("status", "cause", "shown"),
    [
        ("validation_error", "provider", "The key is not known."),
        ("validation_error", "check", "The key is not known."),
        ("validation_error", None, "Brightfold Desk could not be connected."),
        ("validation_error", "credentials", "Brightfold Desk did not accept the credentials. Check what you"),
        ("post_install_error", "connection", "Brightfold Desk could not be reached"),
        ("post_install_error", "definition", "Brightfold Desk is not set up correctly here"),
        ("needs_reauth", "definition", "Brightfold Desk did not accept the credentials"),
    ],
)
async def test_what_only_an_author_understands_is_not_shown_to_the_person(
    desk: Desk, status: str, cause: str | None, shown: str
) -> None:
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk))
    result = {
        "action": status.removesuffix("_error"),
        "status": "error",
        "error": {"statusCode": 500, "message": "T0410"} | ({"cause": cause} if cause else {}),
    }
    failed = {"status": status, "last_error": "The key is not known.", "last_action_run_result": result}
    async with desk.database.write() as conn:
        await conn.execute(update(integrated_account).values(failed))
    screen = await desk.flow.build_screen(sent.session)
    assert isinstance(screen, Problem)
    assert screen.message.startswith(shown)


@pytest.mark.parametrize(
    "latest",
    [
        None,
        {"action": "resync", "status": "success"},
        {"action": "post_install", "status": "error", "error": {"statusCode": 502, "cause": "provider"}},
    ],
)
async def test_a_result_that_is_not_of_the_failed_stage_gives_the_neutral_text(
    desk: Desk, latest: Any
) -> None:
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "api_key", typed(desk))
    failed = {"status": "validation_error", "last_error": "T0410", "last_action_run_result": latest}
    async with desk.database.write() as conn:
        await conn.execute(update(integrated_account).values(failed))
    screen = await desk.flow.build_screen(sent.session)
    assert isinstance(screen, Problem)
    assert screen.message == (
        "Brightfold Desk could not be connected. Try again, or tell whoever sent you the link."
    )


async def test_what_the_definition_lacks_is_told_to_the_log_and_not_to_the_person(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    values = {"url": desk.authority.url, "client_secret": "s"}
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "oauth2_client_credentials", values)
    assert isinstance(sent.screen, Form)
    assert sent.screen.error == (
        "Brightfold Desk is not set up correctly here, which is not your fault. "
        "Tell whoever sent you the link."
    )
    assert any("The account has no client_id" in record.getMessage() for record in caplog.records)


async def test_what_a_token_endpoint_repeats_of_the_secrets_is_neither_logged_nor_shown(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    desk.authority.answers = [
        (400, {"error": "invalid_grant", "error_description": "<b>bad</b>\nsecret typed-by-the-person"})
    ]
    values = {"url": desk.authority.url, "client_id": "c", "client_secret": "typed-by-the-person"}
    sent = await desk.flow.submit_form(await desk.open(), "brightfold", "oauth2_client_credentials", values)
    assert isinstance(sent.screen, Form)
    assert "It said: bad secret ***. Check" in (sent.screen.error or "")
    assert "bad secret ***" in caplog.text
    assert "typed-by-the-person" not in caplog.text


async def set_client(desk: Desk, **clients: Any) -> None:
    """Overrides the OAuth apps, and nothing else, of the install."""
    credentials = {name: {"config": {"client": client}} for name, client in clients.items()}
    async with desk.database.write() as conn:
        override = {"credentials": credentials, "environment_variables": {"app": "id-1"}}
        await EnvironmentIntegrations(conn, desk.scope).update(desk.install_id, {"override": override})


ALL_FORMATS = ["api_key", "oauth2", "oauth2_client_credentials", "oauth"]


@pytest.mark.parametrize(
    ("client_id", "is_offered"),
    [
        (None, False),
        ("", False),
        ("{{environment_variables.missing}}", False),
        ("{{environment_variables.app}}", True),
        ("{{client_id}}", True),
    ],
)
async def test_a_way_to_connect_whose_app_is_not_set_up_is_not_offered(
    desk: Desk, client_id: str | None, is_offered: bool
) -> None:
    await set_client(desk, oauth2={"id": client_id}, oauth={"id": client_id})
    session = await desk.open(integration="brightfold")
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Method)
    offered = [name for name in ALL_FORMATS if is_offered or name not in ("oauth2", "oauth")]
    assert [name for name, _ in screen.formats] == offered
    if not is_offered:
        with pytest.raises(InvalidIntegration, match="cannot be connected this way"):
            await desk.flow.submit_form(session, "brightfold", "oauth2", {"url": desk.authority.url})


@pytest.mark.parametrize("definition", [of_formats("oauth2", "oauth")])
async def test_a_product_without_any_app_says_that_its_sign_in_is_not_set_up(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    await set_client(desk, oauth2={"id": None}, oauth={"id": None})
    screen = await desk.flow.build_screen(await desk.open(integration="brightfold"))
    assert isinstance(screen, Problem)
    assert screen.message == (
        "Brightfold Desk cannot be connected here yet: its sign-in is not set up. "
        "Tell whoever sent you the link."
    )
    assert "brightfold cannot be connected by oauth, oauth2: set credentials" in caplog.text
    session = await desk.open()
    with pytest.raises(InvalidIntegration, match="its sign-in is not set up"):
        await desk.flow.choose_integration(session, "brightfold")
    assert isinstance(await desk.flow.build_screen(session), Pick)


async def test_a_page_for_one_way_to_connect_offers_no_other_in_its_place(desk: Desk) -> None:
    await set_client(desk, oauth2={"id": None})
    session = await desk.open(integration="brightfold", auth_format="oauth2")
    screen = await desk.flow.build_screen(session)
    assert isinstance(screen, Problem)
    assert "its sign-in is not set up" in screen.message
