"""`$parseDocument`: the text of a document, read in a worker process or by the operator's service."""

from __future__ import annotations

import json
from typing import Final

from isthmus.expressions.errors import make_function_error, make_not_configured_error
from isthmus.expressions.functions.arguments import get_setting
from isthmus.expressions.functions.documents.worker_process import run_worker
from isthmus.expressions.functions.service_requests import (
    RetryPolicy,
    get_document_service,
    has_fetcher,
    post_with_retry,
    raise_for_status,
)
from isthmus.expressions.host.blobs import Blob, encode_text, extract_bytes
from isthmus.expressions.host.streams import Stream, drain_stream
from isthmus.expressions.javascript import describe_kind, is_nil, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["parse_document"]

_NAME: Final = "parseDocument"


async def parse_document(
    evaluation: Evaluation, file: object = UNDEFINED, file_type: object = UNDEFINED
) -> str:
    """The text of a document. Off unless the operator sets `ISTHMUS_PARSE_DOCUMENT`.

    `local` reads PDF, Word and text files here, in a process of its own (extra `documents`); `remote` sends
    the file to the operator's service, or to that of the variables `documentParserApiUrl` and
    `documentParserApiKey`.

    Arguments:
        file: a blob, bytes, text or stream.
        fileType: its media type (default: the blob's own).
    Errors: `parseDocument is not configured`; `API key not found in environment`; `Rate limit exceeded`;
        `Server error`; what the service or the library says.
    Example:
        $parseDocument("hi", "text/plain")
        => error: parseDocument is not configured
    """
    mode = get_setting(evaluation, "documents.mode", "off")
    if mode not in {"local", "remote"}:
        raise make_not_configured_error(_NAME)
    kind = file.type if isinstance(file, Blob) and not is_truthy(file_type) else file_type
    body = await _read_content(file)
    media_type = "" if is_nil(kind) else to_text(kind)
    if mode == "local":
        found = await run_worker(_NAME, "text", {"type": media_type}, body)
        return found.decode()
    return await _parse_by_service(evaluation, body, media_type)


async def _read_content(file: object) -> bytes:
    """Return the bytes of a blob, text, buffer or stream; raises ExpressionError for anything else."""
    if isinstance(file, Stream):
        return await drain_stream(file, _NAME)
    data = encode_text(file) if isinstance(file, str) else extract_bytes(file)
    if data is None:
        raise make_function_error(
            _NAME, f"{_NAME}: the file must be a blob, bytes, text or stream, not {describe_kind(file)}"
        )
    return data


async def _parse_by_service(evaluation: Evaluation, body: bytes, media_type: str) -> str:
    """Return the text that the service answers; raises ExpressionError for an error or an answer without
    text."""
    url, key = get_document_service(evaluation)
    if not isinstance(key, str) or not key:
        raise make_function_error(_NAME, "API key not found in environment")
    if not isinstance(url, str) or not has_fetcher(evaluation):
        raise make_not_configured_error(_NAME)
    response = await post_with_retry(
        evaluation,
        _NAME,
        f"{url.rstrip('/')}/parse",
        headers={
            "authorization": f"Bearer {key}",
            "content-type": media_type,
            "accept": "application/json",
            "user-agent": "isthmus",
        },
        body=body,
        retry=RetryPolicy(),
    )
    raise_for_status(response, _NAME)
    try:
        answer = json.loads(response.body)
    except ValueError:
        answer = None
    content = answer.get("content") if isinstance(answer, dict) else None
    if not isinstance(content, str):
        raise make_function_error(_NAME, f"{_NAME}: the answer has no content")
    return content
