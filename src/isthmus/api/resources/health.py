"""`/ping`, `/healthz`, `/readyz`."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from isthmus.api.dependencies import Parts

__all__ = ["router"]

router = APIRouter(tags=["health"])


class StatusOut(BaseModel):
    status: Literal["ok"]


@router.get("/ping")
async def ping(request: Request, parts: Parts) -> StatusOut:
    """Whether the API answers. No token is needed; one that is sent must be valid (`api.md` A16)."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        await parts.authentication.principal(authorization)
    return StatusOut(status="ok")


@router.get("/healthz")
async def healthz() -> StatusOut:
    """Whether the process is alive."""
    return StatusOut(status="ok")


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` says which part."}})
async def readyz(request: Request) -> JSONResponse:
    """Whether the process can serve: its database answers and the catalogue is loaded."""
    checks: dict[str, str] = await request.app.state.readiness()
    ready = all(state == "ok" for state in checks.values())
    return JSONResponse({"status": "ok" if ready else "unavailable", "checks": checks}, 200 if ready else 503)
