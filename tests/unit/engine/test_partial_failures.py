"""An answer that says success and did only a part is told, by `Isthmus-Warning`; no other answer is."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.engine.mapped_calls import RECORD, run
from tests.unit.engine.upstreams import MemoryUpstream, answer, integration

from isthmus.api.call_parsing import parse_call
from isthmus.engine import proxy
from isthmus.engine.custom import CustomCall, call_custom
from isthmus.engine.partial_failures import find_partial_failure

WRITE = {"is_write": True}
CUSTOM = {"is_write": True, "is_custom": True}
READ = {"is_write": False}
HALF = {"results": [{"id": 1}], "errors": [{"message": "2 is taken"}]}


@pytest.mark.parametrize(
    ("status", "body", "kind", "told"),
    [
        (200, {"data": {"a": 1}, "errors": [{"message": "no b"}]}, READ, "a part failed: no b"),
        (200, {"data": None, "errors": ["no"]}, READ, "a part failed: no"),
        (200, HALF, WRITE, "a part failed: 2 is taken"),
        (201, {"id": 1, "errors": {"email": ["is odd"]}}, WRITE, "a part failed: email: is odd"),
        (200, {"errors": True, "items": [{"index": {"status": 400}}]}, WRITE, "a part failed"),
        (200, [{"success": True, "id": 1}, {"success": False, "errors": [{"message": "no"}]}], WRITE,
         "1 of 2 parts failed: no"),
        (200, {"results": [{"ok": False}, {"ok": False}]}, WRITE, "2 of 2 parts failed"),
        (200, [{"status": 201}, {"status": 422, "error": "blank"}], WRITE, "1 of 2 parts failed: blank"),
        (207, [{"statusCode": 200}, {"statusCode": 404, "error": "gone"}], READ, "1 of 2 parts failed: gone"),
        (207, {"results": [{"id": 1}], "errors": [{"message": "x"}]}, WRITE, "a part failed: x"),
        (207, [{"status": "HTTP/1.1 200 OK"}, {"status": "HTTP/1.1 404 Not Found"}], READ,
         "1 of 2 parts failed"),
        (207, [{"status": "200"}, {"status": "409"}], WRITE, "1 of 2 parts failed"),
        (207, [{"status": 200, "id": 1}, {"status": 500, "id": 2}], CUSTOM, "1 of 2 parts failed"),
        (200, [{"ok": True, "id": 1}, {"ok": False, "id": None}], CUSTOM, "1 of 2 parts failed"),
        (200, [{"status": 200, "id": 1}, {"status": 500, "id": 2}], WRITE, "1 of 2 parts failed"),
        (207, {"multistatus": {"response": []}}, READ, "parts may have failed"),
        (207, None, WRITE, "parts may have failed"),
    ],
)  # fmt: skip
def test_a_part_that_failed_is_told(status: int, body: Any, kind: dict[str, bool], told: str) -> None:
    found = find_partial_failure("Acme", status, body, body, **kind)
    assert found is not None
    assert (found.code, found.field) == ("partial_failure", None)
    assert found.message == f"Acme answered {status}, and {told}. The body has more."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"errors": [], "data": {}}, READ),
        (200, {"errors": None, "data": {}}, READ),
        (200, {"errors": 0, "id": 1}, WRITE),
        (200, {"errors": "none", "id": 1}, WRITE),
        (200, {"errors": {}, "id": 1}, WRITE),
        (200, {"errors": {"count": 0}, "id": 1}, WRITE),
        (200, {"errors": [4, 5], "id": 1}, WRITE),
        (200, {"errors": False, "items": []}, WRITE),
        (200, HALF, READ),
        (200, {"id": 1, "errors": [{"message": "of the build"}]}, READ),
        (200, [{"success": True}, {"success": True}], WRITE),
        (200, [{"success": False}], READ),
        (200, [{"success": False}, {"id": 1}], WRITE),
        (200, [{"status": 3}, {"status": 500}], WRITE),
        (200, [{"status": "failed"}], WRITE),
        (200, {"id": 1, "steps": [{"ok": False}]}, WRITE),
        (200, {"status": 404, "id": 1}, WRITE),
        (200, {"success": False, "count": 1}, WRITE),
        (207, [{"status": 200}, {"status": 201}], WRITE),
        (207, [{"status": "HTTP/1.1 200 OK"}, {"status": "HTTP/2 204"}], WRITE),
        (207, {"responses": [{"status": "200"}, {"status_code": "201"}]}, READ),
        (200, [{"status": "500 pieces"}, {"status": "404 left"}], WRITE),
        (200, {"items": [{"id": 1, "status": 500}, {"id": 2, "ok": False}]}, CUSTOM),
        (200, None, WRITE),
        (200, "errors", WRITE),
        (200, [], WRITE),
    ],
)
def test_an_answer_that_does_not_say_so_is_no_partial_failure(
    status: int, body: Any, kind: dict[str, bool]
) -> None:
    assert find_partial_failure("Acme", status, body, body, **kind) is None


def test_a_list_of_errors_is_data_where_the_method_reads_it() -> None:
    body = {"errors": [{"message": "of a monitor"}], "results": [{"id": 1}]}
    assert find_partial_failure("Acme", 200, body, body["errors"], is_write=False) is None
    assert find_partial_failure("Acme", 200, body, body["results"], is_write=False) is not None


METHODS = {
    "list": {"path": "/things", "response_path": "items", "pagination": {"format": "page", "config": {}}},
    "create": {"path": "/things", "method": "post"},
    "search": {"path": "/search", "method": "post", "response_path": "items"},
}
ERRORS = [{"message": "2 is taken"}]


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("list", {"items": [{"no": 1}], "errors": ERRORS}),
        ("create", {"no": 1, "errors": ERRORS}),
        ("search", {"items": [{"no": 1}], "errors": ERRORS}),
    ],
)
async def test_the_result_of_a_call_tells_it(method: str, body: Any) -> None:
    config, call = integration(METHODS), parse_call(method, body={})
    results = [
        await proxy.call_method(MemoryUpstream([answer(body)]), config, "things", call),
        await run(MemoryUpstream([answer(body)]), {"response_mapping": RECORD}, call, METHODS),
        await call_custom(
            MemoryUpstream([answer(body)]),
            config,
            CustomCall(verb="POST", path="x", parameters=parse_call("custom")),
        ),
    ]
    for result in results:
        assert [(item.code, "2 is taken" in item.message) for item in result.warnings] == [
            ("partial_failure", True)
        ]


@pytest.mark.parametrize(("method", "count"), [("create", 1), ("search", 0)])
async def test_the_records_of_a_search_have_a_status_of_their_own(method: str, count: int) -> None:
    body = {"items": [{"id": 1, "status": 500}, {"id": 2, "status": 200}]}
    result = await proxy.call_method(
        MemoryUpstream([answer(body)]), integration(METHODS), "things", parse_call(method, body={})
    )
    assert len(result.warnings) == count


async def test_empty_pages_that_tell_the_same_tell_it_once() -> None:
    paging = {"format": "cursor", "config": {"cursor_field": "more", "cursor_path": "more"}}
    methods = {"list": {"path": "/things", "response_path": "items", "pagination": paging}}
    empty = [answer({"items": [], "errors": ERRORS, "more": f"c{number}"}) for number in range(3)]
    last = answer({"items": [{"no": 1}], "errors": ERRORS})
    result = await proxy.call_method(
        MemoryUpstream([*empty, last]), integration(methods), "things", parse_call("list")
    )
    assert [item.code for item in result.warnings] == ["partial_failure"]


async def test_a_page_that_is_skipped_because_it_is_empty_still_tells_what_failed() -> None:
    paging = {"format": "cursor", "config": {"cursor_field": "more", "cursor_path": "more"}}
    methods = {"list": {"path": "/things", "response_path": "items", "pagination": paging}}
    empty = answer({"items": [], "errors": ERRORS, "more": "c"})
    upstream = MemoryUpstream([empty, answer({"items": [{"no": 1}]})])
    result = await proxy.call_method(upstream, integration(methods), "things", parse_call("list"))
    assert len(upstream.sent) == 2
    assert [item.code for item in result.warnings] == ["partial_failure"]
