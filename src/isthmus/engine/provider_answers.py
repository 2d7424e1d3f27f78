"""Sends one request of a method and reads its answer. The engine sends nowhere else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from isthmus.engine.calls import StreamResult
from isthmus.engine.evaluation import find_at_path
from isthmus.engine.method_plans import MethodPlan
from isthmus.engine.pagination import Cursors, PageAnswer, PageRequest, RangePaginator
from isthmus.engine.partial_failures import find_partial_failure
from isthmus.engine.provider_errors import ProviderFailure, find_failure, make_throttled_failure
from isthmus.engine.requests import MethodInputs, build_request
from isthmus.engine.responses import (
    DataPath,
    find_raw_records,
    is_parsed_as_xml,
    parse_body,
    parse_error_body,
    read_media_type,
)
from isthmus.engine.upstream import Upstream
from isthmus.errors import UpstreamError, UpstreamInvalid
from isthmus.expressions import UNDEFINED, run_in_turns
from isthmus.expressions.host import Blob
from isthmus.http.messages import HttpResponse, HttpStream
from isthmus.kit.call_warnings import CallWarning
from isthmus.kit.clock import Clock

__all__ = ["MAX_EMPTY_PAGES", "Page", "ProviderAnswer", "fetch_answer", "fetch_filled_page", "is_write"]

MAX_EMPTY_PAGES: Final = 20

_STREAM_HEADERS: Final = ("content-type", "content-disposition", "content-length", "content-language", "etag")
_RANGE_NOT_SATISFIABLE: Final = 416
_MULTIPLE_CHOICES: Final = 300
_STATUSES_WITHOUT_BODY: Final = frozenset({204, 205})
_FORMATS_OF_NOTHING: Final = frozenset({"binary", "csv", "text"})
"""Formats in which no records are no bytes."""
_NO_CURSORS: Final = Cursors()
_READ_KINDS: Final = frozenset({"list", "get"})
_READ_VERBS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """A successful answer. `body`: the whole parsed body. `data`: what `response_path` finds in it; for
    nothing, [] on a list and None else. `raw`: the provider's records in the data of a list, else empty.
    `stream`: not None where the answer is passed on as it arrives; then `body` is None. `warnings`: what the
    answer leaves out of what was asked."""

    status: int
    headers: Mapping[str, str]
    body: Any
    data: Any
    raw: list[Any] = field(default_factory=list)
    cursors: Cursors = _NO_CURSORS
    stream: HttpStream | None = None
    warnings: tuple[CallWarning, ...] = ()

    def to_stream_result(self, stream: HttpStream) -> StreamResult:
        """Returns the result that passes `stream` on, with the headers that describe it."""
        headers = {name: self.headers[name] for name in _STREAM_HEADERS if name in self.headers}
        return StreamResult(self.status, headers, stream, self.warnings)


async def fetch_answer(
    upstream: Upstream, plan: MethodPlan, inputs: MethodInputs, cursor: str | None, clock: Clock
) -> ProviderAnswer:
    """Sends the request of one page of a method, and reads the answer. Raises ProviderFailure for an error of
    the provider, and what `build_request` and `Upstream.send` raise; an UpstreamError names the product."""
    try:
        return await _send_and_read(upstream, plan, inputs, cursor, clock)
    except UpstreamError as error:
        error.name_product(upstream.account.product)
        raise


async def _send_and_read(
    upstream: Upstream, plan: MethodPlan, inputs: MethodInputs, cursor: str | None, clock: Clock
) -> ProviderAnswer:
    """Sends the request and reads the answer, as `fetch_answer` does."""
    account = upstream.account
    outgoing, page = await run_in_turns(
        partial(
            build_request,
            plan,
            inputs,
            upstream.context,
            account.authentication_method,
            cursor,
            cursor_key=account.cursor_key,
        )
    )
    reader = _AnswerReader(plan, inputs, clock)
    if plan.error_expression is not None:
        outgoing = replace(outgoing, status_of=reader.find_status)
    response = await upstream.send(outgoing)
    wait = await outgoing.throttling.find_wait(response, clock)
    if wait is not None:
        await _close_stream(response)
        now = clock.now().timestamp()
        raise await run_in_turns(
            make_throttled_failure, plan.definition, plan.error_expression, response, wait, now
        )
    if response.stream is not None:
        return ProviderAnswer(
            response.status,
            response.headers,
            None,
            None,
            stream=response.stream,
            warnings=(*inputs.warnings, *response.warnings),
        )
    answer = await run_in_turns(_make_answer, plan, inputs, response, page, reader)
    failure = find_partial_failure(
        account.product,
        answer.status,
        answer.body,
        answer.data,
        is_write=not inputs.asks_for_list and is_write(plan, inputs.kind),
        is_custom=inputs.kind == "custom",
    )
    warnings = (*inputs.warnings, *response.warnings, *(() if failure is None else (failure,)))
    return replace(answer, warnings=warnings) if warnings else answer


def is_write(plan: MethodPlan, kind: str) -> bool:
    """Returns True if a request of the method may change something at the provider. `kind`: of the call."""
    return kind not in _READ_KINDS and plan.verb not in _READ_VERBS


async def _close_stream(response: HttpResponse) -> None:
    """Closes the stream of a response that is not passed on, if it has one."""
    if response.stream is not None:
        await response.stream.close()


@dataclass(frozen=True, slots=True)
class _ReadAnswer:
    """An answer with its parsed `body`. `is_opaque`: the body is bytes, or could not be parsed, so that no
    `response_path` applies. `failed`: the error that the answer means, None for a success."""

    response: HttpResponse
    body: Any
    is_opaque: bool
    failed: ProviderFailure | None


class _AnswerReader:
    """Parses the answers of one request, and tells whether they are errors. Each answer is parsed once,
    though both the gateway (to know the account's state) and the call ask."""

    __slots__ = ("_clock", "_inputs", "_last", "_plan")

    def __init__(self, plan: MethodPlan, inputs: MethodInputs, clock: Clock) -> None:
        self._plan, self._inputs, self._clock = plan, inputs, clock
        self._last: _ReadAnswer | None = None

    def find_status(self, response: HttpResponse) -> int:
        """Returns the status that an answer means: its own, or that of the error in its body. Raises nothing
        for a body that cannot be parsed."""
        if response.stream is not None or _is_end_of_ranges(self._plan, self._inputs, response):
            return response.status
        try:
            failed = self.read(response).failed
        except UpstreamInvalid:
            return response.status
        return response.status if failed is None else failed.status

    def read(self, response: HttpResponse) -> _ReadAnswer:
        """Parses an answer, the same one only once. Raises UpstreamInvalid where the body cannot be parsed,
        and the definition makes that an error."""
        if self._last is None or self._last.response is not response:
            self._last = self._parse(response)
        return self._last

    def _parse(self, response: HttpResponse) -> _ReadAnswer:
        """Returns the answer parsed by its status and type, with the error that it means."""
        plan = self._plan
        if response.status >= 400:
            body, is_opaque = parse_error_body(plan.definition, response), False
        elif self._inputs.reads_whole and plan.streams(response.status, response.headers):
            body, is_opaque = Blob(response.body, response.headers.get("content-type", "")), True
        else:
            parsed = parse_body(plan.definition, response)
            body, is_opaque = parsed.body, parsed.is_unparsed
        failed = None
        if response.status >= 400 or plan.error_expression is not None:
            failed = find_failure(plan.error_expression, response, body, self._clock.now().timestamp())
        return _ReadAnswer(response, body, is_opaque, failed)


def _is_end_of_ranges(plan: MethodPlan, inputs: MethodInputs, response: HttpResponse) -> bool:
    """Returns True if a list that is paged by `Range` headers is answered with 416: the list ends here, and
    that is no error."""
    return (
        response.status == _RANGE_NOT_SATISFIABLE
        and inputs.asks_for_list
        and isinstance(plan.paginator, RangePaginator)
    )


def _make_answer(
    plan: MethodPlan, inputs: MethodInputs, response: HttpResponse, page: PageRequest, reader: _AnswerReader
) -> ProviderAnswer:
    """Returns the answer with its data and cursors. Raises ProviderFailure where it is an error."""
    if _is_end_of_ranges(plan, inputs, response):
        cursors = _read_cursors(plan, response, page, None, [])
        return ProviderAnswer(response.status, response.headers, None, [], [], cursors)
    read = reader.read(response)
    if read.failed is not None:
        raise read.failed
    if inputs.asks_for_list or (plan.name == "get" and inputs.kind != "custom"):
        _require_records(plan, response)
    path = None if read.is_opaque else plan.response_path
    if not inputs.asks_for_list:
        data = read.body if path is None else path.read(read.body)
        return ProviderAnswer(
            response.status, response.headers, read.body, None if data is UNDEFINED else data
        )
    data, raw = _find_list(plan, path, response, read.body)
    cursors = _read_cursors(plan, response, page, read.body, raw)
    return ProviderAnswer(response.status, response.headers, read.body, data, raw, cursors)


def _find_list(
    plan: MethodPlan, path: DataPath | None, response: HttpResponse, body: Any
) -> tuple[Any, list[Any]]:
    """Returns the data of a list, and the provider's records in it. An object is the one record where the
    definition's path leads to it in XML, which writes an array of one like that.

    Raises UpstreamInvalid for text or another single value: a page that says "back soon" is no list.
    """
    data, is_record = (body, False) if path is None else path.read_list(body)
    if (path is None or data is UNDEFINED) and isinstance(body, (str, int, float)):
        _refuse_value_for_list(plan, path, response, body)
    if data is UNDEFINED or data is None:
        return [], []
    if path is not None and isinstance(data, dict) and is_parsed_as_xml(plan.definition, response):
        is_record = True
    return data, [data] if is_record else find_raw_records(data)


def _require_records(plan: MethodPlan, response: HttpResponse) -> None:
    """Raises UpstreamInvalid for an answer to a list or `get` that brings nothing, and does not say so: it
    would be taken for an empty list, or mapped to an invented record."""
    start = f"The provider answered {plan.resource}.{plan.name} with status {response.status}"
    if response.status >= _MULTIPLE_CHOICES:
        raise UpstreamInvalid(f"{start}, which brings no records.")
    if response.body or response.status in _STATUSES_WITHOUT_BODY:
        return
    response_format, throws = plan.definition.api_response_format, plan.definition.throw_error_on_parse_error
    if response_format not in _FORMATS_OF_NOTHING and throws is not False:
        raise UpstreamInvalid(
            f"{start} and an empty body. If that is how it says that there is nothing, set "
            "throw_error_on_parse_error to false."
        )


def _refuse_value_for_list(
    plan: MethodPlan, path: DataPath | None, response: HttpResponse, value: str | float
) -> None:
    """Raises UpstreamInvalid for a body that is one value instead of a list, unless it is text that the
    definition asks for."""
    kind = read_media_type(response.headers) or "of no type"
    if not isinstance(value, str):
        raise UpstreamInvalid(
            f"The provider answered the list with {response.status} and a single value ({kind}), not a list."
        )
    if path is None and plan.definition.api_response_format == "text":
        return
    missing = "" if path is None else " in which response_path finds nothing"
    raise UpstreamInvalid(
        f"The provider answered the list with {response.status} and text ({kind}){missing}. If that is how "
        "it writes data, set api_response_format."
    )


def _read_cursors(
    plan: MethodPlan, response: HttpResponse, page: PageRequest, body: Any, raw: list[Any]
) -> Cursors:
    """Returns the cursors of the pages next to this one. `raw`: the provider's records on the page. Raises
    MappingFailed."""
    if plan.paginator is None:
        return _NO_CURSORS
    root = body
    if plan.cursor_root is not None:
        root = find_at_path(f"resources.{plan.resource}.{plan.name}.pagination_path", plan.cursor_root, body)
    root = None if root is UNDEFINED else root
    answer = PageAnswer(root, response.headers, response.url, len(raw), response.status)
    return plan.paginator.read_cursors(page, answer)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of records as the caller gets them, and the cursors of the pages next to it. `warnings`: what
    the provider's answer leaves out of what was asked."""

    records: list[Any]
    next_cursor: str | None
    prev_cursor: str | None
    is_partial: bool = False
    headers: Mapping[str, str] | None = None
    warnings: tuple[CallWarning, ...] = ()


async def fetch_filled_page(
    fetch: Callable[[str | None], Awaitable[Page | StreamResult]], cursor: str | None
) -> Page | StreamResult:
    """Fetches the page at a cursor, or the first page after it that has records: clients take an empty page
    for the end of the list. After 20 empty pages in a row the last is returned as it is. `fetch`: fetches the
    page at a cursor."""
    page = await fetch(cursor)
    for _ in range(MAX_EMPTY_PAGES):
        if isinstance(page, StreamResult) or page.records or page.next_cursor is None:
            break
        skipped, page = page, await fetch(page.next_cursor)
        if skipped.warnings:
            page = replace(page, warnings=tuple(dict.fromkeys((*skipped.warnings, *page.warnings))))
    return page
