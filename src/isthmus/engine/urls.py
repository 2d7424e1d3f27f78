"""Builds the addresses of outgoing requests, safe against what callers and account contexts put in.

A value of the context cannot change the host of a base URL, and a value of a caller cannot leave its path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urljoin, urlsplit, urlunsplit

from isthmus.engine.evaluation import make_unresolved_placeholder_error
from isthmus.errors import BadRequest, failure
from isthmus.expressions.placeholders import (
    Alternative,
    PlaceholderError,
    Template,
    cast,
    compile_template,
    split_placeholders,
    to_text_form,
)

__all__ = [
    "BaseUrl",
    "PathTemplate",
    "append_query",
    "check_path",
    "encode_illegal_characters",
    "join_path",
    "parse_origin",
    "resolve_on_origin",
]

_URL_PARTS: Final = re.compile(r"(https?://)((?:\{\{.*?\}\}|[^/?#])*)(.*)\Z", re.IGNORECASE | re.DOTALL)
_BASE_URL: Final = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[^\s/@\\?#\[\]:]+)(?::[0-9]{1,5})?(?:/[^\s?#\\]*)?\Z", re.IGNORECASE
)
_ASCII_HOST: Final = re.compile(r"[A-Za-z0-9.-]+(?::[0-9]{1,5})?\Z")
_MAX_CHECKED: Final = 1_024
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F))
_CALLER_ROOTS: Final = frozenset({"id", "query", "body"})
_OBJECT_TEXT: Final = "[object Object]"
_FORBIDDEN_IN_HOST: Final = re.compile(r"[@/\\?#\s]")


class BaseUrl:
    """A base URL with placeholders. `field`: where the definition has it, for messages."""

    __slots__ = ("_checked", "_fixed", "_host", "_rest", "_whole", "field")

    def __init__(self, template: Template, field: str) -> None:
        self.field: Final = field
        source = str(template.source)
        parts = _URL_PARTS.match(source)
        self._fixed: Final = source if template.is_static else None
        self._whole: Final = template
        self._checked: Final[dict[str, str]] = {}
        self._host: Final = compile_template(parts[1] + parts[2]) if parts else None
        self._rest: Final = compile_template(parts[3]) if parts else None

    def render(self, scope: Mapping[str, Any]) -> str:
        """Returns scheme, host and path prefix, without a trailing slash. Raises BadRequest for a placeholder
        without a value, and for a value that would lead to another host."""
        if self._fixed is not None:
            text = self._fixed
        else:
            try:
                text = self._render_parts(scope)
            except PlaceholderError as error:
                raise make_unresolved_placeholder_error(self.field, error) from error
        url = self._checked.get(text)
        if url is None:
            url = self._check(text)
            if len(self._checked) < _MAX_CHECKED:
                self._checked[text] = url
        return url

    def _check(self, text: str) -> str:
        """Returns the address in the form that is sent. Raises BadRequest where it is no plain http(s)
        address."""
        if not _BASE_URL.match(text) or _has_dot_segment(text):
            raise BadRequest(
                f"{self.field} does not give a plain http(s) address with this account's context. A value in "
                "its host may not hold @, /, \\ or blanks.",
                failures=[failure(self.field, "must be http(s)://host[:port][/path]", "bad_base_url")],
            )
        return _encode_host(text.rstrip("/"), self.field)

    def _render_parts(self, scope: Mapping[str, Any]) -> str:
        """Returns the rendered address, its host checked. Raises PlaceholderError."""
        if self._host is None or self._rest is None:
            return str(self._whole.render_strict(scope)).strip()
        host = self._host.render_strict(scope, encode=self._check_host_value)
        return f"{host}{self._rest.render_strict(scope)}"

    def _check_host_value(self, path: tuple[str, ...], value: object, text: str) -> str:
        """Returns `text`, the value of the placeholder `path`. Raises BadRequest where it is no part of a
        host name."""
        if _FORBIDDEN_IN_HOST.search(text) or not text:
            name = ".".join(path)
            raise BadRequest(
                f"{name} stands in the host of {self.field} and may not be empty or hold any of "
                "@ / \\ ? # or blanks.",
                failures=[failure(name, "must be a plain part of a host name", "bad_base_url")],
            )
        return text


def _encode_host(url: str, field: str) -> str:
    """Returns the URL with an internationalised host name in its ASCII form (RFC 5890). Raises BadRequest for
    a name that has none."""
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
    """A path with placeholders under a base URL, possibly with a query of its own. `field`: where the
    definition has it, for messages."""

    __slots__ = ("_fixed", "_own_query", "_segments", "field")

    def __init__(self, template: Template, field: str) -> None:
        self.field: Final = field
        source = str(template.source)
        self._fixed: Final = self._check(source) if template.is_static else None
        segments, own_query = _split_own_query(source)
        self._segments: Final = compile_template(segments)
        self._own_query: Final = compile_template(own_query)

    def render(self, scope: Mapping[str, Any]) -> str:
        """Returns the path with the values of `scope`. Those from `id`, `query` and `body` are
        percent-encoded but for unreserved characters and `/`.

        Raises BadRequest for a placeholder without a value, for one whose value is an object, and for `..`
        segments. In the segments an empty value or null from a caller counts as none, because a path with a
        segment missing asks for another resource.
        """
        if self._fixed is not None:
            return self._fixed
        try:
            path = str(
                self._segments.render_strict(scope, encode=self._encode_value, absent=_is_empty_caller_value)
            )
            if self._own_query.source:
                path += str(self._own_query.render_strict(scope, encode=self._encode_value))
        except PlaceholderError as error:
            raise make_unresolved_placeholder_error(self.field, error) from error
        return self._check(path)

    def _encode_value(self, path: tuple[str, ...], value: object, text: str) -> str:
        """Returns `text`, the value of the placeholder `path`, percent-encoded. Raises BadRequest for an
        object."""
        if not isinstance(value, str) and _OBJECT_TEXT in text:
            name = ".".join(path)
            raise BadRequest(
                f"The value of {{{{{name}}}}} in {self.field} is an object, which cannot stand in an "
                f"address, so the call was not sent. Send {name} as text or as a number.",
                failures=[failure(name, "must be text or a number", "bad_path")],
            )
        return quote(text, safe="/" if path[0] in _CALLER_ROOTS else "/:@!$&'()*+,;=%", errors="replace")

    def _check(self, path: str) -> str:
        """Returns the path in the form that is sent. Raises BadRequest for `..` segments."""
        return encode_illegal_characters(check_path(path, self.field))


def check_path(path: str, field: str) -> str:
    """Returns the path itself. Raises BadRequest where it holds a `.` or `..` segment."""
    if _has_dot_segment(path):
        raise BadRequest(
            f"{field} would hold a '..' segment with the values of this call, so it was not sent.",
            failures=[failure(field, "must not hold '..' segments", "bad_path")],
        )
    return path


def _is_empty_caller_value(alternative: Alternative, value: object) -> bool:
    """Returns True if the placeholder reads what the caller sent, and the value is null or makes no text: "",
    an empty list, or a list of empty texts."""
    if alternative.path[0] not in _CALLER_ROOTS:
        return False
    return value is None or not to_text_form(cast(value, alternative.cast, whole=False))


def _split_own_query(path: str) -> tuple[str, str]:
    """Returns the path template's segments, and its own query, which begins at the first `?` outside of
    placeholders; "" for none."""
    position = 0
    for piece in split_placeholders(path):
        if isinstance(piece, str) and "?" in piece:
            position += piece.index("?")
            break
        position += len(piece if isinstance(piece, str) else piece.text)
    return path[:position], path[position:]


def _has_dot_segment(path: str) -> bool:
    """Returns True if a segment of the path is `.` or `..`, also percent-encoded or behind a backslash."""
    if "." not in path and "%2e" not in path.lower():
        return False
    plain = unquote(path.partition("?")[0].partition("#")[0]).replace("\\", "/")
    return any(segment.strip() in {".", ".."} for segment in plain.split("/"))


def encode_illegal_characters(text: str) -> str:
    """Returns the text with what may not stand in a URL percent-encoded: blanks, control and non-ASCII
    characters."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text
    return quote(text, safe=_PRINTABLE, errors="replace")


def join_path(base: str, path: str) -> str:
    """Returns `base` and `path` with exactly one slash between; an empty path is the base itself."""
    if not path or path[0] == "?":
        return base + path
    return f"{base}/{path.lstrip('/')}"


def append_query(url: str, query: str) -> str:
    """Returns the URL with a serialized query behind the one it has."""
    if not query:
        return url
    return f"{url}{'&' if '?' in url else '?'}{query}"


def parse_origin(url: str) -> tuple[str, str, int]:
    """Returns scheme, host and port of an absolute http(s) address (RFC 6454). Raises ValueError for any
    other."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("no absolute http(s) address")
    return parts.scheme, parts.hostname.lower(), parts.port or (443 if parts.scheme == "https" else 80)


def resolve_on_origin(base: str, target: str) -> str | None:
    """Returns `target` resolved against `base`; None where that leaves the origin of `base` or is no
    address."""
    try:
        resolved = urljoin(base + "/", target)
        return (
            resolved
            if parse_origin(resolved) == parse_origin(base) and "@" not in urlsplit(resolved).netloc
            else None
        )
    except ValueError:
        return None
