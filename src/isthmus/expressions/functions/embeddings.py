"""`$generateEmbeddingsCohere`: embeddings of texts or images from the operator's server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error, make_not_configured_error
from isthmus.expressions.functions.arguments import get_options, get_setting
from isthmus.expressions.functions.service_requests import (
    RetryPolicy,
    has_fetcher,
    post_with_retry,
    raise_for_status,
)
from isthmus.expressions.javascript import as_list, is_truthy, to_json_text, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["generate_embeddings_cohere"]

_NAME: Final = "generateEmbeddingsCohere"
_TEXTS_PER_REQUEST: Final = 20


async def generate_embeddings_cohere(
    evaluation: Evaluation, body: object = UNDEFINED, api_key: object = UNDEFINED
) -> object:
    """Embeddings of texts or images from a server with Cohere's `v2/embed`. Off unless enabled.

    The operator enables it by `ISTHMUS_EMBEDDINGS_URL`, the address of the server.

    Arguments:
        body: the request: `texts`, sent 20 at a time, or `images`, and what else the server takes.
        api_key: the key of the server.
    Null and missing: without texts and images nothing, and no request.
    Errors: `generateEmbeddingsCohere is not configured`; `Rate limit exceeded`; `Server error`; else what the
        server says. At most 2000 texts a call, 120 seconds in all.
    Example:
        $generateEmbeddingsCohere({"texts": ["a"]}, "key")
        => error: generateEmbeddingsCohere is not configured
    """
    request = get_options(body)
    texts, images = request.get("texts"), request.get("images")
    if not (is_truthy(texts) and texts != []) and not (is_truthy(images) and images != []):
        return UNDEFINED
    url = get_setting(evaluation, "embeddings.url")
    if not isinstance(url, str) or not has_fetcher(evaluation):
        raise make_not_configured_error(_NAME)
    if not is_truthy(texts) or texts == []:
        return await _request_embeddings(evaluation, url, request, api_key)
    items = as_list(texts)
    if len(items) > evaluation.limits.embedding_texts:
        raise evaluation.make_limit_error("embedding_texts", _NAME)
    results: list[object] = []
    for start in range(0, len(items), _TEXTS_PER_REQUEST):
        batch = {**request, "texts": items[start : start + _TEXTS_PER_REQUEST]}
        results.append(await _request_embeddings(evaluation, url, batch, api_key))
    return results


async def _request_embeddings(
    evaluation: Evaluation, url: str, body: Mapping[str, object], api_key: object
) -> object:
    """Return the server's answer to one request, as JSON; raises ExpressionError for an error or no JSON."""
    response = await post_with_retry(
        evaluation,
        _NAME,
        url,
        headers={
            "authorization": f"Bearer {to_text(api_key)}",
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=to_json_text(dict(body)).encode(),
        retry=RetryPolicy(total=evaluation.limits.embedding_seconds),
    )
    raise_for_status(response, _NAME)
    try:
        return json.loads(response.body)
    except ValueError:
        raise make_function_error(_NAME, f"{_NAME}: the answer is not JSON") from None
