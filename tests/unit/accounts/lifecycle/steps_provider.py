"""A product that is prepared and checked when it is connected, and an account of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from tests.fakes.listening import listening
from tests.unit.accounts.conftest import Desk

__all__ = ["CHECKED", "CREDENTIALS", "PERIODIC", "PREPARED", "Product", "connect", "running"]

CREDENTIALS = """
name: brightfold
label: Brightfold Desk
sharing: allow
config:
  base_url: "{{url}}"
  credentials:
    api_key: {config: {fields: [{name: url}, {name: api_key, type: password}]}}
    oauth2: {config: {client: {id: app, secret: shh}, auth: {tokenHost: "{{url}}", tokenPath: /token}}}
  resources:
    tickets: {list: {path: /tickets, response_path: items}}
"""
PREPARED = """
  actions:
    post_install:
      steps:
        - {type: request, name: who, config: {path: /me}}
        - {type: update_context, config: {expression: "{ 'org': $previous.org }"}}
        - type: request
          config: {method: post, path: "/orgs/{{org}}/hooks", body: {who: "{{steps.who.name}}"}}
        - {type: update_context, config: {expression: "{ 'hook': $previous.id }"}}
"""
CHECKED = """
    validation:
      steps:
        - {type: request, config: {path: /check}}
        - {type: transform, config: "$previous.ok"}
"""
PERIODIC = CHECKED + "      validation_interval_hours: 6\n"


@dataclass
class Product:
    """`seen`: verb and path of each request. `answers`: what a path gives, (status, body). `gate`: a path in
    it is only answered once its event is set."""

    url: str = ""
    seen: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    answers: dict[str, tuple[int, Any]] = field(default_factory=dict)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Writes the request down and answers it, by `answers` or as usual."""
        self.seen.append(f"{request.method} {request.path}")
        if request.method == "POST":
            self.bodies.append(await request.json())
        if request.path in self.gates:
            await self.gates[request.path].wait()
        usual = {"/me": {"org": "acme", "name": "Ana"}, "/orgs/acme/hooks": {"id": 7}, "/check": {"ok": True}}
        status, body = self.answers.get(request.path, (200, usual.get(request.path, {})))
        return web.json_response(body, status=status)


async def connect(desk: Desk) -> str:
    """Connects an account; returns its id, while it is still connecting."""
    row = await desk.connect(context={"url": desk.url, "api_key": "k-1"})
    assert row["status"] == "connecting"
    return str(row["id"])


@asynccontextmanager
async def running() -> AsyncIterator[Product]:
    """Runs a product on loopback; yields it."""
    product = Product()
    async with listening(product.answer) as product.url:
        yield product
