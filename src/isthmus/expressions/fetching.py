"""The fetch port of functions over the guarded HTTP client (`functions.md` §9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from isthmus.errors import EgressDenied, UpstreamInvalid
from isthmus.http.client import HttpClient
from isthmus.http.messages import HttpRequest
from isthmus.http.redirects import is_redirect, next_request

__all__ = ["GuardedFetch"]

_REDIRECTS: Final = 3


class GuardedFetch:
    """Each redirect is judged as the first address was.

    `hosts`: the only ones that functions may reach, None for all that the client's guard lets through.
    `plain_hosts`: those that may be reached without TLS.

    Raises the errors of `HttpClient.send`, EgressDenied for another host or scheme, UpstreamInvalid for an
    answer of more than `max_bytes`. No message holds a path, a header or a body.
    """

    def __init__(
        self,
        client: HttpClient,
        *,
        hosts: frozenset[str] | None = None,
        plain_hosts: frozenset[str] = frozenset(),
    ) -> None:
        self._client = client
        self._hosts = hosts
        self._plain_hosts = plain_hosts

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        seconds: float,
        max_bytes: int,
    ) -> tuple[int, Mapping[str, str], bytes]:
        request = HttpRequest(
            method, url, headers=headers, body=body, timeout_seconds=seconds, max_redirects=0
        )
        for _ in range(_REDIRECTS + 1):
            self._check(request.url)
            response = await self._client.send(request)
            if not is_redirect(response.status, response.headers):
                break
            request = next_request(request, response.status, response.headers["location"])
        else:
            raise UpstreamInvalid(f"The server redirected more than {_REDIRECTS} times.")
        if len(response.body) > max_bytes:
            raise UpstreamInvalid(f"The answer has more than {max_bytes} bytes.")
        return response.status, response.headers, response.body

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" and host not in self._plain_hosts:
            raise EgressDenied(f"Functions reach other servers by https only; {host or 'no host'} is not.")
        if self._hosts is not None and host not in self._hosts:
            raise EgressDenied(f"Functions may not reach {host}; the operator lists the hosts that they may.")
