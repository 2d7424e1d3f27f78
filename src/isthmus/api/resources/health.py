"""The routes `/ping`, `/healthz` and `/readyz`."""

from __future__ import annotations

from typing import Any, Final, Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from isthmus.api.dependencies import Parts
from isthmus.api.readiness import ReadinessReport

__all__ = ["router"]

_RETRY_SECONDS: Final = "1"

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
    """Whether the process can serve requests: its database answers (`database`), and takes writes
    (`database_writes`). It answers within 2 s. `queue`, `events`: the state of background jobs and of the
    outbox; they do not affect readiness, and are left out if they take too long."""
    report: ReadinessReport = await request.state.readiness.check()
    answer: dict[str, Any] = {"status": "ok" if report.is_ready else "unavailable", "checks": report.checks}
    if report.is_ready:
        answer |= report.backlog
        answer.get("queue", {}).pop("last_error", None)
        return JSONResponse(answer)
    return JSONResponse(answer, 503, {"retry-after": _RETRY_SECONDS})
