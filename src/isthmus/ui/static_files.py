"""Files that are served as they are: the pages' own, the script that embeds them, and shipped logos."""

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

__all__ = ["Files", "content_mark", "file_answer"]

_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ts": "text/plain; charset=utf-8",
}
_SCRIPTS: Final = frozenset({"link.js", "link.d.ts", "jsonata.js"})
_PAGES: Final = frozenset({"connect.css", "connect.js"})
_HERE: Final = Path(__file__).parent
_HELD: Final = "public, max-age=86400"
_HELD_SCRIPT: Final = "public, max-age=300"


def _sdk_folder() -> Path:
    """In the package, or in the checkout it is developed in."""
    package = _HERE.parent / "sdk"
    return package if package.is_dir() else _HERE.parents[2] / "sdk"


@lru_cache(maxsize=8)
def _read(path: Path) -> bytes:
    return path.read_bytes()


def content_mark() -> str:
    """Of the pages' own files, for their addresses: browsers may keep them until it changes."""
    return sha256(b"".join(_read(_HERE / "assets" / name) for name in sorted(_PAGES))).hexdigest()[:12]


def file_answer(site: Site, content: bytes, media_type: str, *, held: str = _HELD) -> Response:
    response = Response(content, media_type=media_type, headers={"cache-control": held})
    site.protect_any(response)
    return response


class Files:
    """One for the process."""

    def __init__(self, site: Site, catalog: Catalog) -> None:
        self._site = site
        self._catalog = catalog

    def routes(self) -> list[Route]:
        return [
            Route("/connect-account/assets/{name}", self._asset),
            Route("/connect-account/logos/{slug}.svg", self._logo),
            Route("/sdk/{name}", self._sdk),
        ]

    def logo_file(self, slug: str) -> Path | None:
        """The logo that the catalogue ships for an integration."""
        if not slug.replace("-", "").replace("_", "").isalnum():
            return None
        path = self._catalog.path / "integrations" / slug / "logo.svg"
        return path if path.is_file() else None

    async def _asset(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _PAGES:
            return _no_file()
        return self._file(_HERE / "assets" / name)

    async def _sdk(self, request: Request) -> Response:
        """Pages of any origin load them, also as modules."""
        name = request.path_params["name"]
        if name not in _SCRIPTS:
            return _no_file()
        response = self._file(_sdk_folder() / name, held=_HELD_SCRIPT)
        response.headers["access-control-allow-origin"] = "*"
        response.headers["cross-origin-resource-policy"] = "cross-origin"
        return response

    async def _logo(self, request: Request) -> Response:
        file = self.logo_file(request.path_params["slug"])
        if file is None:
            return _no_file()
        response = file_answer(self._site, _read(file), "image/svg+xml")
        response.headers["content-security-policy"] = (
            "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'"
        )
        return response

    def _file(self, path: Path, *, held: str = _HELD) -> Response:
        return file_answer(self._site, _read(path), _TYPES[path.suffix], held=held)


def _no_file() -> Response:
    return Response("There is no such file.", status_code=404, media_type="text/plain")
