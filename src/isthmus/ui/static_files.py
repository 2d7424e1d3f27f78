"""Serves static files: the style sheet and scripts of the connect pages, the script that embeds them, and
shipped logos."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from isthmus.integrations.catalog.shipped_files import Catalog
from isthmus.ui.page_security import Site

__all__ = ["StaticFiles", "compute_assets_digest", "make_file_response"]

_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
}
_SCRIPTS: Final = frozenset({"link.js", "link.d.ts", "jsonata.js"})
_ASSETS: Final = frozenset({"connect.css", "connect.js"})
_FOLDER: Final = Path(__file__).parent
_CACHE_ONE_DAY: Final = "public, max-age=86400"
_CACHE_FIVE_MINUTES: Final = "public, max-age=300"


def _find_sdk_folder() -> Path:
    """Returns the folder of the SDK's scripts: in the installed package, otherwise in the checkout."""
    package = _FOLDER.parent / "sdk"
    return package if package.is_dir() else _FOLDER.parents[2] / "sdk"


@lru_cache(maxsize=8)
def _read(path: Path) -> bytes:
    """Reads a file, and keeps its content for the next call."""
    return path.read_bytes()


def compute_assets_digest() -> str:
    """Computes a digest of the pages' own files. It is part of their addresses, so that browsers can cache
    them."""
    return sha256(b"".join(_read(_FOLDER / "assets" / name) for name in sorted(_ASSETS))).hexdigest()[:12]


def make_file_response(
    site: Site, content: bytes, media_type: str, *, cache_control: str = _CACHE_ONE_DAY
) -> Response:
    """Builds the response with a file's content and the security headers of files."""
    response = Response(content, media_type=media_type, headers={"cache-control": cache_control})
    site.add_common_headers(response)
    return response


class StaticFiles:
    """Serves files as they are: assets of the pages, shipped logos, and the SDK's scripts."""

    def __init__(self, site: Site, catalog: Catalog) -> None:
        self._site = site
        self._catalog = catalog

    def build_routes(self) -> list[Route]:
        """Returns the routes of assets, logos and the SDK."""
        return [
            Route("/connect-account/assets/{name}", self._serve_asset),
            Route("/connect-account/logos/{slug}.svg", self._serve_logo),
            Route("/sdk/{name}", self._serve_sdk),
        ]

    def find_logo(self, slug: str) -> Path | None:
        """Returns the logo that the catalogue ships for an integration; None where it ships none."""
        if not slug.replace("-", "").replace("_", "").isalnum():
            return None
        path = self._catalog.path / "integrations" / slug / "logo.svg"
        return path if path.is_file() else None

    async def _serve_asset(self, request: Request) -> Response:
        """Serves an asset of the pages; 404 for any other name."""
        name = request.path_params["name"]
        if name not in _ASSETS:
            return _make_not_found()
        return self._respond_with_file(_FOLDER / "assets" / name)

    async def _serve_sdk(self, request: Request) -> Response:
        """Serves the SDK; pages of any origin may load it, also as a module."""
        name = request.path_params["name"]
        if name not in _SCRIPTS:
            return _make_not_found()
        response = self._respond_with_file(_find_sdk_folder() / name, cache_control=_CACHE_FIVE_MINUTES)
        response.headers["access-control-allow-origin"] = "*"
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response

    async def _serve_logo(self, request: Request) -> Response:
        """Serves the logo of an integration, with a policy that forbids scripts in the image."""
        file = self.find_logo(request.path_params["slug"])
        if file is None:
            return _make_not_found()
        response = make_file_response(self._site, _read(file), "image/svg+xml")
        response.headers["content-security-policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
        )
        return response

    def _respond_with_file(self, path: Path, *, cache_control: str = _CACHE_ONE_DAY) -> Response:
        """Builds the response with a file from disk; its suffix decides the media type."""
        return make_file_response(
            self._site, _read(path), _CONTENT_TYPES[path.suffix], cache_control=cache_control
        )


def _make_not_found() -> Response:
    """Builds the response for a file that does not exist."""
    return Response("There is no such file.", status_code=404, media_type="text/plain")
