"""A product on recorded exchanges, in each form of pagination, and the sandbox account that replays it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from tests.unit.integrations.small_catalog import exchange, ticket

from isthmus.accounts.sandbox.replay import SandboxUpstream
from isthmus.accounts.sandbox.stored_records import MemoryRecords
from isthmus.api.call_parsing import parse_call
from isthmus.definitions.load import load_integration
from isthmus.engine import proxy
from isthmus.engine.calls import ListResult
from isthmus.engine.queries import parse_query
from isthmus.engine.upstream import AccountFacts
from isthmus.integrations.catalog.exchanges import Exchanges
from isthmus.integrations.catalog.shipped_files import Catalog

__all__ = ["CURSOR", "FACTS", "FORMATS", "HAS_MORE", "Sandbox", "linked"]

FACTS = AccountFacts("a", "sandbox", "e", is_sandbox=True, authentication_method="sandbox")


def linked(items: list[Any], query: str, after: str | None = None) -> dict[str, Any]:
    """A page whose product has a name of its own for what asks for the next."""
    page: dict[str, Any] = exchange({"items": items}, query=dict(parse_qsl(query)))
    if after is not None:
        page["response"]["headers"]["link"] = f'<https://b.example/v1/tickets?n=2&after={after}>; rel="next"'
    return page


CURSOR = {
    "format": "cursor",
    "config": {"cursor_path": "paging.next", "cursor_param": "after", "limit_param": "n"},
}
HAS_MORE = {
    "format": "cursor",
    "config": {
        "cursor_path": "meta.after",
        "has_more_path": "meta.more",
        "prev_cursor_path": "meta.before",
        "limit_param": "n",
        "default_limit": 100,
    },
}
FORMATS: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "cursor": (
        CURSOR,
        [
            exchange({"items": [ticket(1), ticket(2)], "paging": {"next": "c2"}}, query={"n": "2"}),
            exchange(
                {"items": [ticket(3), ticket(4)], "paging": {"next": "c3"}}, query={"n": "2", "after": "c2"}
            ),
            exchange({"items": [ticket(5)], "paging": {}}, query={"n": "2", "after": "c3"}),
        ],
    ),
    "cursor with a flag": (
        HAS_MORE,
        [
            exchange(
                {"items": [ticket(1), ticket(2)], "meta": {"more": True, "after": "c2"}}, query={"n": "2"}
            ),
            exchange(
                {"items": [ticket(3), ticket(4)], "meta": {"more": True, "after": "c3"}},
                query={"cursor": "c2"},
            ),
            exchange({"items": [ticket(5)], "meta": {"more": False, "after": "c4"}}, query={"cursor": "c3"}),
        ],
    ),
    "cursor that is an address": (
        CURSOR,
        [
            exchange(
                {"items": [ticket(1), ticket(2)], "paging": {"next": "https://b.example/v1/tickets?after=2"}}
            ),
            exchange(
                {"items": [ticket(3), ticket(4)], "paging": {"next": "https://b.example/v1/tickets?after=4"}}
            ),
            exchange({"items": [ticket(5)], "paging": {"next": None}}),
        ],
    ),
    "page": (
        {"format": "page", "config": {"page_param": "p", "limit_param": "n"}},
        [
            exchange({"items": [ticket(1), ticket(2)]}, query={"p": "1"}),
            exchange({"items": [ticket(3), ticket(4)]}, query={"p": "2"}),
            exchange({"items": [ticket(5)]}, query={"p": "3"}),
        ],
    ),
    "page with a total": (
        {"format": "page", "config": {"total_pages_path": "pages", "start_page": 0}},
        [
            exchange({"items": [ticket(1), ticket(2)], "pages": 2}, query={"page": "0"}),
            exchange({"items": [ticket(3), ticket(4)], "pages": 2}, query={"page": "1"}),
            exchange({"items": [ticket(5)], "pages": 2}, query={"page": "2"}),
        ],
    ),
    "offset": (
        {"format": "offset", "config": {}},
        [
            exchange({"items": [ticket(1), ticket(2)]}, query={"offset": "0", "limit": "2"}),
            exchange({"items": [ticket(3), ticket(4)]}, query={"offset": "2", "limit": "2"}),
            exchange({"items": [ticket(5)]}, query={"offset": "4", "limit": "2"}),
        ],
    ),
    "offset with a total": (
        {"format": "offset", "config": {"total_path": "total", "start_offset": 1}},
        [
            exchange({"items": [ticket(1), ticket(2)], "total": 90}, query={"offset": "1"}),
            exchange({"items": [ticket(3), ticket(4)], "total": 90}, query={"offset": "3"}),
            exchange({"items": [ticket(5)], "total": 90}, query={"offset": "5"}),
        ],
    ),
    "range": (
        {"format": "range", "config": {"default_limit": 2}},
        [
            exchange({"items": [ticket(1), ticket(2)]}),
            exchange({"items": [ticket(3), ticket(4)]}),
            exchange({"items": [ticket(5)]}),
        ],
    ),
    "link header": (
        {"format": "link_header", "config": {"limit_param": "n"}},
        [
            exchange({"items": [ticket(1), ticket(2)]}, query={"n": "2"}),
            exchange({"items": [ticket(3), ticket(4)]}, query={"n": "2", "page": "2"}),
            exchange({"items": [ticket(5)]}, query={"n": "2", "page": "3"}),
        ],
    ),
    "link header with a token": (
        {"format": "link_header", "config": {"limit_param": "n"}},
        [
            linked([ticket(1), ticket(2)], "n=2", after="two"),
            linked([ticket(3), ticket(4)], "n=2&after=two", after="four"),
            linked([ticket(5)], "n=2&after=four"),
        ],
    ),
}


class Sandbox:
    """A product of one pagination, with its exchanges on disk."""

    def __init__(
        self, folder: Path, pagination: dict[str, Any] | None, files: dict[str, Any], **listing: Any
    ) -> None:
        """`listing`: more of the list's definition; `body_format` in it is of the writes."""
        writing = {"body_format": listing.pop("body_format", "json")}
        examples = folder / "integrations" / "b" / "examples"
        examples.mkdir(parents=True)
        for name, exchanges in files.items():
            (examples / f"{name}.json").write_text(json.dumps(exchanges))
        config = {
            "base_url": "https://b.example/v1",
            "pagination": pagination,
            "resources": {
                "tickets": {
                    "list": {"path": "/tickets", "response_path": "items", **listing},
                    "get": {"path": "/tickets/{{id}}"},
                    "create": {"method": "post", "path": "/tickets", **writing},
                    "update": {"method": "patch", "path": "/tickets/{{id}}", **writing},
                    "delete": {"method": "delete", "path": "/tickets/{{id}}"},
                    "export": {"path": "/export", "examples": {"response": '{"ok": true}'}},
                    "odd": {"path": "/odd"},
                },
                "comments": {
                    "list": {"path": "/tickets/{{query.ticket_id}}/c", "response_path": "items"},
                    "create": {"method": "post", "path": "/tickets/{{query.ticket_id}}/c"},
                },
            },
        }
        self.definition = load_integration(config)
        exchanges = Exchanges(Catalog(folder))
        self.upstream = SandboxUpstream(
            FACTS, {"authorization": "none"}, "b", self.definition, exchanges, MemoryRecords()
        )

    async def call(
        self, method: str = "list", resource: str = "tickets", query_string: str = "", **values: Any
    ) -> Any:
        call = parse_call(method, query=parse_query(query_string), **values)
        return await proxy.call_method(self.upstream, self.definition, resource, call)

    async def list_warned(self, query: str) -> tuple[list[int], list[str | None]]:
        """The numbers of the first page's records, and the fields of its warnings."""
        page = await self.call(query_string=query)
        assert all(warning.code == "unfiltered" for warning in page.warnings)
        return [record["no"] for record in page.records], [warning.field for warning in page.warnings]

    async def walk(self, query: str = "") -> list[list[int]]:
        """The numbers of each page's records."""
        pages: list[list[int]] = []
        cursor: str | None = ""
        while cursor is not None and len(pages) < 20:
            page = await self.call(query_string=f"{query}&next_cursor={cursor}")
            assert isinstance(page, ListResult)
            records: list[Any] = list(page.records)
            pages.append([record["no"] for record in records])
            cursor = page.next_cursor
        return pages
