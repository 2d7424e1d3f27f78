"""Addresses: a base URL that context values cannot bend, and a path that callers cannot climb out of
(`definitions.md` §7.5)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from isthmus.engine.evaluation import unresolved
from isthmus.errors import BadRequest, failure
from isthmus.expressions.placeholders import (
    Alternative,
    PlaceholderError,
    Template,
    cast,
    compile_template,
    pieces_of,
    text_form,
)

__all__ = [
    "BaseUrl",
    "PathTemplate",
    "encode_illegal_characters",
    "join",
    "origin",
    "plain_path",
    "same_origin",
    "with_query",
]

_PARTS: Final = re.compile(r"(https?://)((?:\{\{.*?\}\}|[^/?#])*)(.*)\Z", re.IGNORECASE | re.DOTALL)
_BASE: Final = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/@\\?#\[\]:]+)(?::[0-9]{1,5})?(?:/[^\s?#\\]*)?\Z", re.IGNORECASE
)
_ASCII_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z")
_REMEMBERED: Final = 1_024
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F))
_CALLERS: Final = frozenset({"id", "query", "body"})
_OBJECT: Final = "[object Object]"
_FORBIDDEN_IN_HOST: Final = re.compile(r"[@/\\?#\s]")


class BaseUrl:
    """`field`: where the definition has it, for messages."""

    __slots__ = ("_checked", "_fixed", "_host", "_rest", "_whole", "field")

    def __init__(self, template: Template, field: str) -> None:
        self.field: Final = field
        source = str(template.source)
        parts = _PARTS.match(source)
        self._fixed: Final = source if template.is_static else None
        self._whole: Final = template
        self._checked: Final[dict[str, str]] = {}
        self._host: Final = compile_template(parts[1] + parts[2]) if parts else None
        self._rest: Final = compile_template(parts[3]) if parts else None

    def render(self, scope: Mapping[str, Any]) -> str:
        """Scheme, host and path prefix, without a trailing slash. Raises BadRequest for a placeholder
        without a value, and for a value that would lead to another host."""
        if self._fixed is not None:
            text = self._fixed
        else:
            try:
                text = self._rendered(scope)
            except PlaceholderError as error:
                raise unresolved(self.field, error) from error
        known = self._checked.get(text)
        if known is None:
            known = self._check(text)
            if len(self._checked) < _REMEMBERED:
                self._checked[text] = known
        return known

    def _check(self, text: str) -> str:
        if not _BASE.match(text) or _climbs(text):
            raise BadRequest(
                f"{self.field} does not give a plain http(s) address with this account's context. A value in "
                "its host may not hold @, /, \\ or blanks.",
                failures=[failure(self.field, "must be http(s)://host[:port][/path]", "bad_base_url")],
            )
        return _ascii_host(text.rstrip("/"), self.field)

    def _rendered(self, scope: Mapping[str, Any]) -> str:
        if self._host is None or self._rest is None:
            return str(self._whole.render_strict(scope)).strip()
        return f"{self._host.render_strict(scope, encode=self._host_value)}{self._rest.render_strict(scope)}"

    def _host_value(self, path: tuple[str, ...], value: object, text: str) -> str:
        if _FORBIDDEN_IN_HOST.search(text) or not text:
            name = ".".join(path)
            raise BadRequest(
                f"{name} stands in the host of {self.field} and may not be empty or hold any of "
                "@ / \\ ? # or blanks.",
                failures=[failure(name, "must be a plain part of a host name", "bad_base_url")],
            )
        return text


def _ascii_host(url: str, field: str) -> str:
    """An internationalised name in the form that goes over the wire (RFC 5890)."""
    if url.isascii():
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.encode("idna").decode()
        if not _ASCII_HOST.match(host):
            raise ValueError("characters that turn into others")
        return urlunsplit(parts._replace(netloc=host, path=encode_illegal_characters(parts.path)))
    except ValueError as error:
        raise BadRequest(
            f"{field} holds a host name that cannot be looked up.",
            failures=[failure(field, "must hold a valid host name", "bad_base_url")],
        ) from error


class PathTemplate:
    """A path under a base URL, possibly with a query of its own."""

    __slots__ = ("_fixed", "_own_query", "_segments", "field")

    def __init__(self, template: Template, field: str) -> None:
        self.field: Final = field
        source = str(template.source)
        self._fixed: Final = self._checked(source) if template.is_static else None
        segments, own_query = _divided(source)
        self._segments: Final = compile_template(segments)
        self._own_query: Final = compile_template(own_query)

    def render(self, scope: Mapping[str, Any]) -> str:
        """Values from `id`, `query` and `body` are percent-encoded but for unreserved characters and `/`.
        Raises BadRequest for a placeholder without a value, and one whose value is an object, and for `..`
        segments. An empty value or null from a caller is no value, but for the path's own query: a segment
        that is missing asks for another resource."""
        if self._fixed is not None:
            return self._fixed
        try:
            path = str(self._segments.render_strict(scope, encode=self._value, absent=_is_nothing))
            if self._own_query.source:
                path += str(self._own_query.render_strict(scope, encode=self._value))
        except PlaceholderError as error:
            raise unresolved(self.field, error) from error
        return self._checked(path)

    def _value(self, path: tuple[str, ...], value: object, text: str) -> str:
        if not isinstance(value, str) and _OBJECT in text:
            name = ".".join(path)
            raise BadRequest(
                f"The value of {{{{{name}}}}} in {self.field} is an object, which cannot stand in an "
                f"address, so the call was not sent. Send {name} as text or as a number.",
                failures=[failure(name, "must be text or a number", "bad_path")],
            )
        return quote(text, safe="/" if path[0] in _CALLERS else "/:@!$&'()*+,;=%", errors="replace")

    def _checked(self, path: str) -> str:
        return encode_illegal_characters(plain_path(path, self.field))


def plain_path(path: str, field: str) -> str:
    """The path itself. Raises BadRequest where it would climb."""
    if _climbs(path):
        raise BadRequest(
            f"{field} would hold a '..' segment with the values of this call, so it was not sent.",
            failures=[failure(field, "must not hold '..' segments", "bad_path")],
        )
    return path


def _is_nothing(alternative: Alternative, value: object) -> bool:
    """Whether a caller's value is null, or makes no text: an empty list does not, nor one of empty texts."""
    if alternative.path[0] not in _CALLERS:
        return False
    return value is None or not text_form(cast(value, alternative.cast, whole=False))


