"""The HTTP server of the fake: routes, keys, pages and the control door that tests use."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

from aiohttp import web

from isthmus.kit.clock import Clock, SystemClock
from tests.fakes.larkdesk.faults import Fault
from tests.fakes.larkdesk.limits import RequestLimit, Visit
from tests.fakes.larkdesk.records import Record, Records, UnknownRecord

__all__ = ["CONTROL", "DEFINITION", "KEY", "Larkdesk", "running"]

KEY = "lark-key-1"
CONTROL = "/_control"
DEFINITION = Path(__file__).parent / "definition"
"""The folder with the integration definition, the unified model and the mappings of this product."""

_KEY_HEADER = "X-Lark-Key"
_MAX_PAGE = 200
_DEFAULT_PAGE = 25
_FILTERS = ("state", "ticket", "mail")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def _problem(status: int, text: str, *, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """Builds an error response, as the fake's API has it."""
    return web.json_response({"fault": {"code": code, "text": text}}, status=status, headers=headers)


def _encode_cursor(number: int, hop: int = 0) -> str:
    """Builds the cursor after the record with this number."""
    return base64.urlsafe_b64encode(json.dumps([number, hop]).encode()).decode()


def _decode_cursor(cursor: str) -> tuple[int, int]:
    """Raises ValueError."""
    try:
        number, hop = json.loads(base64.urlsafe_b64decode(cursor))
        return int(number), int(hop)
    except (binascii.Error, TypeError, ValueError) as error:
        raise ValueError("not a cursor") from error


