"""The routes `GET /openapi.json` and `GET /docs`, the page that shows the document.

The page's assets come from an installed package, never from a CDN.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from isthmus.api.dependencies import OptionalPrincipal, Parts
from isthmus.api.openapi.unified_operations import add_unified_models
from isthmus.errors import NotFound
from isthmus.integrations.effective.environment_models import (
    EnvironmentModel,
    read_models,
    read_models_revision,
)
from isthmus.integrations.effective.revision_cache import RevisionCache

__all__ = ["make_document_cache", "router"]

router = APIRouter(include_in_schema=False)

_MAX_DOCUMENTS = 16
"""Documents of environments that are cached; each has some hundred kilobytes."""

_ASSETS = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
}


class BuiltDocument(NamedTuple):
    """A document as JSON, and the same compressed."""

    text: bytes
    compressed: bytes


def make_document_cache() -> RevisionCache[Any, BuiltDocument]:
    """Makes the cache `request.state.documents`: documents by environment and revision of its models."""
    return RevisionCache(_MAX_DOCUMENTS)


@router.get("/openapi.json")
async def serve_openapi_document(request: Request, parts: Parts, principal: OptionalPrincipal) -> Response:
    """With a token, unified models are written out as its environment has them; without one, as shipped."""
    async with parts.database.read() as conn:
        key = await read_models_revision(conn, principal)
        documents: RevisionCache[Any, BuiltDocument] = request.state.documents
        document = documents.get(key)
        if document is None:
            models = await read_models(conn, principal)
    if document is None:
        # The first document of a process takes a second of computing, for which other calls must not wait.
        document = documents.store(
            key, await asyncio.to_thread(_build_document, request.app, models, parts.server_url)
        )
    headers = {"vary": "Accept-Encoding"}
    if _accepts_gzip(request):
        headers["content-encoding"] = "gzip"
        return Response(document.compressed, media_type="application/json", headers=headers)
    return Response(document.text, media_type="application/json", headers=headers)


def _build_document(app: FastAPI, models: Sequence[EnvironmentModel], server_url: str) -> BuiltDocument:
    """Builds the OpenAPI document with operations for the models."""
    text = orjson.dumps({**add_unified_models(app.openapi(), models), "servers": [{"url": server_url}]})
    return BuiltDocument(text, gzip.compress(text))


def _accepts_gzip(request: Request) -> bool:
    """Returns True if the caller takes a compressed answer."""
    for encoding in request.headers.get("accept-encoding", "").lower().split(","):
        name, _, parameters = encoding.replace(" ", "").partition(";")
        if name == "gzip":
            return parameters not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


@router.get("/")
async def redirect_to_docs() -> RedirectResponse:
    """Whoever opens the server in a browser sees what it can do."""
    return RedirectResponse("docs")


@router.get("/docs")
async def serve_docs_page() -> HTMLResponse:
    """No page of another site may show it in a frame, where a person could be led to send calls."""
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Isthmus API",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="data:,",
        # Hundreds of operations, unfolded at once, keep a browser busy for ten seconds.
        swagger_ui_parameters={"docExpansion": "none", "defaultModelsExpandDepth": -1},
    )
    page.headers["content-security-policy"] = "frame-ancestors 'none'"
    return page


@router.get("/docs/{name}")
async def serve_docs_asset(name: str) -> Response:
    content_type = _ASSETS.get(name)
    if content_type is None:
        raise NotFound(f"the documentation page has no file {name}")
    content = resources.files("fastapi_offline").joinpath("static", name).read_bytes()
    return Response(content, media_type=content_type, headers={"cache-control": "public, max-age=86400"})
