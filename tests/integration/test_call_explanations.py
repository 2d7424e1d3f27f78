"""`isthmus_explain=true`: what a call would send, told without sending it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import func, select

from isthmus.config import Settings
from isthmus.db.tables import idempotency_record
from tests.fakes.larkdesk import KEY, Larkdesk, RequestLimit, running
from tests.integration.larkdesk import MODEL, connect, install
from tests.integration.serving import Server, serving

PLAN = "&isthmus_explain=true"


@dataclass
class Desk:
    server: Server
    fake: Larkdesk
    install: str
    account: str

    async def plan(self, verb: str, path: str, query: str = "", **options: Any) -> dict[str, Any]:
        """The plan, once it is sure that nobody was asked and no secret is in it."""
        given = f"{path}?integrated_account_id={self.account}{query}{PLAN}"
        body = await self.server.ok(verb, given, **options)
        assert self.fake.visits == []
        assert KEY not in str(body)
        plan: dict[str, Any] = body["explain"]
        return plan

    async def override(self, mapping: dict[str, Any]) -> None:
        """`mapping`: of `tickets.list`, in the account's layer."""
        await self.server.ok(
            "PATCH",
            f"/integrated-account/{self.account}",
            json={"unified_model_override": {MODEL: {"tickets": {"list": mapping}}}},
        )


@pytest.fixture
async def desk(desk_settings: Settings) -> AsyncIterator[Desk]:
    settings = replace(desk_settings, account_rate_limit=3, token_rate_limit=200)
    async with running(Larkdesk(limit=RequestLimit(None))) as fake, serving(settings) as server:
        installed = await install(server)
        yield Desk(server, fake, installed, await connect(server, installed, fake.url))


async def test_a_plan_of_a_proxy_list_is_the_request_that_would_be_sent(desk: Desk) -> None:
    plan = await desk.plan("GET", "/proxy/tickets", "&limit=3&state=new")
    assert plan["request"] == {
        "method": "GET",
        "url": f"{desk.fake.url}/v1/tickets?state=new&size=3",
        "headers": {"Accept": "application/json", "X-Lark-Key": "***"},
        "query": {"state": "new", "size": "3"},
    }
    assert (plan["kind"], plan["is_certain"], plan["mapping"]) == ("proxy", True, None)
    assert plan["definition"]["path"] == "/v1/tickets"
    layers = {value["path"]: value["layer"] for value in plan["definition_values"]}
    assert layers["resources.tickets.list.path"] == "integration"
    assert layers["pagination.config.limit_param"] == "integration"
    assert "resources.tickets.get.path" not in layers


async def test_a_plan_of_a_unified_write_shows_the_mapped_body_and_each_layers_part(desk: Desk) -> None:
    plan = await desk.plan(
        "POST", f"/unified/{MODEL}/tickets", json={"name": "Kettle", "priority": {"id": "2"}}
    )
    assert plan["request"]["method"] == "POST"
    assert plan["request"]["body"] == {"subject": "Kettle", "priority": 2}
    assert [layer["layer"] for layer in plan["mapping"]["layers"]] == ["model"]
    assert plan["mapping"]["config"]["resource"] == "tickets"


async def test_the_layers_of_a_mapping_are_told_apart(desk: Desk) -> None:
    await desk.override({"query": {"labels": "yes"}, "error_mapping": None})
    plan = await desk.plan("GET", f"/unified/{MODEL}/tickets", "&status[id]=new")
    assert plan["request"]["query"] == {"labels": "yes", "state": "new"}
    layers = {value["path"]: value["layer"] for value in plan["mapping"]["values"]}
    assert layers["query.labels"] == "account"
    assert layers["query_mapping"] == "model"
    assert plan["mapping"]["removed"] == [{"path": "error_mapping", "layer": "account"}]


async def test_steps_that_need_an_answer_are_named_and_not_run(desk: Desk) -> None:
    await desk.override(
        {
            "before": [
                {"type": "transform", "name": "wanted", "config": "'new'"},
                {"type": "transform", "name": "never", "run_if": "false", "config": "1"},
                {"type": "request", "name": "agent", "config": {"path": "/v1/users/7"}},
                {"type": "transform", "name": "later", "config": "before.agent.number"},
            ],
            "after": [{"type": "transform", "config": "data"}],
            "side_load": {"agent": {"resource": "users", "method": "get", "id": "{{item.agent_id}}"}},
            "query_mapping": "{'state': before.wanted, 'agent': before.agent.number}",
        }
    )
    plan = await desk.plan("GET", f"/unified/{MODEL}/tickets")
    assert [(step["name"], step["outcome"]) for step in plan["before"]] == [
        ("wanted", "ran"),
        ("never", "skipped"),
        ("agent", "not_run"),
        ("later", "not_run"),
    ]
    assert plan["before"][2]["request"]["url"] == f"{desk.fake.url}/v1/users/7"
    assert plan["before"][2]["request"]["headers"]["X-Lark-Key"] == "***"
    assert (plan["waits_for"], plan["is_certain"]) == ("agent", False)
    assert plan["request"]["query"] == {"state": "new"}
    assert [step["outcome"] for step in plan["after"]] == ["not_run"]
    assert plan["side_load"][0]["key"] == "agent"


