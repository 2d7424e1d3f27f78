"""What a caller sends and a unified call does not use is named, refused, or both."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.mapped_calls import METHODS
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.definitions import UnifiedResource, load_mapping
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY, CallResult
from isthmus.engine.queries import parse_query
from isthmus.engine.unified import UnifiedTarget
from isthmus.errors import BadRequest
from isthmus.expressions.host import Blob
from isthmus.kit.call_warnings import CallWarning

SCHEMA = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "first_name": {"type": "string"},
        "phone": {"type": "string"},
        "emails": {
            "type": "array",
            "items": {"type": "object", "properties": {"email": {}, "type": {}}},
        },
        "address": {"type": ["object", "null"], "properties": {"city": {}, "zip": {}}},
        "extra": {"type": "object"},
    },
}
QUERY = {
    "type": "object",
    "properties": {
        "email": {"type": "string"},
        "owner": {"type": "string"},
        "created_at": {"type": ["string", "object"], "properties": {"gt": {}, "lt": {}}},
    },
}
RESOURCE = UnifiedResource.model_validate(
    {"schema": SCHEMA, "methods": list(METHODS), "query_schema": {"list": QUERY}}
)
WRITE = {
    "request_body_mapping": "{'name': body.first_name, 'mail': body.emails[0].email, 'at': body.address.city}"
}
PAGES = {"format": "cursor", "config": {"cursor_path": "next", "cursor_param": "after"}}
FILTER = {"query_mapping": "{'mail': query.email, 'after': query.created_at.gt}"}


async def _call(
    mapping: dict[str, Any],
    method: str = "list",
    query: str = "",
    body: Any = NO_BODY,
    *,
    refuses: bool = False,
    upstream: MemoryUpstream | None = None,
) -> CallResult:
    """Makes a unified call of `crm/contacts`."""
    id = "7" if method in ("get", "update", "delete") else None
    return await unified.call_method(
        upstream or MemoryUpstream([answer({"items": [], "id": 1})]),
        integration(METHODS, pagination=PAGES),
        UnifiedTarget("crm", "contacts", RESOURCE),
        load_mapping({"resource": "things", **mapping}),
        parse_call(method, id=id, query=parse_query(query), body=body),
        refuses_unknown_names=refuses,
    )


async def _named(mapping: dict[str, Any], *args: Any, **options: Any) -> dict[str | None, str]:
    """Makes a call; returns the codes of its warnings by the field that they name."""
    return {each.field: each.code for each in (await _call(mapping, *args, **options)).warnings}


async def test_a_name_that_nobody_knows_is_named_with_the_names_like_it() -> None:
    result = await _call(WRITE, "create", body={"first_name": "A", "frist_name": "B"})

    assert result.warnings == (
        CallWarning(
            "unknown_name",
            "body.frist_name is not known to crm/contacts create. Did you mean first_name?",
            "body.frist_name",
        ),
    )


async def test_a_name_of_the_model_that_the_mapping_leaves_out_is_named() -> None:
    result = await _call(WRITE, "update", body={"first_name": "A", "phone": "1"})

    assert result.warnings == (
        CallWarning(
            "unused_name",
            "body.phone is not used: the mapping of crm/contacts update does not carry it.",
            "body.phone",
        ),
    )


async def test_filters_are_told_apart_the_same_way() -> None:
    assert await _named(FILTER, query="email=a&owner=1&emial=b&created_at[gt]=1&created_at[lt]=2") == {
        "query.owner": "unused_name",
        "query.emial": "unknown_name",
        "query.created_at.lt": "unused_name",
    }


async def test_fields_below_are_named_at_their_first_place() -> None:
    body = {
        "emails": [{"email": "a"}, {"email": "b", "type": "work", "emial": 1}, {"type": "home"}],
        "address": {"city": "C", "zip": "1", "plz": "1"},
        "extra": {"any": 1},
    }

    assert await _named(WRITE, "create", body=body) == {
        "body.emails.1.type": "unused_name",
        "body.emails.1.emial": "unknown_name",
        "body.address.zip": "unused_name",
        "body.address.plz": "unknown_name",
        "body.extra": "unused_name",
    }


async def test_names_below_an_object_that_the_model_leaves_open_are_its_own() -> None:
    mapping = {"request_body_mapping": "{'x': body.extra.x}"}

    assert await _named(mapping, "create", body={"extra": {"x": 1, "y": 2}}) == {
        "body.extra.y": "unused_name"
    }


async def test_an_object_that_only_the_mapping_leaves_open_has_the_names_of_the_model() -> None:
    schema = {"properties": {"emails": {"type": "array", "items": {"type": "object"}}, "own": {}}}
    mapping = {**WRITE, "request_body_schema": schema}

    assert await _named(
        mapping, "create", body={"emails": [{"emial": 1, "type": "x", "email": "a"}], "own": 1}
    ) == {
        "body.emails.0.emial": "unknown_name",
        "body.emails.0.type": "unused_name",
        "body.own": "unused_name",
    }


async def test_every_item_of_a_list_of_records_is_searched() -> None:
    body = [{"first_name": "A"}, {"frist_name": "B"}]

    assert await _named({"request_body_mapping": "{'all': body.{'n': first_name}}"}, "create", body=body) == {
        "body.1.frist_name": "unknown_name"
    }


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"query_mapping": "query"},
        {"query_mapping": "$sift(query, function($v, $k) { $k != 'owner' })"},
        {"query_mapping": "{}", "response_mapping": "$merge([response, rawQuery])"},
        {"query_mapping": "{}", "before": [{"type": "transform", "config": "$keys(query)"}]},
    ],
)
async def test_a_mapping_that_takes_the_whole_query_knows_every_name(mapping: dict[str, Any]) -> None:
    assert await _named(mapping, query="anything=1&created_at[odd]=2") == {}


@pytest.mark.parametrize(
    "mapping",
    [
        {"resource": {"expression": "query.x ? 'things' : 'things'", "resources": ["things"]}},
        {"method": {"expression": "query.x ? 'list' : 'list'", "methods": ["list"]}},
        {"query": {"x": "{{query.x}}"}},
        {"body": {"x": "{{query.x}}"}},
        {"request_body_mapping": "{'x': query.x}"},
        {"path_mapping": "'/things/' & query.x"},
        {"request_header_mapping": "{'x-x': rawQuery.x}"},
        {"request_header_mapping": {"x-x": "query.x"}},
        {"response_mapping": "response[$$.query.x = 1]"},
        {"response_header_mapping": "{'x-x': query.x}"},
        {"before": [{"type": "transform", "config": "1", "run_if": "query.x"}]},
        {"before": [{"type": "transform", "config": {"expression": "query.x"}}]},
        {"before": [{"type": "update_context", "config": "{'x': query.x}"}]},
        {"before": [{"type": "set_context", "config": {"x": "{{query.x}}"}}]},
        {"before": [{"type": "request", "config": {"path": "/{{query.x}}"}}]},
        {"before": [{"type": "request", "config": {"path": "/x", "query": {"x": "{{query.x}}"}}}]},
        {"before": [{"type": "request", "config": {"path": "/x", "headers": {"x": "{{query.x}}"}}}]},
        {"before": [{"type": "request", "config": "{'path': '/x', 'query': {'x': query.x}}"}]},
        {
            "before": [
                {
                    "type": "request",
                    "config": {"resource": "things", "method": "list", "query": {"x": "{{query.x}}"}},
                }
            ]
        },
        {"after": [{"type": "transform", "config": "data[$$.query.x]"}]},
        {"side_load": {"s": {"resource": "things", "id": "{{query.x}}"}}},
        {"side_load": {"s": {"resource": "things", "query": {"x": "{{query.x}}"}}}},
        {"side_load": {"s": {"resource": "things", "body": {"x": "{{query.x}}"}}}},
        {"side_load": {"s": {"resource": "things", "run_if": "query.x"}}},
        {"side_load": {"s": {"resource": "things", "response_mapping": "query.x"}}},
    ],
)
async def test_a_name_that_any_part_of_the_mapping_reads_is_used(mapping: dict[str, Any]) -> None:
    upstream = MemoryUpstream([answer({"items": [], "id": 1})] * 2)

    named = await _named({"query_mapping": "{}", **mapping}, query="x=1&y=1", upstream=upstream)

    assert named == {"query.y": "unknown_name"}


@pytest.mark.parametrize(
    "mapping",
    [
        {"error_mapping": "{'message': query.x}"},
        {"is_partial_expression": "$exists(query.x)"},
        {"response_mapping": "{'x': body.x}", "request_body_mapping": "{}"},
        {"request_header_mapping": "{'x': requestBody.x}", "request_body_mapping": "{}"},
    ],
)
async def test_a_name_that_changes_neither_request_nor_records_is_not_used(mapping: dict[str, Any]) -> None:
    named = await _named({"query_mapping": "{}", **mapping}, query="x=1", body={"x": 1})

    assert named["query.x"] == "unknown_name"
    if "request_body_mapping" in mapping:
        assert named["body.x"] == "unknown_name"


async def test_platform_parameters_and_the_record_itself_are_never_named() -> None:
    query = "limit=5&next_cursor=c&truto_ignore_remote_data=true&remote_query[x]=1&integrated_account_id=a"
    body = {"id": "7", "remote_data": {"anything": 1}, "first_name": "A"}

    assert await _named(FILTER, query=query) == {}
    assert await _named(FILTER, query="cursor=c") == {}
    assert await _named({**WRITE, "query_mapping": "{}"}, "update", "id=7", body) == {}


@pytest.mark.parametrize("remote_data", ["abc", [1], 0, [{"tel": 1}]])
@pytest.mark.parametrize("mapping", [WRITE, {}])
async def test_remote_data_that_is_no_object_is_named(mapping: dict[str, Any], remote_data: Any) -> None:
    result = await _call(mapping, "create", body={"first_name": "A", "remote_data": remote_data})

    assert result.warnings == (
        CallWarning(
            "unused_name",
            "body.remote_data is not used: it must be an object of further fields for the provider.",
            "body.remote_data",
        ),
    )


@pytest.mark.parametrize(
    ("mapping", "remote_data"),
    [
        (WRITE, {"id": 1, "zz": 2}),
        (WRITE, {}),
        (WRITE, None),
        ({"request_body_mapping": "{'name': body.first_name, 'tag': body.remote_data}"}, "abc"),
        ({"request_body_mapping": "body"}, "abc"),
    ],
)
async def test_remote_data_that_was_read_or_is_used_is_not_named(
    mapping: dict[str, Any], remote_data: Any
) -> None:
    assert await _named(mapping, "create", body={"first_name": "A", "remote_data": remote_data}) == {}


async def test_an_id_filters_no_list_unless_its_mapping_reads_it() -> None:
    assert await _named(FILTER, query="id=7") == {"query.id": "unknown_name"}
    assert await _named({"query_mapping": "{'id': query.id}"}, query="id=7") == {}


async def test_an_unknown_name_is_refused_where_the_environment_refuses_it() -> None:
    upstream = MemoryUpstream([])
    body = {"first_name": "A", "frist_name": "B", "phone": "1", "emails": [{"emial": "a"}]}

    with pytest.raises(BadRequest, match=r"Did you mean first_name\? 1 more name is unknown") as caught:
        await _call(WRITE, "create", body=body, refuses=True, upstream=upstream)

    assert upstream.sent == []
    assert [(each["path"], each["code"]) for each in caught.value.details["failures"]] == [
        ("body.frist_name", "unknown_name"),
        ("body.emails.0.emial", "unknown_name"),
    ]


async def test_a_name_that_only_this_product_leaves_out_is_named_where_unknown_ones_are_refused() -> None:
    named = await _named(WRITE, "create", body={"first_name": "A", "phone": "1"}, refuses=True)

    assert named == {"body.phone": "unused_name"}


@pytest.mark.parametrize(
    ("mapping", "body"),
    [
        (WRITE["request_body_mapping"], {"phone": "1", "nobody": "2"}),
        (WRITE["request_body_mapping"], {"emails": [{"type": "work"}]}),
        (WRITE["request_body_mapping"], {"emails": []}),
        ("{'kind': 'person', 'name': body.first_name}", {"phone": "1"}),
        ("{'properties': {'name': body.first_name}}", {"emails": []}),
        ("{'properties': {'name': body.first_name, 'mail': body.emails.email}}", {"emails": []}),
        ("body.never", {"phone": "1"}),
        ({"name": "body.first_name", "kind": {"$literal": "person"}}, {"phone": "1"}),
    ],
)
@pytest.mark.parametrize("refuses", [True, False])
async def test_a_write_of_which_nothing_remains_is_refused(mapping: Any, body: Any, refuses: bool) -> None:
    upstream = MemoryUpstream([])

    with pytest.raises(BadRequest) as caught:
        await _call(
            {"request_body_mapping": mapping}, "create", body=body, refuses=refuses, upstream=upstream
        )

    assert upstream.sent == []
    assert {each["path"] for each in caught.value.details["failures"]} & {f"body.{name}" for name in body}


@pytest.mark.parametrize(
    ("mapping", "body"),
    [
        ({}, {"phone": "1"}),
        ({}, {"extra": {}}),
        ({"request_body_mapping": "{'mails': [body.emails.email]}"}, {"emails": []}),
        (WRITE, {"phone": "1", "first_name": None}),
        (WRITE, {}),
        (WRITE, NO_BODY),
        (WRITE, {"id": "7"}),
        (WRITE, {"phone": "1", "remote_data": {"tel": "1"}}),
        (WRITE, {"remote_data": {"tel": "1"}}),
        (WRITE, {"remote_data": {}}),
        (WRITE, {"remote_data": None}),
        (WRITE, {"first_name": "A", "remote_data": {"id": "7"}}),
        ({"request_body_mapping": "{'x': body.remote_data.id}"}, {"remote_data": {"id": 1}}),
        ({"request_body_mapping": "{'text': body}"}, "abc"),
        ({"request_body_mapping": "{'all': body.{'n': first_name}}"}, [{"first_name": "A"}]),
        (WRITE, Blob(b"abc", "text/plain")),
        ({"request_body_mapping": "{}", "path_mapping": "'/things/' & body.phone"}, {"phone": "1"}),
        ({"request_body_mapping": "{}", "query_mapping": "{'p': body.phone}"}, {"phone": "1"}),
        (
            {"request_body_mapping": "{}", "before": [{"type": "transform", "config": "body.phone"}]},
            {"phone": "1"},
        ),
        ({"request_body_mapping": "{'p': body.phone}"}, {"phone": None}),
    ],
)
async def test_a_write_of_which_something_remains_is_sent(mapping: dict[str, Any], body: Any) -> None:
    upstream = MemoryUpstream([answer({"id": 1})])

    await _call(mapping, "update", body=body, upstream=upstream)

    assert len(upstream.sent) == 1


@pytest.mark.parametrize(
    "after",
    [
        [
            {
                "type": "request",
                "config": {"path": "/notes", "method": "post", "body": {"p": "{{body.phone}}"}},
            }
        ],
        [{"type": "request", "config": "{'path': '/notes'}", "run_if": "body.phone"}],
        [{"type": "set_context", "config": {"p": "{{body.phone}}"}}],
        [{"type": "update_context", "config": "{'p': body.phone}"}],
        [{"type": "transform", "config": "{'p': body.phone}"}, {"type": "update_context"}],
    ],
)
@pytest.mark.parametrize("written", ["{'kind': 'person'}", "{'name': body.first_name}"])
async def test_a_write_whose_steps_send_something_afterwards_is_sent(after: Any, written: str) -> None:
    upstream = MemoryUpstream([answer({"id": 1})] * 2)

    await _call(
        {"request_body_mapping": written, "after": after}, "create", body={"phone": "1"}, upstream=upstream
    )

    assert len(upstream.sent) == (2 if after[0]["type"] == "request" else 1)


async def test_a_write_of_which_only_the_answer_is_made_is_refused() -> None:
    after = [{"type": "update_context", "config": "{}"}, {"type": "transform", "config": "body.phone"}]

    with pytest.raises(BadRequest):
        await _call({**WRITE, "after": after}, "create", body={"phone": "1"})


@pytest.mark.parametrize(
    "mapping",
    [
        "{'properties': {'name': body.first_name}}",
        "{'kind': 'person', 'name': body.first_name}",
        "$exists(body) ? {'name': body.first_name}",
    ],
)
@pytest.mark.parametrize("body", ["abc", "", [1], [[1]], [], [{}], True, 0, None])
async def test_a_write_of_a_body_without_names_is_refused(mapping: str, body: Any) -> None:
    upstream = MemoryUpstream([])

    with pytest.raises(BadRequest, match="It carries ") as caught:
        await _call({"request_body_mapping": mapping}, "create", body=body, upstream=upstream)

    assert upstream.sent == []
    assert [(each["path"], each["code"]) for each in caught.value.details["failures"]] == [
        ("body", "unused_name")
    ]


@pytest.mark.parametrize("remote_data", [{"id": 1, "zz": 2}, "abc", [1], 0, {"zz": "7"}])
@pytest.mark.parametrize("rest", [{}, {"phone": "1"}, {"id": "7"}])
async def test_a_write_whose_remote_data_is_not_sent_is_refused(
    remote_data: Any, rest: dict[str, Any]
) -> None:
    upstream = MemoryUpstream([])

    with pytest.raises(BadRequest) as caught:
        await _call(WRITE, "update", body={**rest, "remote_data": remote_data}, upstream=upstream)

    assert upstream.sent == []
    assert "body.remote_data" in {each["path"] for each in caught.value.details["failures"]}


async def test_the_request_tells_the_call_log_the_names_alone() -> None:
    upstream = MemoryUpstream([answer({"id": 1})])

    await _call(WRITE, "create", body={"first_name": "A", "phone": "secret"}, upstream=upstream)

    assert upstream.sent[0].unused == ("body.phone",)


async def test_a_thousand_unknown_names_end_with_their_number() -> None:
    result = await _call(WRITE, "create", body={"first_name": "A", **{f"x{n}": n for n in range(1000)}})

    assert len(result.warnings) == 101
    assert result.warnings[-1] == CallWarning("left_out", "900 more names are not used.")


async def test_unknown_names_are_told_before_the_hundredth_unused_one() -> None:
    mapping = {"request_body_mapping": "{'x': body.extra.x, 'name': body.first_name}"}
    body = {"first_name": "A", "extra": {"x": 1, **{f"y{n}": n for n in range(200)}}, "frist_name": "B"}

    result = await _call(mapping, "create", body=body)

    assert [each.field for each in result.warnings[:2]] == ["body.frist_name", "body.extra.y0"]
    with pytest.raises(BadRequest, match="frist_name is not known"):
        await _call(mapping, "create", body=body, refuses=True)


async def test_a_long_name_is_told_by_its_beginning_and_without_names_like_it() -> None:
    name = "first_name" * 2000
    upstream = MemoryUpstream([answer({"id": 1})])
    place = f"body.{name}"[:200] + "…"

    (warning,) = (await _call(WRITE, "create", body={"first_name": "A", name: 1}, upstream=upstream)).warnings

    assert warning.field == place
    assert warning.message.startswith(f"{place} is not known to crm/contacts create. Known there are ")
    assert upstream.sent[0].unused == (place,)


async def test_a_lost_write_is_told_the_beginning_of_a_long_name() -> None:
    with pytest.raises(BadRequest) as caught:
        await _call(WRITE, "create", body={"x" * 20_000: 1})

    assert len(caught.value.message) < 500
    assert [len(each["path"]) for each in caught.value.details["failures"]] == [201]
