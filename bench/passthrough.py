"""The peer of proxy calls: the least that Starlette and httpx need to forward a request and its answer."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

UPSTREAM = os.environ.get("UPSTREAM", "")


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with httpx.AsyncClient(
        limits=httpx.Limits(max_connections=100, max_keepalive_connections=100)
    ) as client:
        app.state.client = client
        yield


async def forward(request: Request) -> Response:
    client: httpx.AsyncClient = request.app.state.client
    answer = await client.get(f"{UPSTREAM}/{request.path_params['path']}", params=request.query_params)
    return Response(answer.content, answer.status_code, media_type=answer.headers["content-type"])


app = Starlette(routes=[Route("/{path:path}", forward)], lifespan=lifespan)
