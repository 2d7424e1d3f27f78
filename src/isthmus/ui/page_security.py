"""Security of the connect pages: headers, cookies, and the check that a POST comes from a page of this
site."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from isthmus.connect.errors import ForgedRequest
from isthmus.connect.sessions import MAX_AGE, Session

__all__ = ["BINDING_COOKIE", "Site", "read_session_cookie", "require_own_page"]

BINDING_COOKIE: Final = "connect_trip"
_MAX_BINDINGS: Final = 5
_BINDING_SECONDS: Final = 600
_FORGED: Final = "This form did not come from this page. Load the page again."
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _make_cookie_name(session_id: str) -> str:
    """Returns the name of a session's cookie: each session has its own, so that several windows can be
    open."""
    return f"connect_{session_id[:8]}"


def read_session_cookie(request: Request, session_id: str) -> str:
    """Reads the cookie of a session; returns "" if the browser sent none."""
    return request.cookies.get(_make_cookie_name(session_id), "")


@dataclass(frozen=True, slots=True)
class Site:
    """The public address of the pages. `path`: the prefix of every path, "" for none."""

    origin: str
    path: str
    is_https: bool
    is_loopback: bool

    @classmethod
    def from_url(cls, public_url: str) -> Site:
        """Parses the public URL of the server."""
        parts = urlsplit(public_url)
        return cls(
            origin=f"{parts.scheme}://{parts.netloc}",
            path=parts.path.rstrip("/"),
            is_https=parts.scheme == "https",
            is_loopback=parts.hostname in _LOOPBACK,
        )

    def make_path(self, path: str) -> str:
        """Returns the path of a connect page on this site. `path`: below `/connect-account`, with its leading
        slash."""
        return f"{self.path}/connect-account{path}"

    def make_session_path(self, session: Session) -> str:
        """Returns the path of the page that shows the session."""
        return f"{self.make_path('')}?session={session.id}"

    def set_session_cookie(self, response: Response, session: Session, cookie: str) -> None:
        """Sets the session's cookie. In a frame of another site the cookie must be SameSite=None and
        partitioned; browsers accept that only over https, or on this machine."""
        cross_site = session.is_framed and (self.is_https or self.is_loopback)
        self._set_cookie(
            response,
            _make_cookie_name(session.id),
            cookie,
            max_age_seconds=int(MAX_AGE.total_seconds()),
            path=self.make_path(""),
            cross_site=cross_site,
        )
        if cross_site:
            response.headers["set-cookie"] += "; Partitioned"

    def set_binding_cookie(
        self, request: Request, response: Response, binding: str, *, by_post: bool
    ) -> None:
        """Adds the binding of an authorization request to the browser's cookie. `by_post`: whether the
        provider calls back with a form that its own site posts (response_mode=form_post)."""
        others = [binding for binding in request.cookies.get(BINDING_COOKIE, "").split(".") if binding]
        value = ".".join([binding, *others[: _MAX_BINDINGS - 1]])
        self._set_cookie(
            response,
            BINDING_COOKIE,
            value,
            max_age_seconds=_BINDING_SECONDS,
            path=self.make_path(""),
            cross_site=by_post,
        )

    def add_page_headers(
        self, response: Response, nonce: str, *, framable: bool, origins: Iterable[str] = ()
    ) -> Response:
        """Adds the headers of a page. `framable`: whether other sites may embed it. `origins`: those that
        may, empty for all."""
        ancestors = (" ".join(origins) or "*") if framable else "'none'"
        headers = response.headers
        headers["content-security-policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
            "img-src 'self' https: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors {ancestors}"
        )
        headers["cache-control"] = "no-store"
        self.add_common_headers(response)
        return response

    def add_common_headers(self, response: Response) -> None:
        """Adds the security headers that pages and static files share."""
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["x-content-type-options"] = "nosniff"
        if self.is_https:
            response.headers["strict-transport-security"] = "max-age=31536000"

    def is_own_page(self, request: Request) -> bool:
        """True if a POST was sent by a page of this site, as far as the browser says. Pages without a
        referrer send the origin `null`."""
        fetched = request.headers.get("sec-fetch-site")
        if fetched is not None:
            return fetched == "same-origin"
        origin = request.headers.get("origin")
        if origin is None or origin in ("null", self.origin):
            return True
        return urlsplit(origin).netloc == request.headers.get("host")

    def _set_cookie(
        self,
        response: Response,
        name: str,
        value: str,
        *,
        max_age_seconds: int,
        path: str,
        cross_site: bool,
    ) -> None:
        """Sets an HttpOnly cookie. `cross_site`: True if the browser must also send it in frames and form
        posts of other sites (SameSite=None; Secure); otherwise it is SameSite=Lax."""
        response.set_cookie(
            name,
            value,
            max_age=max_age_seconds,
            path=path,
            secure=self.is_https or cross_site,
            httponly=True,
            samesite="none" if cross_site else "lax",
        )


def require_own_page(site: Site, request: Request, session: Session, sent_csrf: str) -> None:
    """To be called for a POST. Raises ForgedRequest if, as far as the browser says, no page of this site sent
    it, or if `sent_csrf`, the token in the form, is not the session's."""
    if not site.is_own_page(request) or not hmac.compare_digest(sent_csrf.encode(), session.csrf.encode()):
        raise ForgedRequest(_FORGED)