class Larkdesk:
    """The product. `visits` is every request to `/v1/`, in the order of arrival; `faults` wait for theirs.

    `holding` is set once a request hangs.
    """

    def __init__(
        self,
        *,
        records: Records | None = None,
        limit: RequestLimit | None = None,
        keys: frozenset[str] = frozenset({KEY}),
        clock: Clock | None = None,
    ) -> None:
        self.records = records or Records()
        self.limit = limit or RequestLimit()
        self.keys = keys
        self.clock: Clock = clock or SystemClock()
        self.faults: list[Fault] = []
        self.visits: list[Visit] = []
        self.url = ""
        self.holding = asyncio.Event()
        self._closing = asyncio.Event()

    def cue(self, fault: Fault) -> None:
        """Makes the next requests meet a fault."""
        self.faults.append(fault)

    def application(self) -> web.Application:
        """Returns the server as an application."""
        app = web.Application(middlewares=[self._front])
        app.router.add_get("/v1/{resource}", self._list)
        app.router.add_post("/v1/{resource}", self._create)
        app.router.add_get("/v1/{resource}/{number}", self._get)
        app.router.add_patch("/v1/{resource}/{number}", self._update)
        app.router.add_delete("/v1/{resource}/{number}", self._delete)
        app.router.add_get(f"{CONTROL}/visits", self._visits)
        app.router.add_delete(f"{CONTROL}/visits", self._forget)
        app.router.add_post(f"{CONTROL}/faults", self._cue)
        app.router.add_put(f"{CONTROL}/limit", self._set_limit)
        return app

    async def close(self) -> None:
        """Lets go of the requests that hang."""
        self._closing.set()

    # The way in: log, key, limit, fault.

    @web.middleware
    async def _front(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handles what all requests share: writes them down, then checks key and limit, and applies
        faults."""
        if request.path.startswith(CONTROL):
            return await handler(request)
        visit = Visit(
            at=self.clock.monotonic(),
            method=request.method,
            path=request.path,
            query=dict(request.query),
            key=request.headers.get(_KEY_HEADER),
        )
        self.visits.append(visit)
        try:
            response = await self._admitted(request, handler, visit)
            visit.status = response.status
            return response
        except web.HTTPException as error:
            visit.status = error.status
            raise
        finally:
            visit.answered = self.clock.monotonic()

    async def _admitted(self, request: web.Request, handler: Handler, visit: Visit) -> web.StreamResponse:
        """Handles a request that came in its turn: checks its key and its limit."""
        if visit.key not in self.keys:
            return _problem(401, f"{_KEY_HEADER} is missing or unknown", code="bad_key")
        wait = self.limit.admit(visit)
        if wait is not None:
            told = {"retry-after": str(max(1, round(wait)))} if self.limit.tells_wait else {}
            return _problem(429, "Too many requests", code="slow_down", headers=told)
        fault = next((each for each in self.faults if each.strikes(request.path)), None)
        if fault is not None:
            return await self._fail(fault, request)
        return await handler(request)

    async def _fail(self, fault: Fault, request: web.Request) -> web.StreamResponse:
        """Answers with the fault."""
        match fault.kind:
            case "status":
                return _problem(fault.code, f"Broken on purpose ({fault.code})", code="on_cue")
            case "unauthorized":
                return _problem(401, "This key was revoked", code="bad_key")
            case "hang":
                await self._hang(fault.seconds)
                return _problem(503, "Held back on purpose", code="on_cue")
            case "reset":
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            case "garbage":
                return web.Response(body=b'{"items": [{"number": 1,', content_type="application/json")
            case "huge":
                return await _stream(request, fault.size)
            case "redirect":
                return web.Response(status=302, headers={"location": fault.location})
            case "empty_page":
                return self._empty_page(request)

    async def _hang(self, seconds: float) -> None:
        """Waits, until the seconds are over or the fake is stopped."""
        waits = [
            asyncio.ensure_future(self.clock.sleep(seconds)),
            asyncio.ensure_future(self._closing.wait()),
        ]
        await asyncio.sleep(0)
        self.holding.set()
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _empty_page(self, request: web.Request) -> web.Response:
        """Answers with a page without records."""
        number, hop = _decode_cursor(request.query.get("after") or _encode_cursor(0))
        return web.json_response({"items": [], "paging": {"after": _encode_cursor(number, hop + 1)}})

    # The product.

    def _resource(self, request: web.Request) -> str:
        """Returns the resource in the path; 404 if there is none."""
        resource = request.match_info["resource"]
        if resource not in self.records:
            raise web.HTTPNotFound(
                text=json.dumps({"fault": {"code": "no_route", "text": "No such route"}}),
                content_type="application/json",
            )
        return resource

    async def _list(self, request: web.Request) -> web.Response:
        """Answers with a page of records."""
        resource = self._resource(request)
        try:
            start, _ = _decode_cursor(request.query.get("after") or _encode_cursor(0))
            size = min(_MAX_PAGE, max(1, int(request.query.get("size", _DEFAULT_PAGE))))
        except ValueError:
            return _problem(400, "after or size cannot be read", code="bad_query")
        filters = {name: request.query[name] for name in _FILTERS if name in request.query}
        matching = (
            record
            for record in self.records.after(resource, start)
            if all(str(record.get(name)) == value for name, value in filters.items())
        )
        page = list(islice(matching, size + 1))
        after = _encode_cursor(page[size - 1]["number"]) if len(page) > size else None
        return web.json_response({"items": page[:size], "paging": {"after": after}})

    async def _get(self, request: web.Request) -> web.Response:
        """Answers with one record."""
        return await self._with_record(request, lambda resource, number: self.records.get(resource, number))

    async def _create(self, request: web.Request) -> web.Response:
        """Adds a record and answers with it."""
        resource = self._resource(request)
        fields = await _fields(request)
        if resource == "tickets" and not fields.get("subject"):
            return _problem(422, "subject is required", code="invalid")
        return web.json_response(self.records.create(resource, fields, self._moment()), status=201)

    async def _update(self, request: web.Request) -> web.Response:
        """Changes a record and answers with it."""
        fields = await _fields(request)
        return await self._with_record(
            request, lambda resource, number: self.records.update(resource, number, fields, self._moment())
        )

    async def _delete(self, request: web.Request) -> web.Response:
        """Removes a record."""
        resource = self._resource(request)
        try:
            self.records.delete(resource, int(request.match_info["number"]))
        except (UnknownRecord, ValueError):
            return _problem(404, "There is no such record", code="not_found")
        return web.Response(status=204)

    async def _with_record(self, request: web.Request, act: Callable[[str, int], Record]) -> web.Response:
        """Answers with what `act` returns for the record in the path; 404 if there is none."""
        resource = self._resource(request)
        try:
            return web.json_response(act(resource, int(request.match_info["number"])))
        except (UnknownRecord, ValueError):
            return _problem(404, "There is no such record", code="not_found")

    def _moment(self) -> str:
        """Returns the fake's time as text."""
        return self.clock.now().isoformat().replace("+00:00", "Z")

    # The control door, for tests that run the fake as a process of its own.

    async def _visits(self, request: web.Request) -> web.Response:
        """Answers with the log of requests."""
        return web.json_response([asdict(visit) for visit in self.visits])

    async def _forget(self, request: web.Request) -> web.Response:
        """Clears the log of requests."""
        self.visits.clear()
        return web.json_response({})

    async def _cue(self, request: web.Request) -> web.Response:
        """Makes the next requests meet the fault in the body."""
        fields: dict[str, Any] = await request.json()
        self.cue(Fault(**fields))
        return web.json_response({})

    async def _set_limit(self, request: web.Request) -> web.Response:
        """Sets the limit of requests."""
        fields: dict[str, Any] = await request.json()
        self.limit = RequestLimit(**fields)
        return web.json_response({})


async def _fields(request: web.Request) -> dict[str, Any]:
    """Parses the fields of a body."""
    try:
        fields = await request.json()
    except ValueError:
        fields = None
    if isinstance(fields, dict):
        return fields
    fault = {"fault": {"code": "invalid", "text": "the body must be an object"}}
    raise web.HTTPBadRequest(text=json.dumps(fault), content_type="application/json")


async def _stream(request: web.Request, size: int) -> web.StreamResponse:
    """Answers with so many bytes, in chunks."""
    response = web.StreamResponse(headers={"content-type": "application/json"})
    chunk = b'"' + b"x" * 65_535
    with suppress(ConnectionError):
        await response.prepare(request)
        for _ in range(size // len(chunk)):
            await response.write(chunk)
        await response.write_eof()
    return response


@asynccontextmanager
async def running(desk: Larkdesk, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[Larkdesk]:
    """Serves the fake in this loop; `desk.url` is where it listens."""
    runner = web.AppRunner(
        desk.application(), access_log=None, shutdown_timeout=0.5, handler_cancellation=True
    )
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    await site.start()
    desk.url = f"http://{host}:{runner.addresses[0][1]}"
    try:
        yield desk
    finally:
        await desk.close()
        await runner.cleanup()
