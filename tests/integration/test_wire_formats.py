"""XML, multipart, ranges, signatures, files and raw paths, from a caller's HTTP to a provider's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from isthmus.config import Settings
from tests.integration.serving import Server, serving
from tests.integration.vaultline import Vault, connected

JSON = {"content-type": "application/json"}


@pytest.fixture
async def vault(server: Server) -> AsyncIterator[Vault]:
    async with connected(server) as it:
        yield it


async def test_a_signed_list_of_xml_records_pages_by_ranges(vault: Vault) -> None:
    ids: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await vault.ok("GET", "/proxy/boxes", f"&next_cursor={cursor}")
        ids += [box["@id"] for box in page["result"]]
        cursor = page["next_cursor"]
    assert ids == [str(number) for number in range(7)]
    assert [seen.headers["range"] for seen in vault.fake.seen] == ["boxes=0-2", "boxes=3-5", "boxes=6-8"]
    beyond = await vault.ok("GET", "/proxy/boxes", "&next_cursor=70")
    assert (beyond["result"], beyond["next_cursor"]) == ([], None)


async def test_a_record_is_written_and_read_as_xml(vault: Vault) -> None:
    made = await vault.ok("POST", "/proxy/boxes", json={"@kind": "tall", "label": "Ölbild & Co"})
    assert made == {"@id": "99", "@kind": "tall", "label": "Ölbild & Co"}
    assert vault.fake.last.headers["content-type"] == "application/xml"
    status, body = await vault.refused("POST", "/proxy/boxes", json={"label": None})
    assert (status, body["message"]) == (422, "Vaultline answered 422: label is missing")
    assert body["raw_response"].startswith("<fault")
    status, body = await vault.refused("POST", "/proxy/boxes", json={"a b": 1})
    assert (status, body["details"]["failures"][0]["code"]) == (400, "bad_body")


async def test_csv_is_read_as_records(vault: Vault) -> None:
    assert await vault.ok("GET", "/proxy/report/1") == [{"id": "1", "label": "a, b"}]


async def test_an_upload_is_taken_apart_and_put_together_again(vault: Vault) -> None:
    form = aiohttp.FormData(quote_fields=False)
    form.add_field("title", "Grüße")
    form.add_field("scan", b"\x89PNG\x00", filename="ü.png", content_type="image/png")
    response, body = await vault.send("POST", "/proxy/files", data=form)
    assert response.status == 200, body
    sent = vault.fake.last
    assert sent.headers["content-type"].startswith("multipart/form-data; boundary=isthmus-")
    assert (
        b'name="scan"; filename="\xc3\xbc.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\x00\r\n' in sent.body
    )
    assert 'name="title"\r\n\r\nGrüße\r\n'.encode() in sent.body


@pytest.mark.parametrize(
    "data", [b"nonsense", b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\nhalf"], ids=["none", "half"]
)
async def test_an_upload_that_cannot_be_read_is_refused(vault: Vault, data: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=b"}
    status, body = await vault.refused("POST", "/proxy/files", data=data, headers=headers)
    assert (status, body["details"]["failures"][0]["code"]) == (400, "malformed_multipart")


async def test_bytes_pass_through_as_they_arrive(vault: Vault) -> None:
    async def slices() -> AsyncIterator[bytes]:
        for _ in range(64):
            yield b"x" * 65_536

    for headers in ({}, {"content-length": str(64 * 65_536)}):
        response, body = await vault.send(
            "POST",
            "/proxy/files/store",
            query="&truto_body_passthrough=true",
            data=slices(),
            headers={"content-type": "video/x", **headers},
        )
        assert response.status == 200, body
        assert len(vault.fake.last.body) == 64 * 65_536
        assert vault.fake.last.headers["content-type"] == "video/x"
        assert vault.fake.last.headers.get("content-length") == headers.get("content-length")
        assert len(vault.fake.chunks) > 1


async def test_a_streamed_body_over_the_limit_is_the_callers_error(settings: Settings) -> None:
    async def slices() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    limited = replace(settings, max_request_bytes=1_000_000)
    async with serving(limited) as server, connected(server) as vault:
        status, body = await vault.refused(
            "POST", "/proxy/files/store", "&truto_body_passthrough=true", data=slices()
        )
    assert (status, body["error"]) == (413, "Payload Too Large")


class TestCustom:
    async def test_each_verb_goes_to_the_path_with_query_and_body_unchanged(self, vault: Vault) -> None:
        for verb in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            answered = await vault.ok(
                verb, "/custom/echo/a%2Fb/", "&a[]=1&a[]=2&limit=x&next_cursor=y&truto_x=1", json={"b": 1}
            )
            assert answered == {
                "result": {
                    "method": verb,
                    "query": "a[]=1&a[]=2&limit=x&next_cursor=y",
                    "body": '{"b": 1}',
                },
                "next_cursor": None,
                "prev_cursor": None,
            }
            assert vault.fake.last.path == "/v1/echo/a%2Fb/"

    async def test_a_head_has_no_body(self, vault: Vault) -> None:
        response, body = await vault.send("HEAD", "/custom/echo")
        assert (response.status, body, vault.fake.last.method) == (200, b"", "HEAD")

    async def test_a_body_of_json_as_text_is_relabelled(self, vault: Vault) -> None:
        headers = {"content-type": "text/plain;charset=UTF-8"}
        await vault.ok("POST", "//custom//echo", data='{"a":1}', headers=headers)
        assert vault.fake.last.headers["content-type"] == "application/json"
        assert vault.fake.last.body == b'{"a":1}'
        await vault.ok("POST", "/custom/echo", data="a=1", headers=headers)
        assert vault.fake.last.headers["content-type"] == "text/plain;charset=UTF-8"
        await vault.ok("POST", "/custom/echo", headers=JSON)
        assert "content-type" not in vault.fake.last.headers

    async def test_headers_are_forwarded_but_for_ours(self, vault: Vault) -> None:
        given = {
            "X-Api-Version": "7",
            "Accept": "text/csv",
            "Cookie": "a=1",
            "X-Forwarded-For": "10.0.0.1",
            "Idempotency-Key": "k",
        }
        await vault.ok("POST", "/custom/echo", headers=given)
        seen = vault.fake.last.headers
        assert seen["x-api-version"] == "7"
        assert seen["accept"] == "application/xml"  # the definition's own
        assert seen["authorization"].startswith("OAuth ")
        assert not {"cookie", "x-forwarded-for", "idempotency-key"} & seen.keys()

    async def test_what_is_no_json_comes_back_unchanged(self, vault: Vault) -> None:
        response, body = await vault.send("GET", "/custom/report")
        assert (response.content_type, body) == ("text/csv", b'id,label\n1,"a, b"\n')

    async def test_a_method_written_out_is_carried_out_and_not_sent(self, vault: Vault) -> None:
        config = {
            "method": "put",
            "path": "/echo/{{body.kind}}",
            "body": {"format": "csv", "$truto_merge": "{{body:json}}"},
            "response_path": "body",
        }
        body = {"kind": "aging", "methodConfig": config}
        answered = await vault.ok("POST", "/custom/anything", json=body)
        assert answered["result"] == '{"format":"csv","kind":"aging"}'
        assert (vault.fake.last.method, vault.fake.last.path) == ("PUT", "/v1/echo/aging")

    async def test_a_method_written_out_may_page(self, vault: Vault) -> None:
        pages = {"format": "range", "config": {"range_unit": "boxes"}}
        config = {"method": "get", "pagination": pages, "api_response_format": "xml"}
        body = {"methodConfig": {**config, "response_path": "boxes.box.`@id`"}}
        first = await vault.ok("POST", "/custom/boxes", "&limit=5", json=body)
        assert (first["result"], first["next_cursor"]) == (["0", "1", "2", "3", "4"], "5")
        last = await vault.ok("POST", "/custom/boxes", "&limit=5&next_cursor=5", json=body)
        assert (last["result"], last["next_cursor"], last["prev_cursor"]) == (["5", "6"], None, "0")

    async def test_placeholders_in_a_path_are_text(self, vault: Vault) -> None:
        await vault.ok("GET", "/custom/echo/%7B%7Bcontext.oauth.token.access_token%7D%7D")
        assert vault.fake.last.path == "/v1/echo/%7B%7Bcontext.oauth.token.access_token%7D%7D"

    @pytest.mark.parametrize(
        ("path", "body", "field"),
        [
            ("/custom/a/%2e%2e/b", None, "path"),
            ("/custom/a/..%2fb", None, "path"),
            ("/custom/https://evil.test/", None, "path"),
            ("/custom/x", {"methodConfig": 5}, "methodConfig"),
            ("/custom/x", {"methodConfig": {"body_format": "papyrus"}}, "methodConfig.body_format"),
            ("/custom/x", {"methodConfig": {"path": "https://evil.test/"}}, "path"),
            ("/custom/x", {"methodConfig": {"base_url": "http://evil.test"}}, "methodConfig.base_url"),
        ],
    )
    async def test_what_leads_elsewhere_is_refused(
        self, vault: Vault, path: str, body: object, field: str
    ) -> None:
        from yarl import URL

        url = URL(f"{vault.server.url}{path}?integrated_account_id={vault.account}", encoded=True)
        headers = {"authorization": f"Bearer {vault.server.token}"}
        async with vault.server.session.post(url, json=body, headers=headers) as response:
            answered = await response.json()
        assert response.status == 400, answered
        assert answered["details"]["failures"][0]["path"] == field
        assert vault.fake.seen == []

    async def test_an_error_is_that_of_a_proxy_call(self, vault: Vault) -> None:
        status, body = await vault.refused("GET", "/custom/nowhere")
        assert (status, body["truto_is_remote_error"], body["raw_response"]) == (404, True, "404: Not Found")

    async def test_a_sandbox_is_only_read(self, vault: Vault) -> None:
        sandbox = await vault.server.sandbox_of("hubspot")
        path = f"/custom/x?integrated_account_id={sandbox}"
        assert (await vault.server.call("POST", path))[0] == 405
        body = {"methodConfig": {"method": "delete"}}
        assert (await vault.server.call("GET", path, json=body))[0] == 405
        assert (await vault.server.call("GET", path))[0] == 404


class TestActions:
    async def test_an_action_is_run_by_its_name(self, vault: Vault) -> None:
        answered = await vault.ok("POST", "/proxy/_/measure", json={"n": 5})
        assert answered == {"result": {"n": 5, "tenant": "acme"}}
        account = await vault.server.ok("GET", f"/integrated-account/{vault.account}")
        assert account["context"]["measured"] == 5
        assert account["last_action_run_result"]["status"] == "success"

    async def test_a_failing_step_is_the_callers_error_and_is_remembered(self, vault: Vault) -> None:
        status, body = await vault.refused("POST", "/proxy/_/fail", json={})
        assert (status, body["message"]) == (422, "Vaultline answered 422: label is missing")
        account = await vault.server.ok("GET", f"/integrated-account/{vault.account}")
        record = account["last_action_run_result"]
        assert (record["action"], record["status"], record["error"]["statusCode"]) == ("fail", "error", 422)

    async def test_unknown_and_reserved_actions_are_refused(self, vault: Vault) -> None:
        status, body = await vault.refused("POST", "/proxy/_/mesure", json={})
        assert (status, "Did you mean measure?" in body["message"]) == (404, True)
        assert (await vault.refused("POST", "/proxy/_/post_install"))[0] == 400
        assert (await vault.refused("GET", "/proxy/_/measure"))[0] == 405


async def test_limits_are_told_with_each_answer(settings: Settings) -> None:
    limited = replace(settings, account_rate_limit=3, token_rate_limit=500)
    async with serving(limited) as server, connected(server) as vault:
        told = []
        for _ in range(4):
            response, _ = await vault.send("GET", "/proxy/report/1")
            told.append((response.status, response.headers["x-ratelimit-remaining"]))
        assert told == [(200, "2"), (200, "1"), (200, "0"), (429, "0")]
        assert response.headers["x-ratelimit-limit"] == "3"
        assert int(response.headers["retry-after"]) >= 1
