"""The header `Idempotency-Key` on calls that change something (`api.md` §1.7). Without it nothing is done."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Final

from isthmus.accounts.idempotency import MAX_ANSWER_BYTES, Claim, IdempotencyKeys, KeptAnswer, digest
from isthmus.api.incoming_request import Incoming
from isthmus.api.outgoing_response import Answer, error_answer
from isthmus.errors import BadRequest, IsthmusError, failure
from isthmus.http.messages import HttpStream

__all__ = ["REPLAYED", "key_of", "once"]

REPLAYED: Final = "idempotency-replayed"

_HEADER: Final = "idempotency-key"
_LONGEST: Final = 255
_MUTATING: Final = frozenset({"POST", "PATCH", "PUT", "DELETE"})


def key_of(incoming: Incoming) -> str | None:
    """The key, where the call may have one. Raises BadRequest for one of more than 255 characters."""
    key = incoming.headers.get(_HEADER)
    if not key or incoming.verb not in _MUTATING:
        return None
    if len(key) > _LONGEST:
        raise BadRequest(
            f"Idempotency-Key may have {_LONGEST} characters at most.",
            failures=[failure("headers.idempotency-key", f"at most {_LONGEST} characters", "too_long")],
        )
    return key


async def once(
    keys: IdempotencyKeys,
    incoming: Incoming,
    key: str,
    *,
    environment_id: str,
    account_id: str,
    work: Callable[[], Awaitable[Answer]],
) -> Answer:
    """The answer of `work`, which is kept; or what was kept of the call before.

    The body is read whole first: it tells whether a repetition is one.
    """
    body = await incoming.read_body()
    claim = await keys.claim(
        environment_id,
        digest([environment_id, account_id, incoming.verb, *incoming.segments, key]),
        digest([incoming.query_string, body]),
    )
    if claim.answer is not None:
        kept = claim.answer
        headers = {**kept.headers, REPLAYED: "true"}
        return Answer(kept.status, kept.content_type, kept.body, headers=headers)
    try:
        answer = await _read(await work())
    except IsthmusError as failed:
        answer = error_answer(failed, incoming.request_id)
    except BaseException:
        await keys.release(claim)
        raise
    await _settle(keys, claim, answer)
    return answer


async def _settle(keys: IdempotencyKeys, claim: Claim, answer: Answer) -> None:
    if answer.stream is not None:
        await keys.release(claim)
        return
    await keys.settle(claim, KeptAnswer(answer.status, answer.content_type, answer.headers, answer.body))


async def _read(answer: Answer) -> Answer:
    """A stream as a body, where it is short enough to be kept; else the same stream, begun."""
    stream = answer.stream
    if stream is None:
        return answer
    parts: list[bytes] = []
    size = 0
    source = aiter(stream)
    async for part in source:
        parts.append(part)
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            return replace(answer, stream=_Begun(parts, source, stream))
    headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
    return replace(answer, body=b"".join(parts), headers=headers, stream=None)


class _Begun:
    """A stream of which some was read already."""

    def __init__(self, parts: list[bytes], rest: AsyncIterator[bytes], stream: HttpStream) -> None:
        self._parts = parts
        self._rest = rest
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self._parts:
            yield self._parts.pop(0)
        async for part in self._rest:
            yield part

    async def close(self) -> None:
        await self._stream.close()
