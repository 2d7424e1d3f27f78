"""What a unified call of a catalogue entry sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from isthmus.api.call_parsing import parse_call
from isthmus.authoring.contract.replay_upstreams import SingleAnswerUpstream
from isthmus.definitions.file_models import Exchange
from isthmus.engine import unified
from isthmus.engine.calls import NO_BODY
from isthmus.engine.queries import parse_query
from isthmus.engine.upstream import OutgoingRequest
from tests.contract.catalog import entry, model

__all__ = ["exchange_of", "last_request", "requests_of"]

Sent = tuple[str, str, dict[str, str], Any]
_ANSWER: Mapping[str, Any] = {"ticket": {}}


async def last_request(
    integration: str,
    path: str,
    query: str = "",
    id: str | None = None,
    body: Any = NO_BODY,
    answer: Any = _ANSWER,
) -> Sent:
    """Makes a unified call and returns method, path, query and body of the last request to the provider.
    `path`: `<model>/<resource>.<method>`. `answer`: the body of each response."""
    return (await requests_of(integration, path, query, id, body, answer))[-1]


async def requests_of(
    integration: str,
    path: str,
    query: str = "",
    id: str | None = None,
    body: Any = NO_BODY,
    answer: Any = _ANSWER,
) -> list[Sent]:
    """Makes a unified call and returns method, path, query and body of each request, in order. Arguments as
    of `last_request`."""
    target, _, method = path.partition(".")
    model_name, _, resource = target.partition("/")
    catalogued = entry(integration)
    cell = catalogued.find_mapped_method(model_name, resource, method)
    assert cell is not None
    upstream = SingleAnswerUpstream(catalogued, exchange_of(answer))
    await unified.call_method(
        upstream,
        catalogued.file.config,
        unified.UnifiedTarget(model_name, resource, model(model_name).file.resources[resource]),
        cell.config,
        parse_call(method, id=id, query=parse_query(query), body=body),
    )
    return [_seen(request) for request in upstream.sent]


def exchange_of(body: Any) -> Exchange:
    """Returns an exchange whose response is 200 with this JSON body."""
    headers = {"content-type": "application/json"}
    return Exchange.model_validate(
        {"provenance": "documented", "response": {"status": 200, "headers": headers, "body": body}}
    )


def _seen(request: OutgoingRequest) -> Sent:
    """Returns method, path, query and body of a request: the value of JSON, else the text."""
    http = request.http
    url = urlsplit(http.url)
    body: Any = http.body.decode() if isinstance(http.body, bytes) and http.body else None
    if body is not None and "json" in http.headers.get("Content-Type", ""):
        body = json.loads(body)
    return http.method, url.path, dict(parse_qsl(url.query)), body
