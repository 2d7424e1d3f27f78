"""Sandbox accounts: the recorded product, walked through the definition's own pagination."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.accounts.sandbox.product import CURSOR, FORMATS, Sandbox
from tests.unit.integrations.small_catalog import exchange, ticket

from isthmus.accounts.sandbox.exchange_choice import choose_exchanges, get_pagination_parameters
from isthmus.definitions.load import load_integration
from isthmus.engine.calls import ValueResult
from isthmus.engine.upstream import Operation, OutgoingRequest
from isthmus.errors import NotFound, RemoteError
from isthmus.http.messages import HttpRequest


@pytest.fixture(params=FORMATS)
def sandbox(request: pytest.FixtureRequest, tmp_path: Path) -> Sandbox:
    pagination, pages = FORMATS[request.param]
    gets = [exchange(ticket(number), id=str(number)) for number in range(1, 6)]
    gets.append(exchange({"fault": "no such ticket"}, status=404, id="999"))
    return Sandbox(tmp_path, pagination, {"tickets.list": pages, "tickets.get": gets})


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
async def test_any_limit_walks_each_record_once_in_order(sandbox: Sandbox, size: int) -> None:
    pages = await sandbox.walk(f"limit={size}")
    assert [number for page in pages for number in page] == [1, 2, 3, 4, 5]
    assert all(len(page) == size for page in pages[:-1])


async def test_only_the_first_page_has_none_before_it(sandbox: Sandbox) -> None:
    first = await sandbox.call(query_string="limit=2")
    second = await sandbox.call(query_string=f"limit=2&next_cursor={first.next_cursor}")
    assert first.prev_cursor is None
    if second.prev_cursor is not None:
        back = await sandbox.call(query_string=f"limit=2&prev_cursor={second.prev_cursor}")
        assert (back.records, back.prev_cursor) == (first.records, None)


async def test_without_a_limit_the_recorded_pages_are_walked(sandbox: Sandbox) -> None:
    """A product that tells neither total nor size is asked for one page more, which is empty."""
    pages = [page for page in await sandbox.walk() if page]
    assert pages in ([[1, 2], [3, 4], [5]], [[1, 2, 3, 4, 5]])


async def test_a_parameter_that_nobody_recorded_changes_nothing(sandbox: Sandbox) -> None:
    assert await sandbox.walk("colour=blue&status[in]=a") == await sandbox.walk()


async def test_a_record_is_got_by_its_id(sandbox: Sandbox) -> None:
    result = await sandbox.call("get", id="4")
    assert isinstance(result, ValueResult)
    assert result.body == ticket(4)


async def test_an_unknown_id_is_answered_as_the_product_did(sandbox: Sandbox) -> None:
    with pytest.raises(RemoteError) as refused:
        await sandbox.call("get", id="77")
    assert (refused.value.status, refused.value.raw_response) == (404, {"fault": "no such ticket"})


async def test_an_unknown_cursor_is_not_found(sandbox: Sandbox) -> None:
    for cursor in ("4711", "aHR0cHM6Ly9iLmV4YW1wbGUvdjEvdGlja2V0cz9hPTE"):
        with pytest.raises(Exception) as refused:
            await sandbox.call(query_string=f"limit=2&next_cursor={cursor}")
        assert getattr(refused.value, "status", None) in (400, 404)


async def test_lists_of_different_parents_are_told_apart(tmp_path: Path) -> None:
    files = {
        "comments.list": [
            exchange({"items": [{"no": 1}, {"no": 2}]}, query={"ticket_id": "1", "n": "2"}),
            exchange({"items": [{"no": 3}]}, query={"ticket_id": "2", "n": "2"}),
            exchange({"items": [{"no": 4}]}, query={"ticket_id": "2", "n": "2", "state": "open"}),
            exchange({"gone": True}, status=404, query={"ticket_id": "9"}),
        ]
    }
    sandbox = Sandbox(tmp_path, CURSOR, files)

    async def numbers(query: str) -> list[int]:
        page = await sandbox.call(resource="comments", query_string=query)
        return [record["no"] for record in page.records]

    assert await numbers("ticket_id=1") == [1, 2]
    assert await numbers("ticket_id=2") == [3]
    assert await numbers("ticket_id=2&state=open") == [4]
    assert await numbers("ticket_id=2&state=closed") == [3]
    with pytest.raises(RemoteError) as refused:
        await numbers("ticket_id=7")
    assert refused.value.raw_response == {"gone": True}


async def test_computed_pages_are_told_by_what_the_request_asks_for(tmp_path: Path) -> None:
    following = "$count(body.items) = 2 ? { 'from': $string(body.items[-1].no) }"
    pagination = {
        "format": "dynamic",
        "config": {
            "get_initial_pagination_values_expression": "{ 'from': '0' }",
            "get_pagination_values_expression": following,
        },
    }
    pages = [
        exchange({"items": [ticket(1), ticket(2)]}, query={"from": "0"}),
        exchange({"items": [ticket(3), ticket(4)]}, query={"from": "2"}),
        exchange({"items": [ticket(5)]}, query={"from": "4"}),
    ]
    sandbox = Sandbox(tmp_path, pagination, {"tickets.list": pages})
    assert await sandbox.walk("limit=1") == [[1, 2], [3, 4], [5]]
    with pytest.raises(RemoteError) as refused:
        await sandbox.call(query_string="next_cursor=4711")
    assert refused.value.status == 404


async def test_pages_that_are_asked_for_below_the_body_are_one_list(tmp_path: Path) -> None:
    pages = [
        exchange({"items": [ticket(1), ticket(2)], "paging": {"next": "c2"}}),
        exchange({"items": [ticket(3)], "paging": {}}),
    ]
    for page, variables in zip(pages, ({"first": 2}, {"first": 2, "after": "c2"}), strict=True):
        page["request"]["body"] = {"query": "{ tickets }", "variables": variables}
    names = {"cursor_param": "variables.after", "limit_param": "variables.first"}
    pagination = {"format": "cursor", "config": {"cursor_path": "paging.next", **names}}
    listing = {"method": "post", "body": {"query": "{ tickets }"}, "paginate_in_body": True}
    sandbox = Sandbox(tmp_path, pagination, {"tickets.list": pages}, **listing)
    assert await sandbox.walk() == [[1, 2], [3]]
    assert await sandbox.walk("limit=1") == [[1], [2], [3]]


@pytest.mark.parametrize(
    ("paths", "listing"),
    [
        ({"cursor_path": "data.*.next"}, {}),
        ({"cursor_path": "data.tickets.next", "has_more_path": "data.tickets.next != null"}, {}),
        ({"cursor_path": "data.tickets.next"}, {"response_path": "data.*.items"}),
        ({"cursor_path": "next"}, {"pagination_path": "data.tickets"}),
    ],
)
async def test_pages_whose_cursor_an_expression_finds_are_walked_as_they_were_recorded(
    tmp_path: Path, paths: dict[str, str], listing: dict[str, str]
) -> None:
    pages = [
        exchange({"data": {"tickets": {"items": [ticket(1), ticket(2)], "next": "c2"}}}),
        exchange({"data": {"tickets": {"items": [ticket(3)], "next": "c3"}}}, query={"cursor": "c2"}),
        exchange({"data": {"tickets": {"items": [ticket(4)], "next": None}}}, query={"cursor": "c3"}),
    ]
    listing = {"response_path": "data.tickets.items", **listing}
    sandbox = Sandbox(tmp_path, {"format": "cursor", "config": paths}, {"tickets.list": pages}, **listing)
    assert await sandbox.walk() == [[1, 2], [3], [4]]
    assert await sandbox.walk("limit=1") == [[1, 2], [3], [4]]
    with pytest.raises(RemoteError) as refused:
        await sandbox.call(query_string="next_cursor=4711")
    assert refused.value.status == 404


async def test_a_total_that_an_expression_finds_is_read_as_it_was_recorded(tmp_path: Path) -> None:
    pagination = {"format": "page", "config": {"total_pages_path": "$number(pages)"}}
    pages = [
        exchange({"items": [ticket(1), ticket(2)], "pages": "2"}, query={"page": "1"}),
        exchange({"items": [ticket(3)], "pages": "2"}, query={"page": "2"}),
    ]
    assert await Sandbox(tmp_path, pagination, {"tickets.list": pages}).walk() == [[1, 2], [3]]


async def test_a_list_that_the_product_does_not_page_is_not_cut(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, None, {"tickets.list": [exchange({"items": [ticket(1), ticket(2)]})]})
    assert await sandbox.walk("limit=1") == [[1, 2]]


async def test_a_method_without_exchanges_answers_its_sample_or_says_so(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, None, {})
    assert (await sandbox.call("export")).body == {"ok": True}
    with pytest.raises(NotFound, match=r"no answer of tickets\.odd is recorded"):
        await sandbox.call("odd")


async def test_nothing_is_kept(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path, None, {})
    await sandbox.upstream.update_context({"a": 1})
    assert sandbox.upstream.context == {"authorization": "none"}


@pytest.mark.parametrize(("status", "is_found"), [(200, True), (399, True), (400, False), (500, False)])
def test_a_recorded_refusal_is_no_record(tmp_path: Path, status: int, is_found: bool) -> None:
    sandbox = Sandbox(tmp_path, None, {"tickets.get": [exchange(ticket(1), status=status, id="1")]})
    recorded = sandbox.upstream._exchanges.find_exchanges("b", "tickets", "get")
    method = sandbox.definition.find_method("tickets", "get")
    assert method is not None
    operation = Operation("get", "tickets", "get", id="1")
    request = OutgoingRequest(HttpRequest("GET", "https://b.example/v1/tickets/1"), operation)
    assert (choose_exchanges(recorded, request, method, None) != []) is is_found


@pytest.mark.parametrize(
    "name", ["Content-Length", "content-encoding", "Transfer-Encoding", "connection", "x-total"]
)
async def test_headers_of_the_recorded_connection_are_left_out(tmp_path: Path, name: str) -> None:
    recorded = exchange(ticket(1), id="1")
    recorded["response"]["headers"][name] = "7"
    sandbox = Sandbox(tmp_path, None, {"tickets.get": [recorded]})
    operation = Operation("get", "tickets", "get", id="1")
    request = OutgoingRequest(HttpRequest("GET", "https://b.example/v1/tickets/1"), operation)
    assert (name in (await sandbox.upstream.send(request)).headers) is (name == "x-total")


@pytest.mark.parametrize(
    ("kind", "body", "sent"),
    [
        ("text/plain", "plain", b"plain"),
        ("application/json", "quoted", b'"quoted"'),
        (None, {"a": 1}, b'{"a":1}'),
        (None, None, b""),
    ],
)
async def test_a_recorded_text_is_quoted_where_it_is_json(
    tmp_path: Path, kind: str | None, body: object, sent: bytes
) -> None:
    recorded = exchange(body, id="1")
    recorded["response"]["headers"] = {} if kind is None else {"content-type": kind}
    sandbox = Sandbox(tmp_path, None, {"tickets.get": [recorded]})
    operation = Operation("get", "tickets", "get", id="1")
    request = OutgoingRequest(HttpRequest("GET", "https://b.example/v1/tickets/1"), operation)
    assert (await sandbox.upstream.send(request)).body == sent


async def test_a_value_of_the_context_in_a_path_is_no_parameter(tmp_path: Path) -> None:
    listed = {"tickets.list": [exchange({"items": [ticket(1)]}, query={"authorization": "a"})]}
    sandbox = Sandbox(tmp_path, None, listed, path="/{{context.authorization}}/tickets")
    assert await sandbox.walk("authorization=b") == [[1]]


async def test_an_id_in_the_query_of_a_path_is_looked_for(tmp_path: Path) -> None:
    listed = {"tickets.list": [exchange({"items": [ticket(1)]}, query={"id": "1"})]}
    sandbox = Sandbox(tmp_path, None, listed, path="/{{query.id}}/tickets")
    assert await sandbox.walk("id=1") == [[1]]
    with pytest.raises(RemoteError):
        await sandbox.walk("id=2")


def test_a_page_and_its_size_are_always_parameters_of_paging() -> None:
    assert get_pagination_parameters(None) == {"page", "limit"}
    definition = load_integration({"pagination": CURSOR})
    assert get_pagination_parameters(definition.pagination) == {"page", "limit", "after", "n"}
