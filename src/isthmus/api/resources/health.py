"""The routes `/ping`, `/healthz` and `/readyz`."""

from __future__ import annotations

from typing import Any, Literal

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
    """Whether the API answers. No token is needed; one that is sent must be valid."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        await parts.authentication.authenticate_any_token(authorization)
    return StatusOut(status="ok")


@router.get("/healthz")
@router.head("/healthz", include_in_schema=False)
async def healthz() -> StatusOut:
    """Whether the process is alive."""
    return StatusOut(status="ok")


@router.get("/readyz", responses={503: {"description": "Not ready; `checks` names the part."}})
@router.head("/readyz", include_in_schema=False)
async def readyz(request: Request) -> JSONResponse:
    """Whether the process can serve requests: its database answers and the catalogue is loaded. `queue`,
    `events`: the state of background jobs and of the outbox; they do not affect readiness."""
    checks: dict[str, str] = await request.state.readiness()
    ready = all(state == "ok" for state in checks.values())
    answer: dict[str, Any] = {"status": "ok" if ready else "unavailable", "checks": checks}
    if ready:
        queue = await request.state.queue()
        answer["queue"] = {name: value for name, value in queue.items() if name != "last_error"}
        answer["events"] = await request.state.events()
    return JSONResponse(answer, 200 if ready else 503)