async def test_a_request_that_hangs_on_a_step_says_why_it_cannot_be_told(desk: Desk) -> None:
    await desk.override(
        {
            "before": [{"type": "request", "name": "agent", "config": {"path": "/v1/users/7"}}],
            "path_mapping": "'/v1/' & before.agent.team & '/{{query.team}}'",
        }
    )
    plan = await desk.plan("GET", f"/unified/{MODEL}/tickets")
    assert plan["request"] is None
    assert "{{query.team}}" in plan["obstacle"]


async def test_a_plan_of_a_custom_call_keeps_the_callers_query(desk: Desk) -> None:
    plan = await desk.plan("POST", "/custom/v1/exports", "&isthmus_x=1&kind=aging", json={"format": "csv"})
    assert plan["request"]["url"] == f"{desk.fake.url}/v1/exports?kind=aging"
    assert plan["request"]["body"] == {"format": "csv"}
    assert plan["request"]["headers"]["X-Lark-Key"] == "***"


async def test_what_expressions_make_of_a_secret_is_made_of_the_mask(desk: Desk) -> None:
    await desk.override({"query_mapping": "{'sig': $base64encode(context.api_key), 'k': context.api_key}"})
    plan = await desk.plan("GET", f"/unified/{MODEL}/tickets")
    assert plan["request"]["query"] == {"sig": "Kioq", "k": "***"}


async def test_secrets_of_an_override_are_masked_too(desk: Desk) -> None:
    await desk.server.ok(
        "PATCH",
        f"/environment-integration/{desk.install}",
        json={
            "override": {
                "headers": {"X-Api-Key": "written-out", "X-Via": "{{environment_variables.pass}}"},
                "secret_environment_variables": {"pass": "open-sesame"},
            }
        },
    )
    plan = await desk.plan("GET", "/proxy/tickets")
    assert "written-out" not in str(plan)
    assert "open-sesame" not in str(plan)
    assert plan["request"]["headers"]["X-Api-Key"] == "***"
    assert plan["request"]["headers"]["X-Via"] == "***"


async def test_a_plan_claims_no_key_and_counts_for_no_limit(desk: Desk) -> None:
    for _ in range(5):
        await desk.plan("POST", "/proxy/tickets", json={"subject": "x"}, headers={"idempotency-key": "once"})
    async with desk.server.database.read() as conn:
        assert (await conn.execute(select(func.count()).select_from(idempotency_record))).scalar_one() == 0
    query = f"?integrated_account_id={desk.account}"
    statuses = [(await desk.server.call("GET", f"/proxy/tickets{query}"))[0] for _ in range(4)]
    assert statuses == [200, 200, 200, 429]


async def test_a_call_that_would_be_refused_has_no_plan_but_the_refusal(desk: Desk) -> None:
    query = f"?integrated_account_id={desk.account}{PLAN}"
    for verb, path, expected in (
        ("GET", "/proxy/nothing", 404),
        ("POST", f"/unified/{MODEL}/tickets", 400),
        ("GET", f"/unified/{MODEL}/nothing", 404),
    ):
        status, body = await desk.server.call(verb, path + query, json={} if verb == "POST" else None)
        assert status == expected, body


async def test_a_sandboxs_writes_have_a_plan_too(desk: Desk) -> None:
    sandbox = await desk.server.sandbox_of("larkdesk")
    path = f"/proxy/tickets?integrated_account_id={sandbox}{PLAN}"
    body = await desk.server.ok("POST", path, json={"subject": "x"})
    assert body["explain"]["request"]["body"] == {"subject": "x"}


async def test_the_token_of_one_account_is_shown_no_plan(desk: Desk) -> None:
    made = await desk.server.ok(
        "POST", "/integrated-account/token", json={"integrated_account_id": desk.account}
    )
    token = made["token"]
    assert (await desk.server.call("GET", "/proxy/tickets", token=token))[0] == 200
    status, body = await desk.server.call("GET", "/proxy/tickets?isthmus_explain=true", token=token)
    assert (status, "explain" in body) == (403, False)


async def test_only_true_asks_for_a_plan(desk: Desk) -> None:
    query = f"?integrated_account_id={desk.account}&isthmus_explain="
    assert "result" in await desk.server.ok("GET", f"/proxy/tickets{query}false")
    status, body = await desk.server.call("GET", f"/proxy/tickets{query}banana")
    assert status == 400
    assert body["message"] == "isthmus_explain must be one of true, 1, false, 0."
