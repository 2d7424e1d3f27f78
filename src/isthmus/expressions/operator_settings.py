"""Builds from the operator's settings what evaluations need: the limits of evaluations, and which hosts
functions may reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final
from urllib.parse import urlsplit

from isthmus.config import Settings
from isthmus.errors import EgressDenied, SetupError, UpstreamInvalid
from isthmus.expressions.library import Services
from isthmus.expressions.limits import Limits
from isthmus.http import HttpClient
from isthmus.http.messages import HttpRequest
from isthmus.http.redirects import is_redirect, make_redirected_request
from isthmus.kit.clock import Clock

__all__ = ["GuardedFetch", "make_limits", "make_services"]

_PLAIN_SCHEME: Final = "http://"
_MAX_REDIRECTS: Final = 3


def make_limits(settings: Settings) -> Limits:
    """Return the limits of an evaluation. Raises SetupError for an unknown name, or a fraction where whole
    numbers count."""
    usual = Limits()
    kinds = {each.name: type(getattr(usual, each.name)) for each in fields(Limits)}
    values: dict[str, float] = {}
    for name, value in settings.expression_limits.items():
        if name not in kinds:
            raise SetupError(
                f"ISTHMUS_EXPRESSION_LIMITS names {name}, which is no limit; there are: {', '.join(kinds)}."
            )
        if kinds[name] is int and not value.is_integer():
            raise SetupError(f"ISTHMUS_EXPRESSION_LIMITS: {name} must be a whole number.")
        values[name] = kinds[name](value)
    return replace(usual, **values)  # type: ignore[arg-type]  # each of its field's type, as just made


def make_services(settings: Settings, http: HttpClient, clock: Clock) -> Services:
    """Return the switches of functions, and their way out. Without `function_hosts` no function reaches other
    servers.

    Raises SetupError for a configured service whose host is not among them, since each call would be refused.
    """
    for name in ("document_service_url", "embeddings_url"):
        _check_reachable(name, getattr(settings, name), settings.function_hosts)
    plain = frozenset(
        host.removeprefix(_PLAIN_SCHEME) for host in settings.function_hosts if host.startswith(_PLAIN_SCHEME)
    )
    hosts = frozenset(host.removeprefix(_PLAIN_SCHEME) for host in settings.function_hosts)
    fetch = GuardedFetch(http, hosts=hosts, plain_hosts=plain) if hosts else None
    key = settings.document_service_key
    switches: dict[str, object] = {
        "strict_compat": settings.strict_compat,
        "currency_exact": settings.currency_exact,
        "documents.mode": settings.parse_document,
        "documents.url": settings.document_service_url,
        "documents.key": key.reveal() if key is not None else None,
        "pdf.mode": settings.convert_md_to_pdf,
        "embeddings.url": settings.embeddings_url,
    }
    return Services(clock=clock, fetch=fetch, settings=switches)


def _check_reachable(name: str, url: str | None, hosts: tuple[str, ...]) -> None:
    """Raise SetupError if functions may not reach the host of a configured URL."""
    if url is None:
        return
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    plain = f"{_PLAIN_SCHEME}{host}"
    if plain not in hosts and (parts.scheme != "https" or host not in hosts):
        needed = host if parts.scheme == "https" else plain
        raise SetupError(
            f"ISTHMUS_{name.upper()} needs its host among ISTHMUS_FUNCTION_HOSTS: add {needed} there."
        )


class GuardedFetch:
    """Sends a request for a function through the guarded HTTP client; redirects are checked as the first
    address is.

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
        for _ in range(_MAX_REDIRECTS + 1):
            self._check(request.url)
            response = await self._client.send(request)
            if not is_redirect(response.status, response.headers):
                break
            request = make_redirected_request(request, response.status, response.headers["location"])
        else:
            raise UpstreamInvalid(f"The server redirected more than {_MAX_REDIRECTS} times.")
        if len(response.body) > max_bytes:
            raise UpstreamInvalid(f"The answer has more than {max_bytes} bytes.")
        return response.status, response.headers, response.body

    def _check(self, url: str) -> None:
        """Raise EgressDenied for a host that functions may not reach, or not without TLS."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme != "https" and host not in self._plain_hosts:
            raise EgressDenied(f"Functions reach other servers by https only; {host or 'no host'} is not.")
        if self._hosts is not None and host not in self._hosts:
            raise EgressDenied(f"Functions may not reach {host}; the operator lists the hosts that they may.")
