"""How requests of an account leave: straight through the HTTP client, or through its static gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import keys_of
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import static_gate
from isthmus.errors import UpstreamUnreachable
from isthmus.http.guard import literal_address
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.kit.secret import Secret

__all__ = ["GATE_TOKEN", "Gate", "GatedSender", "Sender", "gate_of", "way_out"]

GATE_TOKEN: Final = EncryptedJSON(static_gate.c.api_token)
_LOOPBACK: Final = ("127.", "::1")


class Sender(Protocol):
    """`http.HttpClient`, as a gateway sees it."""

    async def send(self, request: HttpRequest) -> HttpResponse: ...


@dataclass(frozen=True, slots=True)
class Gate:
    domain: str
    token: Secret[str]

    @property
    def url(self) -> str:
        """https; plain http only to this machine itself."""
        host = urlsplit(f"//{self.domain}").hostname or ""
        literal = "127.0.0.1" if host == "localhost" else literal_address(host)
        scheme = "http" if literal is not None and literal.startswith(_LOOPBACK) else "https"
        return f"{scheme}://{self.domain}/"


class GatedSender:
    """A `Sender` through a gate; None for an account whose gate is gone, which is not let out another way."""

    def __init__(self, http: Sender, gate: Gate | None) -> None:
        self._http = http
        self._gate = gate

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The provider's answer, under the provider's address. Raises what the inner one raises."""
        gate = self._gate
        if gate is None:
            raise UpstreamUnreachable(
                "The account's static gate was removed, so nothing was sent. Reconnect it with another one."
            )
        kept = {name: value for name, value in request.headers.items() if not _is_the_gates(name)}
        headers = {
            **kept,
            "Truto-StaticGate-Token": gate.token.reveal(),
            "Truto-Target-URL": request.url,
        }
        response = await self._http.send(replace(request, url=gate.url, headers=headers, max_redirects=0))
        return replace(response, url=request.url)


async def way_out(conn: AsyncConnection, http: Sender, environment_id: str, gate_id: str | None) -> Sender:
    """`http`, or through the gate; a gate that is gone lets nothing out."""
    if gate_id is None:
        return http
    return GatedSender(http, await gate_of(conn, environment_id, gate_id))


async def gate_of(conn: AsyncConnection, environment_id: str, id: str) -> Gate | None:
    """None where there is no such gate in this environment."""
    statement = select(static_gate.c.id, static_gate.c.domain, static_gate.c.api_token).where(
        static_gate.c.id == id, static_gate.c.environment_id == environment_id
    )
    row = (await conn.execute(statement)).one_or_none()
    if row is None:
        return None
    return Gate(row.domain, Secret(GATE_TOKEN.open(keys_of(conn), row.id, row.api_token)))


def _is_the_gates(name: str) -> bool:
    return name.lower().startswith("truto-")
