"""Sends the requests of an account: straight through the HTTP client, or through its static gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import static_gate
from isthmus.errors import UpstreamUnreachable
from isthmus.http.guard import parse_literal_address
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.kit.secret import Secret

__all__ = [
    "GATE_TOKEN",
    "AccountSender",
    "Gate",
    "GatedSender",
    "Sender",
    "SharedSender",
    "find_gate",
    "select_sender",
]

GATE_TOKEN: Final = EncryptedJSON(static_gate.c.api_token)
_LOOPBACK_PREFIXES: Final = ("127.", "::1")


class Sender(Protocol):
    """Sends one HTTP request: the HTTP client, or a wrapper around it."""

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response to the request."""


class SharedSender(Protocol):
    """Sends the requests of all accounts: the HTTP client."""

    async def send(self, request: HttpRequest, account_id: str = "") -> HttpResponse:
        """Return the response to the request, which uses the account's share of the connections."""


@dataclass(frozen=True, slots=True)
class AccountSender:
    """A `Sender` whose requests use one account's share of the connections."""

    http: SharedSender
    account_id: str

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Return the response to the request. Raises what the HTTP client raises."""
        return await self.http.send(request, self.account_id)


@dataclass(frozen=True, slots=True)
class Gate:
    """The address of a static gate, and the token that it expects."""

    domain: str
    token: Secret[str]

    @property
    def url(self) -> str:
        """The gate's URL: https, or http if its domain is a loopback address."""
        host = urlsplit(f"//{self.domain}").hostname or ""
        literal = "127.0.0.1" if host == "localhost" else parse_literal_address(host)
        scheme = "http" if literal is not None and literal.startswith(_LOOPBACK_PREFIXES) else "https"
        return f"{scheme}://{self.domain}/"


class GatedSender:
    """A `Sender` that sends through a static gate. With `gate` None, for a gate that was deleted, it sends
    nothing: requests of the account must not leave from another address."""

    def __init__(self, http: Sender, gate: Gate | None) -> None:
        self._http = http
        self._gate = gate

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send the request through the gate and return the provider's response, with the provider's URL.
        Leaves out the caller's own `Truto-` headers, and follows no redirects. Raises UpstreamUnreachable if
        there is no such gate, and what the inner sender raises."""
        gate = self._gate
        if gate is None:
            raise UpstreamUnreachable(
                "The account's static gate was removed, so nothing was sent. Reconnect it with another one."
            )
        caller_headers = {name: value for name, value in request.headers.items() if not _is_gate_header(name)}
        headers = {
            **caller_headers,
            "Truto-StaticGate-Token": gate.token.reveal(),
            "Truto-Target-URL": request.url,
        }
        response = await self._http.send(replace(request, url=gate.url, headers=headers, max_redirects=0))
        return replace(response, url=request.url)


async def select_sender(
    conn: AsyncConnection, http: Sender, environment_id: str, gate_id: str | None
) -> Sender:
    """Return `http` for an account without a gate, else a sender through the gate `gate_id`; that sender
    refuses every request if the environment has no such gate (any more)."""
    if gate_id is None:
        return http
    return GatedSender(http, await find_gate(conn, environment_id, gate_id))


async def find_gate(conn: AsyncConnection, environment_id: str, id: str) -> Gate | None:
    """Return the gate with this id, None if this environment has none."""
    statement = select(static_gate.c.id, static_gate.c.domain, static_gate.c.api_token).where(
        static_gate.c.id == id, static_gate.c.environment_id == environment_id
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return None
    return Gate(row.domain, Secret(GATE_TOKEN.decrypt(get_key_ring(conn), row.id, row.api_token)))


def _is_gate_header(name: str) -> bool:
    """Return True for the name of a header that is meant for the gate."""
    return name.lower().startswith("truto-")
