"""Makes the request that follows a redirect (RFC 9110 §15.4), without credential headers for another
origin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from yarl import URL

from isthmus.errors import UpstreamInvalid
from isthmus.http.messages import HttpRequest

__all__ = ["is_redirect", "is_same_origin", "make_redirected_request"]

_REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_CREDENTIAL_HEADERS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})


def is_redirect(status: int, headers: Mapping[str, str]) -> bool:
    """Returns True if an answer leads to another address. `headers`: lower-case names."""
    return status in _REDIRECT_STATUSES and "location" in headers


def is_same_origin(first: URL, second: URL) -> bool:
    """Returns True if scheme, host and port are equal (RFC 6454), the default port of the scheme included."""
    return first.scheme == second.scheme and first.raw_host == second.raw_host and first.port == second.port


def make_redirected_request(request: HttpRequest, status: int, location: str) -> HttpRequest:
    """Returns the request that follows a redirect.

    303 turns every method but HEAD into GET without a body, 301 and 302 turn POST into GET; every other
    request keeps method and body. For another origin the credential headers are dropped, also for the
    redirects after it. Raises UpstreamInvalid for a target that is no address, and where a streamed body
    would have to be sent again.
    """
    source = URL(request.url, encoded=True)
    try:
        target = source.join(URL(location))
        if not target.raw_host:
            raise ValueError("no host")
        is_cross_origin = not is_same_origin(source, target)
        url = str(target.with_user(None).with_fragment(None))
    except ValueError as error:
        raise UpstreamInvalid("The provider redirected to something that is no address.") from error
    method = _choose_method(request.method, status)
    keeps_body = method == request.method and status != 303
    if keeps_body and request.body is not None and not isinstance(request.body, bytes):
        raise UpstreamInvalid("The provider redirected an upload, whose body cannot be sent a second time.")
    dropped = (_CREDENTIAL_HEADERS | request.credential_headers) if is_cross_origin else frozenset()
    headers = {
        name: value
        for name, value in request.headers.items()
        if name.lower() not in dropped and (keeps_body or not name.lower().startswith("content-"))
    }
    return replace(
        request, method=method, url=url, headers=headers, body=request.body if keeps_body else None
    )


def _choose_method(method: str, status: int) -> str:
    """Returns the method of the request that follows a redirect with this status."""
    if status == 303:
        return "HEAD" if method == "HEAD" else "GET"
    return "GET" if status in {301, 302} and method == "POST" else method
