"""A product to connect to, and its definition: by a key, by a grant of its own, or by OAuth at the servers of
`tests/fakes`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.fakes.listening import listening
from tests.fakes.oauth1 import CONSUMER

__all__ = ["KEKA_SECRET", "KEKA_TOKEN", "KEY", "Product", "definition", "running_product"]

KEY = "right-key-0123456789"
KEKA_SECRET = "secret-of-a-machine-0123456789"
KEKA_TOKEN = "token-for-a-key-0123456789"


@dataclass
class Product:
    """`gate`: its answers to the check of a connection wait for it. `is_down`: it answers nothing else.
    `refusal`: what it says of a key that is wrong. `first_team`: its name."""

    url: str = ""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    is_down: bool = False
    refusal: str = "The key is not known."
    first_team: str = "Sales"
    seen: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serves the product's API and its token endpoint."""
        self.seen.append(f"{request.method} {request.rel_url}")
        if request.path == "/connect/token":
            return await _keka_token(request)
        if request.headers.get("authorization") not in (f"Bearer {KEY}", f"Bearer {KEKA_TOKEN}"):
            return web.json_response({"message": self.refusal}, status=401)
        if request.path == "/me":
            await self.gate.wait()
            return web.json_response({"id": "7", "name": "An owner"})
        if self.is_down:
            return web.json_response({"message": "Down for maintenance."}, status=503)
        if request.path == "/boards":
            team = request.query.get("team", "")
            return web.json_response({"items": [{"id": f"{team}-b", "name": f"Board of {team}"}]})
        if request.query.get("after"):
            return web.json_response({"items": [{"id": "t3", "name": "Support"}]})
        teams = [{"id": "t1", "name": self.first_team}, {"id": "t2", "name": "Product"}]
        return web.json_response({"items": teams, "next": "c2"})


async def _keka_token(request: web.Request) -> web.StreamResponse:
    sent = await request.post()
    asked = {
        "grant_type": "kekaapi",
        "scope": "kekaapi",
        "client_id": "machine",
        "client_secret": KEKA_SECRET,
    }
    if sent != asked | {"api_key": KEY}:
        return web.json_response({"error": "invalid_grant"}, status=400)
    return web.json_response({"access_token": KEKA_TOKEN, "token_type": "Bearer", "expires_in": 3600})


@asynccontextmanager
async def running_product() -> AsyncIterator[Product]:
    """Runs the product; yields it."""
    fake = Product()
    fake.gate.set()
    async with listening(fake.answer) as fake.url:
        yield fake


def definition(
    name: str,
    url: str,
    *,
    oauth: str = "",
    oauth1: str = "",
    keka: str = "",
    params: dict[str, str] | None = None,
    form: bool = False,
) -> dict[str, Any]:
    """Returns the definition of the integration `name`. `oauth`, `oauth1`, `keka`: addresses of the servers
    that give tokens."""
    credentials: dict[str, Any] = {}
    if url:
        credentials["api_key"] = {"config": {"fields": _KEY_FIELDS, **_WORDS}}
    if oauth:
        auth = {"tokenHost": oauth, "tokenPath": "/token", "authorizePath": "/auth"}
        credentials["oauth2"] = {
            "config": {
                "client": {"id": "app", "secret": "app-secret"},
                "auth": auth,
                "scope": ["tickets.read", "offline_access"],
                "params": {"prompt": "consent", **(params or {})},
            }
        }
        credentials["oauth2_client_credentials"] = {
            "config": {"auth": auth, "scope": ["tickets.read"], "fields": _MACHINE_FIELDS}
        }
    if oauth1:
        credentials["oauth"] = {
            "config": {
                "requestTokenUrl": f"{oauth1}/request_token",
                "authorizeUrl": f"{oauth1}/authorize",
                "tokenUrl": f"{oauth1}/access_token",
                "client": {"id": CONSUMER[0], "secret": CONSUMER[1]},
            }
        }
    if keka:
        auth = {"tokenHost": keka, "tokenPath": "/connect/token"}
        credentials["keka_oauth"] = {"config": {"auth": auth, "fields": [*_MACHINE_FIELDS, _KEY_FIELDS[1]]}}
    base, path = (url or keka, "/me") if url or keka else (oauth or oauth1, "/tickets")
    actions: dict[str, Any] = {"validation": {"steps": [{"type": "request", "config": {"path": path}}]}}
    if form:
        actions["post_connect_user_form"] = {"steps": [{"type": "form", "config": _FORM}]}
    config: dict[str, Any] = {
        "label": name.capitalize(),
        "base_url": base,
        "credentials": credentials,
        "pagination": {"format": "cursor", "config": {"cursor_path": "next", "cursor_param": "after"}},
        "actions": actions,
        "resources": {
            "teams": {"list": {"path": "/teams", "response_path": "items"}},
            "boards": {"list": {"path": "/boards", "response_path": "items"}},
        },
    }
    if not oauth1:
        token = "{{credentials.api_key}}" if url else "{{credentials.access_token}}"
        config["authorization"] = {"format": "bearer", "config": {"token": token}}
    return {"name": name, "category": "ticketing", "config": config}


_KEY_FIELDS: list[dict[str, Any]] = [
    {
        "name": "subdomain",
        "label": "Subdomain",
        "required": True,
        "pattern": "[a-z0-9-]+",
        "transform": "lowercase",
        "placeholder": "acme",
        "help_text": "The first part of the address you sign in at.",
    },
    {"name": "api_key", "label": "API key", "type": "password", "required": True},
    {
        "name": "plan",
        "label": "Plan",
        "type": "single_select",
        "options": [{"label": "Basic", "value": "basic"}, {"label": "Large", "value": "large"}],
    },
]
_WORDS = {
    "documentation_link": "https://example.com/help",
    "permissions_text": "The key is only used to read tickets.",
}
_MACHINE_FIELDS: list[dict[str, Any]] = [
    {"name": "client_id", "label": "Client ID", "required": True},
    {"name": "client_secret", "label": "Client secret", "type": "password", "required": True},
]
_FORM: list[dict[str, Any]] = [
    {
        "name": "teams",
        "label": "Teams",
        "type": "resource_select",
        "resource": "teams",
        "multiple": True,
        "required": True,
        "help_text": "Only their tickets are read.",
    },
    {
        "name": "board",
        "label": "Board",
        "type": "resource_select",
        "resource": "boards",
        "depends_on": ["teams"],
        "query": {"team": "{{form.teams}}"},
    },
    {"name": "days", "label": "Days to look back", "type": "number", "required": True, "default": "30"},
    {"name": "closed", "label": "Also closed tickets", "type": "checkbox"},
    {"name": "note", "label": "A note", "type": "textarea"},
]
