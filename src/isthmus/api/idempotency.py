"""Serves calls with an `Idempotency-Key`: stores the first response, and gives it again to repetitions with
the same key. A write whose response was lost is not sent again (`accounts.idempotency`).

A call without the header, or one that reads, never comes here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final
from urllib.parse import unquote_to_bytes, urlsplit

from isthmus.accounts.connections.gateway import AfterWrite, BeforeWrite
from isthmus.accounts.idempotency import MAX_ANSWER_BYTES, Claim, IdempotencyKeys, StoredAnswer, hash_parts
from isthmus.api.call_parsing import REPEAT_UNKNOWN, wants_repetition_of_unknown
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse, make_error_response
from isthmus.engine.upstream import OutgoingRequest
from isthmus.errors import BadRequest, IsthmusError, UpstreamError, failure
from isthmus.http.messages import HttpStream

__all__ = ["IDEMPOTENCY_KEY", "REPLAYED", "read_idempotency_key", "run_once"]

IDEMPOTENCY_KEY: Final = "idempotency-key"
REPLAYED: Final = "idempotency-replayed"

_MAX_KEY_LENGTH: Final = 255
_MUTATING: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def read_idempotency_key(request: IncomingRequest) -> str | None:
    """Returns the key of a request that may change something; None for other verbs and for an empty key.
    Raises BadRequest for a key of more than 255 characters, and for `isthmus_repeat_unknown` without a
    key."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if not key or request.verb not in _MUTATING:
        if wants_repetition_of_unknown(request):
            raise BadRequest(
                f"{REPEAT_UNKNOWN} repeats the call of an Idempotency-Key. Send the key with it.",
                failures=[failure("headers.idempotency-key", "must be sent", "required")],
            )
        return None
    if len(key) > _MAX_KEY_LENGTH:
        raise BadRequest(
            f"Idempotency-Key may have {_MAX_KEY_LENGTH} characters at most.",
            failures=[
                failure("headers.idempotency-key", f"at most {_MAX_KEY_LENGTH} characters", "too_long")
            ],
        )
    return key


async def run_once(
    keys: IdempotencyKeys,
    request: IncomingRequest,
    key: str,
    *,
    environment_id: str,
    account_id: str,
    make_response: Callable[[BeforeWrite], Awaitable[OutgoingResponse]],
) -> OutgoingResponse:
    """Runs `make_response` and stores its response; or returns the stored response of an earlier request with
    this key.

    `make_response` is given a function, to be awaited before each write to the provider. Reads the whole body
    first, because it is compared with that of the earlier request. An error response is stored too, if a
    repetition would get the same.
    """
    body = await request.read_body()
    claim = await keys.claim(
        environment_id,
        hash_parts([environment_id, account_id, request.verb, *request.segments, key]),
        hash_parts([_drop_repetition_flag(request.query_string), body]),
        repeat_unknown=wants_repetition_of_unknown(request),
    )
    if claim.answer is not None:
        stored = claim.answer
        headers = {**stored.headers, REPLAYED: "true"}
        return OutgoingResponse(stored.status, stored.content_type, stored.body, headers=headers)

    async def mark_sent(outgoing: OutgoingRequest) -> AfterWrite:
        """Commits where the request is about to be sent."""
        await keys.mark_sent(claim, _describe_destination(outgoing))
        return claim.note_answer

    failed = None
    try:
        response = await _read_short_stream(await make_response(mark_sent))
    except IsthmusError as error:
        failed, response = error, make_error_response(error, request.request_id)
    except BaseException:
        if claim.is_done or claim.unanswered:
            keys.leave_unknown(claim)
        else:
            await keys.release_claim(claim)
        raise
    await _end_claim(keys, claim, response, failed)
    return response


async def _end_claim(
    keys: IdempotencyKeys, claim: Claim, response: OutgoingResponse, error: IsthmusError | None
) -> None:
    """Stores the response under the claimed key, frees the key, or leaves its outcome unknown. `error`: what
    the response was made of; None for a result."""
    answer = StoredAnswer(response.status, response.content_type, response.headers, response.body)
    is_storable = response.stream is None and answer.is_final and not response.is_provisional
    if is_storable:
        await keys.store_answer(claim, answer)
    elif _is_possibly_carried_out(claim, error):
        keys.leave_unknown(claim)
    else:
        await keys.release_claim(claim)


def _is_possibly_carried_out(claim: Claim, error: IsthmusError | None) -> bool:
    """Returns True if the provider carried a write out, or may have: its answer was lost or cannot be
    used."""
    is_lost = claim.unanswered > 0 and not (
        isinstance(error, UpstreamError) and not error.is_possibly_delivered
    )
    return claim.is_done or is_lost


def _describe_destination(outgoing: OutgoingRequest) -> str:
    """Returns verb, host and operation of a request, for people; no path or query, which may hold secrets."""
    operation = outgoing.operation
    host = urlsplit(outgoing.http.url).hostname
    return f"{outgoing.http.method} {host} ({operation.resource}.{operation.method})"


def _drop_repetition_flag(query_string: bytes) -> bytes:
    """Returns the query string without `isthmus_repeat_unknown`, so that a repetition is the same request."""
    name = REPEAT_UNKNOWN.encode()
    parts = query_string.split(b"&")
    return b"&".join(part for part in parts if unquote_to_bytes(part.partition(b"=")[0]) != name)


async def _read_short_stream(response: OutgoingResponse) -> OutgoingResponse:
    """Returns the response with its stream read into a body, if it is short enough to be stored; otherwise
    the same response, whose stream begins with what was read already."""
    stream = response.stream
    if stream is None:
        return response
    parts: list[bytes] = []
    size = 0
    source = aiter(stream)
    async for part in source:
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            return replace(response, stream=_PartlyReadStream(parts, source, stream))
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return replace(response, body=b"".join(parts), headers=headers, stream=None)


class _PartlyReadStream:
    """A stream whose first chunks were read already, and are given again."""

    def __init__(self, read_parts: list[bytes], remaining: AsyncIterator[bytes], stream: HttpStream) -> None:
        self._parts = read_parts
        self._rest = remaining
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yields the chunks that were read already, then the remaining ones."""
        while self._parts:
            yield self._parts.pop(0)
        async for part in self._rest:
            yield part

    async def close(self) -> None:
        """Closes the provider's stream."""
        await self._stream.close()