def _divided(path: str) -> tuple[str, str]:
    """The segments of a template, and its own query from the `?` on, which is none within a placeholder."""
    at = 0
    for piece in pieces_of(path):
        if isinstance(piece, str) and "?" in piece:
            at += piece.index("?")
            break
        at += len(piece if isinstance(piece, str) else piece.text)
    return path[:at], path[at:]


def _climbs(path: str) -> bool:
    if "." not in path and "%2e" not in path.lower():
        return False
    plain = unquote(path.partition("?")[0].partition("#")[0]).replace("\\", "/")
    return any(segment.strip() in {".", ".."} for segment in plain.split("/"))


def encode_illegal_characters(text: str) -> str:
    """Whatever may not stand in a URL percent-encoded (blanks, control and non-ASCII characters)."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return quote(text, safe=_PRINTABLE, errors="replace")


def join(base: str, path: str) -> str:
    """Exactly one slash between; an empty path is the base itself."""
    if not path or path[0] == "?":
        return base + path
    return f"{base}/{path.lstrip('/')}"


def with_query(url: str, query: str) -> str:
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port (RFC 6454). Raises ValueError for what is no absolute address."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no absolute http(s) address")
    return parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)


def same_origin(base: str, target: str) -> str | None:
    """`target` resolved against `base`; None where that leaves the origin of `base` or is no address."""
    try:
        resolved = urljoin(base + "/", target)
        return resolved if origin(resolved) == origin(base) and "@" not in urlsplit(resolved).netloc else None
    except ValueError:
        return None
