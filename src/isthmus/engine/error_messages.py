"""Words the errors of providers: the product, the status, and a reason.

The reason is what the provider says in the body of its answer, or else the beginning of what came: of a page
its title and text. It is one line of bounded length, without the secrets that the account was connected with.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import MASK, is_secret_name
from isthmus.engine.responses import decode_text, read_media_type
from isthmus.http.messages import HttpResponse

__all__ = ["clean_reason", "describe_body", "find_error_message", "find_secret_values", "word_error"]

_MAX_MESSAGE: Final = 1_000
_MAX_BEGINNING: Final = 300
_READ_BYTES: Final = 16_384
"""How much of a body, or of a page in it, is looked at for its beginning."""
_MAX_DEPTH: Final = 8
_MAX_TEXTS: Final = 3
"""How many messages of a list are told."""
_MAX_KEYS: Final = 200
"""How many keys of an object are looked at."""
_MIN_SECRET: Final = 8
_UNREADABLE_SHARE: Final = 0.1

_Places = tuple[str, ...]
_PLACES: Final[_Places] = (
    "message",
    "error{}",
    "errordescription",
    "error",
    "errors",
    "detail",
    "title",
    "errormessage",
    "errormessages",
    "messages",
    "errorsummary",
    "msg",
    "faultstring",
    "fault",
    "reason",
    "text",
    "description",
    "details",
    "exception",
    "envelope",
    "body",
    "response",
    "meta",
    "status{}",
)
"""Keys under which providers put what they say, the likeliest first, without case, signs and XML prefixes.
`{}`: only where an object or array stands there."""
_PLACE_NAMES: Final = frozenset(place.removesuffix("{}") for place in _PLACES)
_ERRORS_BY_FIELD: Final = frozenset({"errors", "details", "messages", "errormessages"})
_SIGNS: Final = re.compile(r"[^a-z0-9]")
_TAG: Final = re.compile(r"<[^<>]*>")
_TAG_NAME: Final = re.compile(r"<(/?)([a-z0-9]*)", re.IGNORECASE)
_HIDDEN_ELEMENTS: Final = frozenset({"script", "style", "svg", "template", "head"})
_MARKUP: Final = re.compile(r"\s*<(?:[!?a-z])", re.IGNORECASE)
_NAMED_VALUE: Final = re.compile(
    r"(?P<name>[\w.-]{1,64})(?P<sign>[\"']?\s*[:=]\s*)"
    r"(?P<value>\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|(?:(?:Basic|Bearer|Token)\s+)?[^\"'&\s,;<>{}\[\]]+)",
    re.IGNORECASE,
)
_LOOKS_SECRET: Final = re.compile(r"[\"'\d]")
"""A value without quotes and digits is a word of a sentence: `invalid token: expired`."""


def word_error(product: str, answered: int, status: int, reason: str) -> str:
    """Returns the message of an error. `answered`: the status of the provider's answer. `status`: the one
    that it means, where the definition reads another. `reason`: "" for none."""
    said = f"{product} answered {answered}"
    if status != answered:
        said += f", which means {status}"
    if reason:
        return f"{said}: {reason}"
    return f"{said}{',' if status != answered else ''} and said nothing."


def find_error_message(body: Any) -> str:
    """Returns what an error's body says, the text as it stands: the first in the places where providers
    commonly put it, those of a list joined; "" where there is none. `body`: any JSON value, also of XML."""
    return "" if isinstance(body, str) else _find_text(body, _MAX_DEPTH)


def _find_text(value: Any, depth: int) -> str:
    """Returns the message in a value of an error's body; "" for none. `depth`: how much deeper to look."""
    if isinstance(value, str):
        return value.strip()
    if depth == 0:
        return ""
    if isinstance(value, list):
        texts = (_find_text(item, depth - 1) for item in value[:_MAX_TEXTS])
        return "; ".join(dict.fromkeys(text for text in texts if text))
    if not isinstance(value, dict):
        return ""
    first = list(islice(value.items(), _MAX_KEYS))
    by_place = {_normalise_key(key): item for key, item in reversed(first)}
    for place in _PLACES:
        name = place.removesuffix("{}")
        item = by_place.get(name)
        if item is None or (name != place and isinstance(item, str)):
            continue
        has_fields = name in _ERRORS_BY_FIELD and isinstance(item, dict) and not _has_place(item)
        text = _join_by_field(item, depth - 1) if has_fields else _find_text(item, depth - 1)
        if text:
            return text
    return _find_text(next(iter(value.values())), depth - 1) if len(value) == 1 and _is_nested(value) else ""


def _has_place(value: Mapping[str, Any]) -> bool:
    """Returns True if an object has one of the keys under which providers put what they say."""
    return any(_normalise_key(key) in _PLACE_NAMES for key in islice(value, _MAX_KEYS))


