"""Bad input of every kind, a case for each row of `docs/reference/errors.md`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts import install_everything
from isthmus.accounts.block_list import BlockList
from isthmus.accounts.sandbox.stored_records import MAX_RECORDS, AccountRecords, StoredRecord
from isthmus.db import Database
from isthmus.tenancy import Administration, ApiTokens, Environments
from tests.fakes.larkdesk import Fault, RequestLimit
from tests.integration.error_scene import Answered, Scene
from tests.integration.larkdesk import MODEL, connect, definition

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@dataclass(frozen=True)
class FullSandbox:
    records: list[StoredRecord]


async def no_token(it: Scene) -> Answered:
    return await it.server.call("GET", "/integration", token="")


async def unknown_token(it: Scene) -> Answered:
    return await it.server.call("GET", "/integration", token="isth_nobody")


async def revoked_token(it: Scene) -> Answered:
    issued = await it.issue_token()
    token = issued.token.reveal()
    await it.server.ok("GET", "/me", token=token)
    await it.server.use_database(lambda database: Administration(database).revoke_token(issued.row["id"]))
    return await it.proxy(token=token)


async def expired_token(it: Scene) -> Answered:
    issued = await it.issue_token(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    return await it.proxy(token=issued.token.reveal())


async def link_token_as_bearer(it: Scene) -> Answered:
    made = await it.server.ok("POST", "/link-token", json={"tenant_id": "acme"})
    return await it.server.call("GET", "/me", token=made["link_token"])


async def account_token_elsewhere(it: Scene) -> Answered:
    return await it.server.call("GET", "/integration", token=await it.account_token())


async def account_token_for_another(it: Scene) -> Answered:
    other = await it.server.sandbox_of("hubspot")
    path = f"/proxy/tickets?integrated_account_id={other}"
    return await it.server.call("GET", path, token=await it.account_token())


async def credential_from_a_browser(it: Scene) -> Answered:
    body = {"context": {"api_key": "mine"}}
    token = await it.account_token()
    return await it.server.call("PATCH", "/integrated-account/me", token=token, json=body)


async def foreign_list(it: Scene) -> Answered:
    other = "8d5a4f4e-0000-4000-8000-000000000000"
    return await it.server.call("GET", f"/integrated-account?environment_id={other}")


async def revived(it: Scene) -> Answered:
    await it.after(Fault("unauthorized"))
    return await it.server.call("PATCH", f"/integrated-account/{it.account}", json={"status": "active"})


async def installed(it: Scene) -> Answered:
    status, body = await it.server.call("DELETE", "/integration/larkdesk")
    assert [each["id"] for each in body["details"]["installed"]] == [it.install_id]
    return status, body


async def renamed(it: Scene) -> Answered:
    status, body = await it.server.call("PATCH", "/integration/larkdesk", json={"name": "skydesk"})
    assert body["details"]["referring"]["unified-model-resource-method"], body
    return status, body


async def no_account(it: Scene) -> Answered:
    return await it.server.call("GET", "/proxy/tickets")


async def unknown_account(it: Scene) -> Answered:
    return await it.server.call(
        "GET", "/proxy/tickets?integrated_account_id=8d5a4f4e-0000-4000-8000-000000000000"
    )


async def foreign_account(it: Scene) -> Answered:
    me = await it.server.ok("GET", "/me")

    async def create(conn: AsyncConnection) -> str:
        environments = Environments(conn, me["team"]["id"])
        other = await environments.create(
            f"beside {me['environment']['name']}", fill_environment=install_everything
        )
        _, token = await ApiTokens(conn, other["id"]).create("t")
        return token.reveal()

    return await it.proxy(token=await it.server.write(create))


async def disabled_install(it: Scene) -> Answered:
    await it.server.ok("PATCH", f"/environment-integration/{it.install_id}", json={"is_enabled": False})
    return await it.proxy()


async def needs_reauth(it: Scene) -> Answered:
    await it.after(Fault("unauthorized"))
    return await it.proxy()


async def blocked_account(it: Scene) -> Answered:
    await it.server.use_database(lambda database: BlockList(database).block(it.account))
    return await it.proxy()


async def override_of_nothing(it: Scene) -> Answered:
    override: dict[str, Any] = {MODEL: {"tikets": {"list": {}}}}
    body = {"unified_model_override": override}
    return await it.server.call("PATCH", f"/integrated-account/{it.account}", json=body)


async def other_type(it: Scene) -> Answered:
    path = f"/environment-integration/{it.install_id}"
    status, body = await it.server.call("PATCH", path, json={"is_enabled": "yes"})
    assert body["details"]["failures"][0]["path"] == "is_enabled"
    assert (await it.server.ok("GET", path))["is_enabled"] is True
    return status, body


async def unknown_setting(it: Scene) -> Answered:
    own = (await it.server.ok("GET", "/environment"))["result"][0]
    body: dict[str, Any] = {"settings": {"conect_theme": {}}}
    return await it.server.call("PATCH", f"/environment/{own['id']}", json=body)


async def effective_nothing(it: Scene) -> Answered:
    return await it.server.call("GET", f"/integrated-account/{it.account}/effective?path=pagnation")


async def no_ascii(it: Scene) -> Answered:
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(it.server.url).port)
    writer.write("GET /proxy/tickets?integrated_account_id=… HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    return int(head.split()[1]), json.loads(body)


async def read_only_write(it: Scene) -> Answered:
    await it.server.ok("POST", "/sandbox-integrated-account", json={"id": it.account})
    return await it.unified("POST", json={})


async def sandbox_search(it: Scene) -> Answered:
    sandbox = await it.server.sandbox_of("hubspot", "crm")
    return await it.server.call("POST", f"/proxy/contacts/search?integrated_account_id={sandbox}", json={})


async def full_sandbox(it: Scene) -> Answered:
    sandbox = await it.server.sandbox_of("hubspot", "crm")
    environment_id = (await it.server.ok("GET", "/me"))["environment"]["id"]
    full = FullSandbox([StoredRecord("notes", str(number)) for number in range(MAX_RECORDS)])

    async def fill(database: Database) -> None:
        """Stores as many records as an account may have."""
        await AccountRecords(database, environment_id, sandbox, ()).write(lambda _: full)

    await it.server.use_database(fill)
    path = f"/unified/crm/contacts?integrated_account_id={sandbox}"
    return await it.server.call("POST", path, json={"first_name": "Ada"})


async def unknown_model(it: Scene) -> Answered:
    return await it.server.call("GET", f"/unified/desc/tickets?integrated_account_id={it.account}")


async def missing_field(it: Scene) -> Answered:
    status, body = await it.unified("POST", json={"description": "x"})
    assert body["truto_error_insight"]["missing_required_body_fields"]["value"] == ["name"]
    return status, body


async def unknown_name(it: Scene) -> Answered:
    status, body = await it.unified("POST", json={"name": "x", "descripton": "x"})
    assert "Did you mean description?" in body["message"]
    return status, body


async def nothing_sent(it: Scene) -> Answered:
    status, body = await it.unified("PATCH", "tickets/1", json={"assignees": []})
    assert "makes nothing of what was sent (assignees)" in body["message"]
    return status, body


async def platform_cursor(it: Scene) -> Answered:
    return await it.server.call("GET", "/integration?next_cursor=abc")


async def page_cursor(it: Scene) -> Answered:
    override = {"pagination": {"format": "page", "config": {}}}
    await it.server.ok("PATCH", f"/integrated-account/{it.account}", json={"integration_override": override})
    return await it.proxy(query="&next_cursor=%21")


async def invalid_definition(it: Scene) -> Answered:
    config = {"label": "x", "pagination": {"format": "spiral"}}
    status, body = await it.server.call("POST", "/integration", json={"name": "odd", "config": config})
    assert any(each["path"].startswith("config.pagination") for each in body["details"]["failures"]), body
    return status, body


async def bad_expression(it: Scene) -> Answered:
    config = {**definition()["config"], "error_expression": "status >"}
    status, body = await it.server.call("POST", "/integration", json={"name": "odd", "config": config})
    assert body["details"]["failures"][0]["path"] == "config.error_expression", body
    return status, body


async def shipped_documentation(it: Scene) -> Answered:
    shipped = await it.server.ok("GET", "/integration/zendesk")
    body = {"integration_id": shipped["id"], "content": "Ours."}
    return await it.server.call("POST", "/documentation", json=body)


async def taken_name(it: Scene) -> Answered:
    return await it.server.call("POST", "/integration", json=definition())


async def stale_version(it: Scene) -> Answered:
    patch = {"is_beta": True, "version": 7}
    status, body = await it.server.call("PATCH", "/integration/larkdesk", json=patch)
    assert body["details"]["version"] == 1
    return status, body


async def reused_key(it: Scene) -> Answered:
    headers = {"idempotency-key": "k"}
    await it.proxy("POST", json={"subject": "a"}, headers=headers)
    return await it.proxy("POST", json={"subject": "b"}, headers=headers)


async def unknown_outcome(it: Scene) -> Answered:
    headers = {"idempotency-key": "lost"}
    it.desk.cue(Fault("reset"))
    assert (await it.proxy("POST", json={"subject": "a"}, headers=headers))[0] == 502
    return await it.proxy("POST", json={"subject": "a"}, headers=headers)


async def batch_in_a_circle(it: Scene) -> Answered:
    status, body = await it.batch(
        {"resource": "tickets", "depends_on": "users"}, {"resource": "users", "depends_on": "tickets"}
    )
    assert sorted(body["details"]["nodes"]) == ["tickets", "users"]
    return status, body


async def batch_of_nobody(it: Scene) -> Answered:
    return await it.batch({"resource": "tickets", "depends_on": "nobody"})


async def malformed_upload(it: Scene) -> Answered:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    return await it.proxy("POST", data=b"--b", headers=headers)


async def elsewhere(it: Scene) -> Answered:
    path = f"/custom/https://evil.test/?integrated_account_id={it.account}"
    return await it.server.call("GET", path)


async def failing_expression(it: Scene) -> Answered:
    override = {MODEL: {"tickets": {"list": {"response_mapping": "$number(response.subject)"}}}}
    await it.server.ok(
        "PATCH", f"/integrated-account/{it.account}", json={"unified_model_override": override}
    )
    status, body = await it.unified()
    assert (body["details"]["field"], body["details"]["code"]) == ("response_mapping", "D3030"), body
    assert "kettle" not in str(body)
    return status, body


async def refused_credentials(it: Scene) -> Answered:
    answer = await it.after(Fault("unauthorized"))
    account = await it.server.ok("GET", f"/integrated-account/{it.account}")
    assert account["status"] == "needs_reauth"
    return answer


async def with_an_ended_token(it: Scene, token_path: str) -> Answered:
    """Of an account whose tokens come from this path of the fake."""
    credential = {
        "client": {"id": "app", "secret": "shh"},
        "auth": {"tokenHost": "{{url}}", "tokenPath": token_path},
        "fields": [{"name": "url"}],
    }
    config = {**definition()["config"], "credentials": {"oauth2": {"config": credential}}}
    body = {"name": "oauthdesk", "category": "ticketing", "config": config}
    made = await it.server.ok("POST", "/integration", json=body)
    installed = await it.server.ok("POST", "/environment-integration", json={"integration_id": made["id"]})
    token = {"access_token": "a", "refresh_token": "r", "expires_at": "2020-01-01T00:00:00.000Z"}
    context = {"url": it.desk.url, "oauth": {"token": token}}
    account = await connect(
        it.server, installed["id"], it.desk.url, authentication_method="oauth2", context=context
    )
    return await replace(it, account=account).proxy()


async def nothing_to_refresh(it: Scene) -> Answered:
    body = {"id": it.account}
    return await it.server.call("POST", "/integrated-account/refresh-credentials", json=body)


async def rate_limited(it: Scene) -> Answered:
    it.desk.limit = RequestLimit(1, seconds=3600, wait_seconds=3600)
    await it.proxy()
    return await it.proxy()


async def nobody_there(it: Scene) -> Answered:
    account = await connect(it.server, it.install_id, "http://127.0.0.1:1")
    return await replace(it, account=account).proxy()


async def no_answer(it: Scene) -> Answered:
    override = {"resources": {"tickets": {"list": {"timeout_seconds": 0.05}}}}
    await it.server.ok("PATCH", f"/integrated-account/{it.account}", json={"integration_override": override})
    return await it.after(Fault("hang"))


async def no_connection(it: Scene) -> Answered:
    it.desk.cue(Fault("hang"))
    first = asyncio.create_task(it.proxy())
    await it.desk.holding.wait()
    refused = await it.proxy()
    first.cancel()
    await asyncio.wait({first})
    return refused


async def garbage(it: Scene) -> Answered:
    return await it.after(Fault("garbage"))


async def private_definition(it: Scene) -> Answered:
    account = await connect(it.server, it.install_id, "http://169.254.169.254")
    return await replace(it, account=account).proxy()


async def own_limit(it: Scene) -> Answered:
    for _ in range(40):
        await it.server.call("GET", "/me")
    return await it.server.call("GET", "/me")


CASES: dict[str, Callable[[Scene], Awaitable[Answered]]] = {
    "no token": no_token,
    "unknown token": unknown_token,
    "revoked token": revoked_token,
    "expired token": expired_token,
    "link token as a bearer token": link_token_as_bearer,
    "API token's route with an account token": account_token_elsewhere,
    "account token for another account": account_token_for_another,
    "credential changed with an account token": credential_from_a_browser,
    "API token where a session is needed": lambda it: it.server.call("POST", "/api-token", json={}),
    "list of another environment": foreign_list,
    "no account named": no_account,
    "unknown account": unknown_account,
    "account of another environment": foreign_account,
    "install is disabled": disabled_install,
    "account is blocked": blocked_account,
    "account needs reconnecting": needs_reauth,
    "status of a refused account": revived,
    "write on a read-only account": read_only_write,
    "custom method of a sandbox account": sandbox_search,
    "sandbox account is full": full_sandbox,
    "unknown route": lambda it: it.server.call("GET", "/nowhere"),
    "verb that is not served": lambda it: it.server.call("PUT", "/integration"),
    "unknown unified model": unknown_model,
    "unknown unified resource": lambda it: it.unified(rest="tikets"),
    "unmapped unified method": lambda it: it.unified("POST", rest="tickets/search"),
    "unknown proxy resource": lambda it: it.proxy(rest="tikets"),
    "unknown proxy method": lambda it: it.proxy("POST", rest="tickets/search"),
    "unknown action": lambda it: it.proxy("POST", rest="_/zap"),
    "action of the lifecycle": lambda it: it.proxy("POST", rest="_/post_install"),
    "malformed JSON body": lambda it: it.unified("POST", data='{"name": ', headers=JSON),
    "malformed upload": malformed_upload,
    "custom path that leads elsewhere": elsewhere,
    "body of another type": lambda it: it.unified("POST", data="a=1", headers=FORM),
    "missing required body field": missing_field,
    "name that nobody knows": unknown_name,
    "write of which nothing remains": nothing_sent,
    "body too large": lambda it: it.unified("POST", data=b" " * 200_000, headers=JSON),
    "bad limit": lambda it: it.unified(query="&limit=none"),
    "bad cursor of a platform list": platform_cursor,
    "bad cursor of the data plane": page_cursor,
    "cursor that the provider does not know": lambda it: it.proxy(query="&next_cursor=%21"),
    "value of another type": other_type,
    "mapping of what is not there": override_of_nothing,
    "setting that there is not": unknown_setting,
    "effective definition at a path of nothing": effective_nothing,
    "select of unknown fields only": lambda it: it.server.call("GET", "/integration?select=nope,nor"),
    "URL outside ASCII": no_ascii,
    "unknown parameter of a platform route": lambda it: it.server.call(
        "GET", "/integrated-account?tenent_id=acme"
    ),
    "unknown field of a platform body": lambda it: it.server.call(
        "POST", "/link-token", json={"tenent_id": "a"}
    ),
    "unknown filter operator": lambda it: it.server.call("GET", "/integration?name[like]=x"),
    "invalid definition": invalid_definition,
    "expression that does not compile": bad_expression,
    "PATCH that changes nothing": lambda it: it.server.call(
        "PATCH", f"/integrated-account/{it.account}", json={}
    ),
    "name that is taken": taken_name,
    "documentation of nothing in particular": lambda it: it.server.call("GET", "/documentation"),
    "documentation of what is shipped": shipped_documentation,
    "delete of what is installed": installed,
    "new name for what is referred to by the old one": renamed,
    "stale version": stale_version,
    "idempotency key whose outcome is unknown": unknown_outcome,
    "repetition without an idempotency key": lambda it: it.proxy(
        "POST", json={"subject": "a"}, query="&isthmus_repeat_unknown=true"
    ),
    "idempotency key of another request": reused_key,
    "batch whose nodes wait for each other": batch_in_a_circle,
    "batch with a dependency that nobody has": batch_of_nobody,
    "expression that fails": failing_expression,
    "provider refuses (4xx)": lambda it: it.proxy("POST", json={}),
    "provider refuses the credentials": refused_credentials,
    "provider refuses the refresh token": lambda it: with_an_ended_token(it, "/v1/tickets"),
    "token endpoint gives no token": lambda it: with_an_ended_token(it, "/_control/visits"),
    "refresh of credentials that cannot be refreshed": nothing_to_refresh,
    "provider fails (5xx)": lambda it: it.after(Fault("status", code=503, times=None)),
    "provider limits the rate": rate_limited,
    "provider is not there": nobody_there,
    "provider drops the connection": lambda it: it.after(Fault("reset", times=None)),
    "provider does not answer in time": no_answer,
    "no connection to the provider is free": no_connection,
    "provider answers garbage": garbage,
    "provider answers too much": lambda it: it.after(Fault("huge", size=8_000_000)),
    "provider redirects to a private address": lambda it: it.after(
        Fault("redirect", location="http://10.0.0.1/")
    ),
    "private address in a definition": private_definition,
    "our own rate limit": own_limit,
}
ON_THEIR_OWN_SERVER: dict[str, dict[str, Any]] = {
    "provider refuses the refresh token": {},
    "token endpoint gives no token": {},
    "delete of what is installed": {},
    "our own rate limit": {"token_rate_limit": 40},
    "no connection to the provider is free": {"account_connections": 1, "connect_timeout_seconds": 0.1},
    "body too large": {"max_request_bytes": 100_000},
    "provider answers too much": {"max_response_bytes": 1_000_000},
}
"""The settings of each."""
