"""What the operator configured, as evaluations take it: their limits, and what functions may reach."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Final
from urllib.parse import urlsplit

from isthmus.config import Settings
from isthmus.errors import SetupError
from isthmus.expressions.fetching import GuardedFetch
from isthmus.expressions.library import Services
from isthmus.expressions.limits import Limits
from isthmus.http import HttpClient
from isthmus.kit.clock import Clock

__all__ = ["limits_of", "services_of"]

_PLAIN: Final = "http://"


def limits_of(settings: Settings) -> Limits:
    """The limits of an evaluation. Raises SetupError for a name that is none, or a part of a whole."""
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


def services_of(settings: Settings, http: HttpClient, clock: Clock) -> Services:
    """Switches and the way out. Without `function_hosts` no function reaches outside.

    Raises SetupError for a service whose host is not among them: each call would be refused.
    """
    for name in ("document_service_url", "embeddings_url"):
        _reachable(name, getattr(settings, name), settings.function_hosts)
    plain = frozenset(
        host.removeprefix(_PLAIN) for host in settings.function_hosts if host.startswith(_PLAIN)
    )
    hosts = frozenset(host.removeprefix(_PLAIN) for host in settings.function_hosts)
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


def _reachable(name: str, url: str | None, hosts: tuple[str, ...]) -> None:
    if url is None:
        return
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    plain = f"{_PLAIN}{host}"
    if plain not in hosts and (parts.scheme != "https" or host not in hosts):
        needed = host if parts.scheme == "https" else plain
        raise SetupError(
            f"ISTHMUS_{name.upper()} needs its host among ISTHMUS_FUNCTION_HOSTS: add {needed} there."
        )
