"""Steps before and after a mapped call, side loads, and what a write sends besides."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_integration, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, Call, ListResult, ValueResult
from isthmus.engine.queries import parse_query
from isthmus.engine.steps import ActionScope, Progress, run_action
from isthmus.engine.unified.remote_data import add_remote_data
from isthmus.errors import BadRequest, MappingFailed, NotExecutable, RemoteError
from isthmus.expressions.host import Blob
from isthmus.http.messages import HttpRequest, HttpResponse

ROOT = Path(__file__).parents[3]
METHODS = {
    "list": {"path": "/things"},
    "get": {"path": "/things/{{id}}"},
    "create": {"path": "/things", "method": "post"},
    "update": {"path": "/things/{{id}}", "method": "patch"},
    "owner": {"path": "/owners/{{query.id}}"},
}


async def _run(upstream: MemoryUpstream, mapping: dict[str, Any], call: Call, **resource: Any) -> Any:
    definition = UnifiedResource.model_validate({"schema": {}, **resource})
    target = unified.UnifiedTarget("crm", "contacts", definition)
    given = load_mapping({"resource": "things", **mapping})
    result = await unified.call_method(upstream, integration(METHODS), target, given, call)
    if isinstance(result, ListResult):
        return result.records
    assert isinstance(result, ValueResult)
    return result.body


def _get(id: str = "1", query: str = "") -> Call:
    return parse_call("get", id=id, query=parse_query(query + "&truto_ignore_remote_data=true"))


async def test_what_a_step_sees_is_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    names = ActionScope.names

    def noted(scope: ActionScope, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal looked
        looked += 1
        return names(scope, progress, context)

    monkeypatch.setattr(ActionScope, "names", noted)
    step = {"type": "transform", "run_if": "true", "config": {"expression": "1"}}
    definition = integration(METHODS, actions={"a": {"steps": [step]}})
    assert await run_action(MemoryUpstream([]), definition, "a", definition.actions["a"]) == 1
    assert looked == 1


class TestBefore:
    async def test_results_are_read_by_name_or_number(self) -> None:
        upstream = MemoryUpstream([answer({"team": 7}), answer({"n": 1})])
        mapping = {
            "before": [
                {"type": "request", "name": "me", "config": {"path": "/me/{{query.who}}"}},
                {"type": "transform", "config": "step.team + 1"},
                {"type": "transform", "name": "skipped", "run_if": "query.nothing", "config": "1"},
                {"type": "get_context", "config": "api_key"},
            ],
            "query_mapping": "{'team': before.me.team, 'next': before.step_1, 'key': before.step_3,"
            " 'gone': before.skipped}",
        }
        await _run(upstream, mapping, _get(query="who=x"))
        assert upstream.requests[0].url.endswith("/v1/me/x")
        assert upstream.query == [("team", "7"), ("next", "8"), ("key", "k")]

    async def test_a_resource_is_called_with_what_templates_make(self) -> None:
        upstream = MemoryUpstream([answer([{"id": 3}]), answer({}), answer({})])
        mapping = {
            "before": [
                {
                    "type": "request",
                    "config": {"resource": "things", "method": "list", "query": {"q": "{{id}}"}},
                },
                {"type": "request", "config": "{'resource': 'things', 'method': 'get', 'id': step[0].id}"},
            ],
        }
        await _run(upstream, mapping, _get("5"))
        assert [request.url.partition("/v1")[2] for request in upstream.requests] == [
            "/things?q=5",
            "/things/3",
            "/things/5",
        ]

    async def test_what_an_expression_made_of_data_is_not_read_as_a_template(self) -> None:
        upstream = MemoryUpstream([answer({"name": "{{context.api_key}}"}), answer({}), answer({})])
        mapping = {
            "before": [
                {"type": "request", "config": {"path": "/a"}},
                {
                    "type": "request",
                    "config": "{'path': '/b', 'method': 'post', 'query': {'n': step.name},"
                    " 'body': {'n': step.name}}",
                },
            ],
        }
        await _run(upstream, mapping, _get())
        assert upstream.requests[1].url.endswith("/b?n=%7B%7Bcontext.api_key%7D%7D")
        assert upstream.requests[1].body == b'{"n":"{{context.api_key}}"}'

    @pytest.mark.parametrize(
        "made",
        [
            "'/x'",
            "{'method': 'get'}",
            "{'resource': 'things'}",
            "{'resource': 5, 'method': 'get'}",
            "{'path': '/x', 'authorization': {'format': 'bearer'}}",
        ],
    )
    async def test_an_expression_that_makes_no_request_is_told(self, made: str) -> None:
        mapping = {"before": [{"type": "request", "config": made}]}
        with pytest.raises(MappingFailed, match="a method object with a path and without authorization"):
            await _run(MemoryUpstream([]), mapping, _get())

    async def test_an_inline_request_sends_nothing_of_the_caller_by_itself(self) -> None:
        upstream = MemoryUpstream([answer({}), answer({})])
        step = {"type": "request", "config": {"path": "/log", "method": "post"}}
        await _run(
            upstream, {"before": [step]}, parse_call("create", query=parse_query("q=1"), body={"a": 1})
        )
        assert (upstream.requests[0].url, upstream.requests[0].body) == ("https://api.acme.test/v1/log", None)

    async def test_the_context_that_a_step_writes_is_seen_by_the_call(self) -> None:
        upstream = MemoryUpstream([answer({})])
        mapping = {
            "before": [
                {"type": "set_context", "config": {"region": "{{query.region}}"}},
                {"type": "update_context", "config": {"expression": "{'zone': context.region & '-1'}"}},
            ],
            "query_mapping": "{'zone': context.zone}",
        }
        await _run(upstream, mapping, _get(query="region=eu"))
        assert upstream.context["zone"] == "eu-1"
        assert upstream.query == [("zone", "eu-1")]

    async def test_a_failing_step_ends_the_call_with_its_error(self) -> None:
        upstream = MemoryUpstream([answer({"message": "no"}, 409)])
        step = {"type": "request", "config": {"path": "/lock"}}
        with pytest.raises(RemoteError, match="no") as caught:
            await _run(upstream, {"before": [step]}, _get())
        assert caught.value.status == 409
        assert "remote_error" in caught.value.insight
        assert len(upstream.sent) == 1

    async def test_a_step_whose_error_does_not_matter_is_gone_past(self) -> None:
        upstream = MemoryUpstream([answer({}, 409), answer({"n": 1})])
        steps = [{"type": "request", "config": {"path": "/lock"}, "ignore_error": True}]
        assert await _run(upstream, {"before": steps}, _get()) == {"n": 1}

    async def test_a_step_that_gives_no_object_for_the_context_is_told(self) -> None:
        step = {"type": "update_context", "config": "5"}
        with pytest.raises(MappingFailed, match=r"before\.0 must give an object"):
            await _run(MemoryUpstream([]), {"before": [step]}, _get())


class TestAfter:
    async def test_a_transform_replaces_the_data_and_a_request_does_not(self) -> None:
        upstream = MemoryUpstream([answer({"n": 1}), answer({"extra": 2})])
        mapping = {
            "after": [
                {"type": "request", "config": {"path": "/extra"}},
                {"type": "transform", "config": "$merge([data, step])"},
            ]
        }
        assert await _run(upstream, mapping, _get()) == {"n": 1, "extra": 2}

    async def test_a_list_is_transformed_whole(self) -> None:
        upstream = MemoryUpstream([answer([{"n": 1}, {"n": 2}, {"n": 3}])])
        mapping = {"after": [{"type": "transform", "config": "data[n > 1].{'n': n}"}]}
        assert await _run(upstream, mapping, parse_call("list")) == [{"n": 2}, {"n": 3}]

    async def test_a_list_of_one_stays_a_list(self) -> None:
        upstream = MemoryUpstream([answer([{"n": 1}, {"n": 2}])])
        mapping = {"after": [{"type": "transform", "config": "data[n > 1].{'n': n}"}]}
        assert await _run(upstream, mapping, parse_call("list")) == [{"n": 2}]


class TestSideLoads:
    MAPPING: ClassVar[dict[str, Any]] = {
        "side_load": {
            "owner": {
                "resource": "things",
                "method": "owner",
                "query": {"id": "{{record.owner_id}}"},
                "run_if": "$exists(record.owner_id)",
                "response_mapping": "{'name': response.name, 'asked': query.why}",
            }
        }
    }

    async def test_each_record_gets_its_own_and_the_same_request_is_sent_once(self) -> None:
        def provide(request: HttpRequest) -> HttpResponse:
            if "/owners/" not in request.url:
                return answer([{"owner_id": 1}, {"owner_id": 2}, {"owner_id": 1}, {"n": 4}])
            return answer({"name": f"owner {request.url.rpartition('id=')[2]}"})

        upstream = MemoryUpstream(provide)
        call = parse_call("list", query=parse_query("why=w&truto_ignore_remote_data=true"))
        records = await _run(upstream, self.MAPPING, call)
        assert [record.get("owner") for record in records] == [
            {"name": "owner 1", "asked": "w"},
            {"name": "owner 2", "asked": "w"},
            {"name": "owner 1", "asked": "w"},
            None,
        ]
        assert "owner" not in records[3]
        assert len(upstream.sent) == 3

    async def test_what_fails_is_null(self) -> None:
        upstream = MemoryUpstream([answer({"owner_id": 1}), answer({}, 500)])
        assert await _run(upstream, self.MAPPING, _get()) == {"owner_id": 1, "owner": None}

    @pytest.mark.parametrize(
        "changed",
        [
            {"id": "{{record.none}}"},
            {"query": {"id": "{{record.owner_id:number}}"}},
            {"run_if": "$error('none')"},
        ],
    )
    async def test_what_cannot_be_asked_for_is_null(self, changed: dict[str, Any]) -> None:
        upstream = MemoryUpstream([answer({"owner_id": 1})])
        owner = {**self.MAPPING["side_load"]["owner"], **changed}
        assert await _run(upstream, {"side_load": {"owner": owner}}, _get()) == {"owner_id": 1, "owner": None}
        assert len(upstream.sent) == 1

    async def test_no_more_than_five_run_at_a_time(self) -> None:
        running = highest = 0

        class Slow(MemoryUpstream):
            async def send(self, request: Any) -> HttpResponse:
                nonlocal running, highest
                running += 1
                highest = max(highest, running)
                await asyncio.sleep(0)
                running -= 1
                return await super().send(request)

        rows = [{"owner_id": number} for number in range(20)]
        upstream = Slow(lambda request: answer({}) if "/owners/" in request.url else answer(rows))
        await _run(upstream, self.MAPPING, parse_call("list"))
        assert (highest, len(upstream.sent)) == (5, 21)

    async def test_a_list_beside_a_record_is_its_records(self) -> None:
        upstream = MemoryUpstream([answer({"id": 1}), answer([{"c": 1}, {"c": 2}])])
        mapping = {"side_load": {"children": {"resource": "things", "query": {"of": "{{item.id}}"}}}}
        found = await _run(upstream, mapping, parse_call("get", id="1"))
        assert found["children"] == [{"c": 1}, {"c": 2}]
        assert upstream.query == [("of", "1")]


class TestWrites:
    @pytest.mark.parametrize(
        ("method", "body", "sent"),
        [
            ("create", {"name": "a", "remote_data": {"color": "red"}}, {"label": "a", "color": "red"}),
            ("create", {"name": "a", "remote_data": {"label": "b"}}, {"label": "a"}),
            ("update", {"name": "a", "remote_data": {"color": "red"}}, {"label": "a", "color": "red"}),
            ("update", {"name": "a", "remote_data": {"id": 9, "color": "red"}}, {"label": "a"}),
            ("update", {"name": "a", "remote_data": {"number": 5, "color": "red"}}, {"label": "a"}),
            ("create", {"id": "7", "name": "a", "remote_data": {"no": 7, "color": "red"}}, {"label": "a"}),
            ("create", {"name": "a", "remote_data": {}}, {"label": "a"}),
            ("create", {"name": "a", "remote_data": "x"}, {"label": "a"}),
        ],
    )
    async def test_further_fields_lie_under_the_mapped_ones_and_a_record_read_before_is_not_sent_back(
        self, method: str, body: dict[str, Any], sent: dict[str, Any]
    ) -> None:
        upstream = MemoryUpstream([answer({})])
        call = parse_call(method, id="5" if method == "update" else None, body=body)
        await _run(upstream, {"request_body_mapping": "{'label': body.name}"}, call)
        assert upstream.body == sent

    def test_each_name_of_an_identity_that_is_documented_marks_the_providers_own_record(self) -> None:
        page = (ROOT / "docs" / "explanation" / "engine.md").read_text()
        sentence = re.search(r"if it has a\s+top-level (.*?)\(in any case\)", page, re.DOTALL)
        assert sentence is not None
        names = re.findall("`(.+?)`", sentence[1])
        assert len(names) == 11
        for name in (*names, *map(str.upper, names)):
            call = parse_call("create", body={"remote_data": {name: "x", "color": "red"}})
            assert add_remote_data({"label": "a"}, call, None) == {"label": "a"}, name

    @pytest.mark.parametrize("method", ["list", "get", "delete", "create", "update", "close"])
    def test_further_fields_are_for_writes(self, method: str) -> None:
        call = parse_call(method, body={"remote_data": {"color": "red"}})
        is_write = method in ("create", "update", "close")
        expected = {"label": "a", "color": "red"} if is_write else {"label": "a"}
        assert add_remote_data({"label": "a"}, call, None) == expected

    async def test_fields_are_laid_under_at_every_depth(self) -> None:
        upstream = MemoryUpstream([answer({})])
        body = {"name": "a", "remote_data": {"properties": {"color": "red", "label": "b"}}}
        mapping = {"request_body_mapping": "{'properties': {'label': body.name}}"}
        await _run(upstream, mapping, parse_call("create", body=body))
        assert upstream.body == {"properties": {"color": "red", "label": "a"}}

    async def test_a_body_without_a_mapping_is_merged_as_well(self) -> None:
        upstream = MemoryUpstream([answer({}), answer({})])
        await _run(upstream, {}, parse_call("create", body={"a": 1, "remote_data": {"b": 2}}))
        assert upstream.body == {"b": 2, "a": 1}
        own = {"request_body_mapping": "body.remote_data"}
        await _run(upstream, own, parse_call("create", body={"remote_data": {"id": 1}}))
        assert upstream.body == {"id": 1}

    async def test_a_write_that_is_answered_with_nothing_has_succeeded(self) -> None:
        mapping = {"response_mapping": "{'at': $fromMillis($number(response.at))}"}
        upstream = MemoryUpstream([answer(None, 204), answer(b"null")])
        for _ in range(2):
            assert await _run(upstream, {"response_mapping": "$number(response & 'x')"}, _update()) is None
        with pytest.raises(MappingFailed):
            await _run(MemoryUpstream([answer({"at": "x"})]), mapping, _update())

    async def test_a_file_goes_out_as_multipart(self) -> None:
        upstream = MemoryUpstream([answer({}), answer({}), answer({})])
        file = Blob(b"PDF", "application/pdf", "a.pdf")
        mapped = {"file_upload": True, "request_body_mapping": "{'doc': body.file, 'kind': 'x'}"}
        await _run(upstream, mapped, parse_call("create", body={"file": file}))
        named = {"file_upload": {"field": "attachment"}}
        await _run(upstream, named, parse_call("create", body=file))
        passed = parse_call(
            "create",
            query=parse_query("truto_body_passthrough=true"),
            raw_body=b"RAW",
            content_type="image/png",
        )
        await _run(upstream, named, passed)
        bodies = [request.body for request in upstream.requests]
        for body, parts in zip(
            bodies,
            (
                (b'name="doc"; filename="a.pdf"\r\nContent-Type: application/pdf', b'name="kind"'),
                (b'name="attachment"; filename="a.pdf"', b"PDF"),
                (b'name="attachment"; filename="attachment"\r\nContent-Type: image/png', b"RAW"),
            ),
            strict=True,
        ):
            assert isinstance(body, bytes)
            assert all(part in body for part in parts), body


@pytest.mark.parametrize(
    ("upload", "asked", "part"),
    [
        (True, {"body": Blob(b"PDF", "a/b", "a.pdf")}, b'name="file"; filename="a.pdf"\r\nContent-Type: a/b'),
        (True, {"raw_body": b"PDF", "content_type": "a/b"}, b'name="file"; filename="file"'),
        ({"field": "f"}, {"raw_body": b"PDF"}, b"Content-Type: application/octet-stream"),
    ],
)
async def test_what_an_upload_does_not_say_has_a_default(
    upload: Any, asked: dict[str, Any], part: bytes
) -> None:
    upstream = MemoryUpstream([answer({})])
    passed = "truto_body_passthrough=true" if "raw_body" in asked else ""
    call = parse_call("create", query=parse_query(passed), **asked)
    await _run(upstream, {"file_upload": upload}, call)
    assert isinstance(upstream.request.body, bytes)
    assert part in upstream.request.body


def _update() -> Call:
    return parse_call("update", id="1", body={"a": 1})


async def test_the_models_schemas_lie_under_the_mappings() -> None:
    model = {"list": {"properties": {"page": {"type": "integer", "default": 3}, "by": {"type": "string"}}}}
    own = {"properties": {"by": {"default": "name"}, "page": {"default": 4}}, "required": ["team"]}
    upstream = MemoryUpstream([answer([])])
    mapping = {"query_schema": own, "query_mapping": "query"}
    await _run(upstream, mapping, parse_call("list", query=parse_query("team=t&page=7")), query_schema=model)
    assert upstream.query == [("team", "t"), ("page", "7"), ("by", "name")]
    with pytest.raises(BadRequest, match="team"):
        await _run(upstream, mapping, parse_call("list"), query_schema=model)


class TestActions:
    async def _act(self, upstream: MemoryUpstream, steps: list[Any], body: Any = NO_BODY) -> Any:
        actions = {"act": {"steps": steps}}
        config = load_integration({"base_url": "https://api.acme.test/v1", "actions": actions})
        return await run_action(upstream, config, "act", config.actions["act"], body=body)

    async def test_steps_see_what_went_before_under_both_names(self) -> None:
        upstream = MemoryUpstream([answer({"user": {"id": 7}})])
        steps = [
            {"type": "request", "name": "me", "config": {"path": "/me", "response_path": "user"}},
            {"type": "update_context", "config": {"expression": "{'uid': $previous.id}"}},
            {
                "type": "transform",
                "config": "[steps.me.id, previous.uid, context.uid, credentials.uid,"
                " account.tenant_id, body.b]",
            },
        ]
        assert await self._act(upstream, steps, {"b": 9}) == [7, 7, 7, 7, "t", 9]

    async def test_templates_see_them_too(self) -> None:
        upstream = MemoryUpstream([answer({"id": 7}), answer(b"bytes", content_type="image/png")])
        steps = [
            {"type": "request", "name": "me", "config": {"path": "/me"}},
            {
                "type": "request",
                "config": {
                    "path": "/u/{{previous.id}}/{{steps.me.id}}",
                    "method": "post",
                    "body": {"x": "{{body.b:any}}"},
                },
            },
        ]
        await self._act(upstream, steps, {"b": [1]})
        assert upstream.request.url.endswith("/u/7/7")
        assert isinstance(upstream.request.body, bytes)
        assert orjson.loads(upstream.request.body) == {"x": [1]}

    async def test_an_action_without_a_result_gives_null_and_a_skipped_step_leaves_the_last(self) -> None:
        assert await self._act(MemoryUpstream([]), []) is None
        steps = [
            {"type": "transform", "config": "5"},
            {"type": "transform", "run_if": "false", "config": "6"},
        ]
        assert await self._act(MemoryUpstream([]), steps) == 5

    async def test_a_form_cannot_be_shown(self) -> None:
        with pytest.raises(NotExecutable, match="post_connect_user_form"):
            await self._act(MemoryUpstream([]), [{"type": "form", "config": [{"name": "a"}]}])
