"""`GET /docs`: the OpenAPI document as a page; its assets come from the installed wheel, never from a CDN."""

from __future__ import annotations

from importlib import resources

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from isthmus.errors import NotFound

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}


@router.get("/")
async def front_page() -> RedirectResponse:
    """Whoever opens the server in a browser sees what it can do."""
    return RedirectResponse("docs")


@router.get("/docs")
async def documentation() -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Isthmus API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
    )


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    content_type = _ASSETS.get(name)
    if content_type is None:
        raise NotFound(f"the documentation page has no file {name}")
    content = resources.files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=content_type, headers={"cache-control": "public, max-age=86400"})
