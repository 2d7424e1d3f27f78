"""Serves calls with an `Idempotency-Key`: stores the first response, and gives it again to repetitions with
the same key.

A call without the header, or one that reads, never comes here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from isthmus.accounts.idempotency import MAX_ANSWER_BYTES, Claim, IdempotencyKeys, StoredAnswer, hash_parts
from isthmus.api.incoming_request import IncomingRequest
from isthmus.api.outgoing_response import OutgoingResponse, make_error_response
from isthmus.errors import BadRequest, IsthmusError, failure
from isthmus.http.messages import HttpStream

__all__ = ["IDEMPOTENCY_KEY", "REPLAYED", "read_idempotency_key", "run_once"]

IDEMPOTENCY_KEY: Final = "idempotency-key"
REPLAYED: Final = "idempotency-replayed"

_MAX_KEY_LENGTH: Final = 255
_MUTATING: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def read_idempotency_key(request: IncomingRequest) -> str | None:
    """Returns the key of a request that may change something; None for other verbs and for an empty key.
    Raises BadRequest for a key of more than 255 characters."""
    key = request.headers.get(IDEMPOTENCY_KEY)
    if not key or request.verb not in _MUTATING:
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
    make_response: Callable[[], Awaitable[OutgoingResponse]],
) -> OutgoingResponse:
    """Runs `make_response` and stores its response; or returns the stored response of an earlier request with
    this key.

    Reads the whole body first, because it is compared with that of the earlier request. An error response is
    stored too; nothing is stored if another exception is raised.
    """
    body = await request.read_body()
    claim = await keys.claim(
        environment_id,
        hash_parts([environment_id, account_id, request.verb, *request.segments, key]),
        hash_parts([request.query_string, body]),
    )
    if claim.answer is not None:
        stored = claim.answer
        headers = {**stored.headers, REPLAYED: "true"}
        return OutgoingResponse(stored.status, stored.content_type, stored.body, headers=headers)
    try:
        response = await _read_short_stream(await make_response())
    except IsthmusError as error:
        response = make_error_response(error, request.request_id)
    except BaseException:
        await keys.release_claim(claim)
        raise
    await _store_response(keys, claim, response)
    return response


async def _store_response(keys: IdempotencyKeys, claim: Claim, response: OutgoingResponse) -> None:
    """Stores the response under the claimed key; releases the key where the response is a long stream."""
    if response.stream is not None:
        await keys.release_claim(claim)
        return
    await keys.store_answer(
        claim, StoredAnswer(response.status, response.content_type, response.headers, response.body)
    )


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
