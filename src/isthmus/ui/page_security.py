"""What keeps the pages to themselves: headers, cookies, and where a request has to come from
(`connect.md` §11)."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from isthmus.connect.errors import Forged
from isthmus.connect.sessions import ABSOLUTE, Session

__all__ = ["Site", "cookie_of", "require_own_page"]

TRIP: Final = "connect_trip"
_MOST_TRIPS: Final = 5
_TRIP_SECONDS: Final = 600
_FORGED: Final = "This form did not come from this page. Load the page again."
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _name(session_id: str) -> str:
    """One a session, so that windows side by side do not disturb each other."""
    return f"connect_{session_id[:8]}"


def cookie_of(request: Request, session_id: str) -> str:
    return request.cookies.get(_name(session_id), "")


@dataclass(frozen=True, slots=True)
class Site:
    """Where people reach the pages. `path`: in front of every address of ours, "" for none."""

    origin: str
    path: str
    is_https: bool
    is_loopback: bool

    @classmethod
    def of(cls, public_url: str) -> Site:
        parts = urlsplit(public_url)
        return cls(
            origin=f"{parts.scheme}://{parts.netloc}",
            path=parts.path.rstrip("/"),
            is_https=parts.scheme == "https",
            is_loopback=parts.hostname in _LOOPBACK,
        )

    def at(self, path: str) -> str:
        return f"{self.path}/connect-account{path}"

    def page_of(self, session: Session) -> str:
        return f"{self.at('')}?session={session.id}"

    def keep(self, response: Response, session: Session, cookie: str) -> None:
        """The session's cookie. In a frame of another site it must be allowed there, and is kept apart for
        that site; browsers take such a cookie only over https, or on this machine."""
        framed = session.options.is_framed or (session.rapid is not None and session.rapid.is_framed)
        is_third = framed and (self.is_https or self.is_loopback)
        self._set(response, _name(session.id), cookie, int(ABSOLUTE.total_seconds()), self.at(""), is_third)
        if is_third:
            response.headers["set-cookie"] += "; Partitioned"

    def bind(self, request: Request, response: Response, binding: str, *, by_post: bool) -> None:
        """Ties the browser to a trip. `by_post`: the provider sends it back with a form of its own site."""
        others = [each for each in request.cookies.get(TRIP, "").split(".") if each]
        value = ".".join([binding, *others[: _MOST_TRIPS - 1]])
        self._set(response, TRIP, value, _TRIP_SECONDS, self.at(""), by_post)

    def protect(
        self, response: Response, nonce: str, *, framable: bool, origins: Iterable[str] = ()
    ) -> Response:
        """The headers of every page."""
        ancestors = (" ".join(origins) or "*") if framable else "'none'"
        headers = response.headers
        headers["content-security-policy"] = (
            f"default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self'; "
            "img-src 'self' https: data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
            f"frame-ancestors {ancestors}"
        )
        headers["cache-control"] = "no-store"
        self.protect_any(response)
        return response

    def protect_any(self, response: Response) -> None:
        """The headers of files, too."""
        response.headers["referrer-policy"] = "no-referrer"
        response.headers["x-content-type-options"] = "nosniff"
        if self.is_https:
            response.headers["strict-transport-security"] = "max-age=31536000"

    def is_own(self, request: Request) -> bool:
        """Whether a POST was sent by a page of ours, as far as the browser tells. Pages without a referrer
        send the origin `null`."""
        fetched = request.headers.get("sec-fetch-site")
        if fetched is not None:
            return fetched == "same-origin"
        origin = request.headers.get("origin")
        if origin in (None, "null", self.origin):
            return True
        return urlsplit(origin or "").netloc == request.headers.get("host")

    def _set(
        self,
        response: Response,
        name: str,
        value: str,
        seconds: int,
        path: str,
        is_third: bool,
    ) -> None:
        response.set_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            secure=self.is_https or is_third,
            httponly=True,
            samesite="none" if is_third else "lax",
        )


def require_own_page(site: Site, request: Request, session: Session, csrf: str) -> None:
    """Raises Forged."""
    if not site.is_own(request) or not hmac.compare_digest(csrf.encode(), session.csrf.encode()):
        raise Forged(_FORGED)
