"""Lists that go on by what the provider names: a cursor or an address in the body, or a `Link` header.

Where the provider names an address, the caller's cursor is a token of its path and query. A token is sealed
with a key of the account it was issued to (AES-SIV, RFC 5297: the same address gives the same token). So a
caller cannot write one of his own, which would have the account's credentials sent to any address of the
provider; a provider's own token cannot be taken for one; and a key that a provider repeats in the address of
its next page is not handed out.
"""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.pagination import CursorConfig, LinkHeaderConfig
from isthmus.engine.evaluation import find_at_path
from isthmus.engine.pagination.paginator import (
    Cursors,
    PageAnswer,
    PageRequest,
    PageStart,
    SizedPaginator,
    make_bad_cursor_error,
)
from isthmus.engine.queries import format_scalar
from isthmus.engine.urls import encode_illegal_characters
from isthmus.errors import UpstreamInvalid
from isthmus.expressions import UNDEFINED

__all__ = [
    "CursorPaginator",
    "LinkHeaderPaginator",
    "parse_link_header",
    "seal_address",
    "unseal_address",
]

_LINK: Final = re.compile(r"<([^<>]*)>((?:[^,\"]|\"(?:[^\"\\]|\\.)*\")*)")
_LINK_PARAMETER: Final = re.compile(r";\s*([\w*-]+)\s*(?:=\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s;,\"]+)))?")
_MAX_LINK_HEADER: Final = 65_536
_SEALED_ADDRESS: Final = re.compile(r"/[!-~]*\Z")


@dataclass(frozen=True, slots=True)
class CursorPaginator(SizedPaginator):
    """A cursor in the body that asks for the next page."""

    config: CursorConfig

    @property
    def forward_only_reason(self) -> str | None:
        """Why there is no previous page; None where the definition names a `prev_cursor_path`."""
        if self.config.prev_cursor_path is not None:
            return None
        return "its cursor pagination names no prev_cursor_path"

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns the parameters that ask for the page at the cursor, or its URL where the cursor is a sealed
        address."""
        config = self.config
        params, size = self.choose_size(start)
        if start.cursor is None or config.cursor_param in start.fixed:
            return PageRequest(start.cursor, params, size=size)
        address = unseal_address(start.cursor, start.key)
        if address is not None:
            return PageRequest(start.cursor, url=address, size=size)
        return PageRequest(start.cursor, {config.cursor_param: start.cursor, **params}, size=size)

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the cursors that the body names. A falsy `has_more_path` ends the list, and so does a next
        cursor equal to the one that was sent, on a page without records. Raises UpstreamInvalid for one on a
        page with records."""
        config = self.config
        next_cursor = _read_cursor(
            "pagination.config.cursor_path", config.cursor_path, answer.body, request.key
        )
        if config.has_more_path is not None and not _is_true(
            find_at_path("pagination.config.has_more_path", config.has_more_path, answer.body)
        ):
            next_cursor = None
        return Cursors(
            next=_end_where_repeated(next_cursor, request, answer),
            prev=_read_cursor(
                "pagination.config.prev_cursor_path", config.prev_cursor_path, answer.body, request.key
            ),
        )


def _end_where_repeated(next_cursor: str | None, request: PageRequest, answer: PageAnswer) -> str | None:
    """Returns the next cursor; None where it is the one that was sent, and nothing came with it. Raises
    UpstreamInvalid where records came: they would come again without end, and what follows them never."""
    if next_cursor is None or next_cursor != request.cursor:
        return next_cursor
    if answer.record_count:
        raise UpstreamInvalid(
            "The provider's page leads to itself, so the list cannot be read to its end. If the provider "
            "repeats the cursor on the last page, set has_more_path, or use dynamic pagination."
        )
    return None


def _read_cursor(field: str, path: BodyPath | None, body: Any, key: bytes) -> str | None:
    """Returns the cursor at a path of the body as the caller gets it, an address sealed; None where there is
    none. `field`: that holds the path, for messages.

    Raises UpstreamInvalid where an object or array stands there.
    """
    value = UNDEFINED if path is None else find_at_path(field, path, body)
    if value is UNDEFINED or value is None or value is False or value == "":
        return None
    if isinstance(value, (dict, list)):
        assert path is not None
        raise UpstreamInvalid(
            f"The provider's answer holds no cursor at {path.text}, but a whole object or array. Correct "
            f"{field}."
        )
    text = format_scalar(value)
    if text.startswith(("http://", "https://")) and urlsplit(text).netloc:
        return seal_address(text, key)
    return text


def _is_true(value: object) -> bool:
    """Returns True unless the value is falsy or the text "false"."""
    return bool(value) and value != "false"


@dataclass(frozen=True, slots=True)
class LinkHeaderPaginator(SizedPaginator):
    """Pages whose addresses a `Link` header names (RFC 8288)."""

    config: LinkHeaderConfig

    def make_request(self, start: PageStart) -> PageRequest:
        """Returns the URL of the page, which the cursor holds sealed; for the first page its size. Raises
        BadRequest for a cursor that is no sealed address of this account."""
        params, size = self.choose_size(start)
        if start.cursor is None:
            return PageRequest(None, params, size=size)
        address = unseal_address(start.cursor, start.key)
        if address is None:
            raise make_bad_cursor_error("must be a token that this list returned")
        return PageRequest(start.cursor, url=address, size=size)

    def read_cursors(self, request: PageRequest, answer: PageAnswer) -> Cursors:
        """Returns the sealed addresses that the `Link` header names. A next address equal to the one that was
        asked for ends the list on a page without records. Raises UpstreamInvalid for one on a page with
        records."""
        targets = parse_link_header(answer.headers.get("link", ""))
        cursors = {
            relation: seal_address(urljoin(answer.url, targets[relation]), request.key)
            for relation in ("next", "prev")
            if targets.get(relation)
        }
        next_cursor = _end_where_repeated(cursors.get("next"), request, answer)
        return Cursors(next=next_cursor, prev=cursors.get("prev"))


def parse_link_header(header: str) -> dict[str, str]:
    """Returns the target of each relation in a `Link` header, the first where a relation repeats; `previous`
    is another name of `prev`. Reads the first 64 KiB."""
    targets: dict[str, str] = {}
    for match in _LINK.finditer(header[:_MAX_LINK_HEADER]):
        for name in _parse_relations(match[2]):
            targets.setdefault("prev" if name == "previous" else name, match[1].strip())
    return targets


def _parse_relations(parameters: str) -> list[str]:
    """Returns the relations in the parameters of one link: those of the first `rel` (RFC 8288 §3.3)."""
    for name, quoted, token in _LINK_PARAMETER.findall(parameters):
        if name.lower() == "rel":
            return str(quoted or token).lower().split()
    return []


def seal_address(url: str, key: bytes) -> str:
    """Returns the token of an absolute URL: its sealed path and query in base64url, without padding."""
    parts = urlsplit(url)
    text = encode_illegal_characters((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return base64.urlsafe_b64encode(_make_cipher(key).encrypt(text.encode(), None)).rstrip(b"=").decode()


def unseal_address(cursor: str, key: bytes) -> str | None:
    """Returns the path and query that a token holds; None where this key sealed no such token, or it holds no
    path."""
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        text = _make_cipher(key).decrypt(sealed, None).decode()
    except (ValueError, InvalidTag):
        return None
    return text if _SEALED_ADDRESS.match(text) else None


def _make_cipher(key: bytes) -> AESSIV:
    """Returns the cipher that seals addresses, by a key of the account."""
    return AESSIV(hashlib.sha256(b"isthmus cursor\x00" + key).digest())