def _is_nested(value: Mapping[str, Any]) -> bool:
    """Returns True if an object is only an envelope: its values are objects or arrays."""
    return all(isinstance(item, (dict, list)) for item in value.values())


def _join_by_field(errors: Mapping[str, Any], depth: int) -> str:
    """Returns the messages of an object that has them by the field that they are about."""
    texts = ((field, _find_text(item, depth)) for field, item in islice(errors.items(), _MAX_TEXTS))
    return "; ".join(f"{field}: {text}" for field, text in texts if text)


def _normalise_key(key: str) -> str:
    """Returns a key without its XML prefix, and in lower-case letters and digits only."""
    return _SIGNS.sub("", key.rpartition(":")[2].lower())


def describe_body(response: HttpResponse) -> str:
    """Returns the beginning of a body that has no message in it: of a page its title and text, of bytes how
    many they are, "" of nothing. Values under the names of secrets are masked."""
    if not response.body.strip():
        return ""
    text = decode_text(replace(response, body=response.body[:_READ_BYTES])).strip().lstrip("\ufeff")
    unreadable = text.count("\ufffd") + text.count("\0")
    beginning = ""
    if unreadable <= 1 + _UNREADABLE_SHARE * len(text):
        readable = text.rstrip("\ufffd")
        reduced = _reduce_markup(readable) if _MARKUP.match(readable) else ""
        beginning = _clean(_mask_named_values(reduced or readable), _MAX_BEGINNING)
    return beginning or f"{len(response.body)} bytes of {read_media_type(response.headers) or 'no type'}"


def _reduce_markup(text: str) -> str:
    """Returns the text of an HTML page or an XML document without its tags, the title of the page first."""
    text = _drop_comments(text)
    title, rest, hidden = "", [], ""
    position, is_title = 0, False
    for tag in _TAG.finditer(text):
        piece = text[position : tag.start()]
        position = tag.end()
        if is_title:
            title += piece
        elif not hidden:
            rest.append(piece)
        named = _TAG_NAME.match(tag[0])
        if named is None:
            continue
        ends, name = bool(named[1]), named[2].lower()
        if name == "title":
            is_title = not ends
        elif name in _HIDDEN_ELEMENTS and (not hidden or hidden == name):
            hidden = "" if ends else name
        elif name == "body":
            hidden = ""
    if not hidden and not is_title:
        rest.append(text[position:].partition("<")[0])
    title, body = " ".join(html.unescape(title).split()), " ".join(html.unescape(" ".join(rest)).split())
    if not title or body.startswith(title):
        return body
    return f"{title}: {body}" if body else title


def _drop_comments(text: str) -> str:
    """Returns the text without its comments; one that does not end goes to the next."""
    first, *others = text.split("<!--")
    return "".join([first, *(part.partition("-->")[2] for part in others)])


def _mask_named_values(text: str) -> str:
    """Returns the text with a mask in place of each value that stands behind the name of a secret, as in
    JSON, in a form or in a header."""

    def mask(found: re.Match[str]) -> str:
        """Returns the name and its value, masked where it is a secret."""
        is_secret = is_secret_name(found["name"]) and _LOOKS_SECRET.search(found["value"])
        return f"{found['name']}{found['sign']}{MASK}" if is_secret else found[0]

    return _NAMED_VALUE.sub(mask, text)


def _clean(text: str, limit: int) -> str:
    """Returns the text as one line of at most `limit` characters, without control characters."""
    printable = "".join(ch if ch.isprintable() else " " for ch in text[: limit * 8])
    line = " ".join(printable.split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def clean_reason(text: str, secrets: Iterable[str]) -> str:
    """Returns a reason as one line of bounded length, with a mask in place of each of the secrets; of a page
    its title and text."""
    if _MARKUP.match(text):
        text = _reduce_markup(text[:_READ_BYTES]) or text
    for secret in secrets:
        text = text.replace(secret, MASK)
    return _clean(text, _MAX_MESSAGE)


def find_secret_values(config: IntegrationConfig, context: Mapping[str, Any]) -> Iterator[str]:
    """Yields the secrets of an account's context, which no message may hold: what its credential forms ask
    for as passwords, and what has the name of a secret. Texts below 8 characters are left out: they may be
    words."""
    passwords = {
        field.name
        for credential in config.credentials.values()
        for field in credential.config.fields
        if field.type == "password"
    } | config.secret_environment_variables.keys()
    stack = [context]
    while stack:
        for name, value in stack.pop().items():
            if isinstance(value, Mapping):
                stack.append(value)
            elif not isinstance(value, str) or len(value) < _MIN_SECRET:
                continue
            elif name in passwords or is_secret_name(name):
                yield value
