"""How a request gets its credentials (`definitions.md` §1.4): a flow without I/O, driven by a gateway.

flow = authorize(outgoing, context)
try:
    request = next(flow)                     # a request that must be answered first
    while True:
        request = flow.send(await http.send(request))
except StopIteration as done:
    ready: HttpRequest = done.value
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from isthmus.engine.authorization.formats import credential_headers
from isthmus.engine.messages import OutgoingRequest
from isthmus.http.messages import HttpRequest, HttpResponse

__all__ = ["authorize"]


def authorize(
    outgoing: OutgoingRequest, context: Mapping[str, Any]
) -> Generator[HttpRequest, HttpResponse, HttpRequest]:
    """Yields each request that must be answered first (none, for bearer, basic and header), and returns the
    request with its credentials. They are written last and win over headers of the same name.

    Raises BadRequest, before anything is sent, where a credential has no value.
    """
    yield from ()
    return _with_headers(outgoing, credential_headers(outgoing, context))


def _with_headers(outgoing: OutgoingRequest, credentials: Mapping[str, str]) -> HttpRequest:
    if not credentials:
        return outgoing.http
    names = frozenset(name.lower() for name in credentials)
    http = outgoing.http
    kept = {name: value for name, value in http.headers.items() if name.lower() not in names}
    dropped = names if outgoing.drop_credentials_on_redirect else frozenset()
    return HttpRequest(
        method=http.method,
        url=http.url,
        headers={**kept, **credentials},
        body=http.body,
        timeout_seconds=http.timeout_seconds,
        max_redirects=http.max_redirects,
        credential_headers=http.credential_headers | dropped,
        stream=http.stream,
        body_length=http.body_length,
    )
