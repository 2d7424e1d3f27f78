"""`$generateEmbeddingsCohere` (`functions.md` §9). Off unless the operator enables it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.errors import function_error, not_configured_error
from isthmus.expressions.functions.arguments import setting
from isthmus.expressions.functions.service_requests import Answer, Retry, exchange, has_port
from isthmus.expressions.javascript import as_list, is_truthy, to_json_text, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["generate_embeddings_cohere"]

_NAME: Final = "generateEmbeddingsCohere"
_BATCH: Final = 20


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
    given = body if isinstance(body, Mapping) else {}
    texts, images = given.get("texts"), given.get("images")
    if not (is_truthy(texts) and texts != []) and not (is_truthy(images) and images != []):
        return UNDEFINED
    url = setting(evaluation, "embeddings.url")
    if not isinstance(url, str) or not has_port(evaluation):
        raise not_configured_error(_NAME)
    if not is_truthy(texts) or texts == []:
        return await _embed(evaluation, url, given, api_key)
    items = as_list(texts)
    if len(items) > evaluation.limits.embedding_texts:
        raise evaluation.limit_error("embedding_texts", _NAME)
    results: list[object] = []
    for start in range(0, len(items), _BATCH):
        batch = {**given, "texts": items[start : start + _BATCH]}
        results.append(await _embed(evaluation, url, batch, api_key))
    return results


async def _embed(evaluation: Evaluation, url: str, body: Mapping[str, object], api_key: object) -> object:
    answer = await exchange(
        evaluation,
        _NAME,
        url,
        headers={
            "authorization": f"Bearer {to_text(api_key)}",
            "content-type": "application/json",
            "accept": "application/json",
        },
        body=to_json_text(dict(body)).encode(),
        retry=Retry(total=evaluation.limits.embedding_seconds),
    )
    raise_for(answer, _NAME)
    try:
        return json.loads(answer.body)
    except ValueError:
        raise function_error(_NAME, f"{_NAME}: the answer is not JSON") from None


def raise_for(answer: Answer, function: str) -> None:
    """The errors of the services that functions call, in the words that customers know."""
    if answer.status == 429:
        raise function_error(function, "Rate limit exceeded")
    if answer.status >= 500:
        raise function_error(function, "Server error")
    if answer.status >= 400:
        raise function_error(
            function, answer.body[:2_000].decode("utf-8", "replace") or f"status {answer.status}"
        )
