"""Words the errors of providers: the product, the status, and a reason.

The reason is what the provider says in the body of its answer, or else the beginning of what came: of a page
its title and text. It is one line of bounded length, without the secrets that the account was connected with.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, Final
from urllib.parse import quote, quote_plus

from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.secrets import MASK, is_secret_name
from isthmus.engine.responses import decode_text, read_media_type
from isthmus.http.messages import HttpResponse

__all__ = ["clean_reason", "describe_body", "find_error_message", "find_secret_values", "word_error"]

_MAX_MESSAGE: Final = 1_000
_MAX_BEGINNING: Final = 300
_READ_BYTES: Final = 16_384
"""How much of a body, or of a message in it, is looked at."""
_MAX_DEPTH: Final = 8
_MAX_TEXTS: Final = 3
"""How many messages of a list are told."""
_MAX_KEYS: Final = 200
"""How many keys of an object are looked at."""
_MAX_STEPS: Final = 4_000
"""How many values and keys of a body are looked at."""
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
    return "" if isinstance(body, str) else _MessageSearch().find_text(body, _MAX_DEPTH)


class _MessageSearch:
    """Searches one body for a message. It looks at each value once, and at _MAX_STEPS values and keys in
    all: a provider may answer anything."""

    __slots__ = ("_steps_left",)

    def __init__(self) -> None:
        self._steps_left = _MAX_STEPS

    def find_text(self, value: Any, depth: int) -> str:
        """Returns the message in a value of the body; "" for none. `depth`: how much deeper to look."""
        self._steps_left -= 1
        if isinstance(value, str):
            return value.strip()
        if depth == 0 or self._steps_left <= 0:
            return ""
        if isinstance(value, list):
            texts = (self.find_text(item, depth - 1) for item in value[:_MAX_TEXTS])
            return "; ".join(dict.fromkeys(text for text in texts if text))
        return self._find_in_object(value, depth) if isinstance(value, dict) else ""

    def _find_in_object(self, value: Mapping[str, Any], depth: int) -> str:
        """Returns the message in an object, as `find_text` does."""
        by_place = {_normalise_key(key): value[key] for key in reversed(self._read_keys(value))}
        for place in _PLACES:
            name = place.removesuffix("{}")
            item = by_place.get(name)
            if item is None or (name != place and isinstance(item, str)):
                continue
            text = self._find_at_place(name, by_place.pop(name), depth - 1)
            if text:
                return text
        is_envelope = len(value) == 1 and bool(by_place) and _is_nested(value)
        return self.find_text(next(iter(value.values())), depth - 1) if is_envelope else ""

    def _find_at_place(self, name: str, item: Any, depth: int) -> str:
        """Returns the message in the value of a place; "" for none. `name`: of the place."""
        if name not in _ERRORS_BY_FIELD or not isinstance(item, dict):
            return self.find_text(item, depth)
        if any(_normalise_key(key) in _PLACE_NAMES for key in self._read_keys(item)):
            return self.find_text(item, depth)
        texts = ((field, self.find_text(error, depth)) for field, error in islice(item.items(), _MAX_TEXTS))
        return "; ".join(f"{field}: {text}" for field, text in texts if text)

    def _read_keys(self, value: Mapping[str, Any]) -> list[str]:
        """Returns the first keys of an object."""
        keys = list(islice(value, max(0, min(_MAX_KEYS, self._steps_left))))
        self._steps_left -= len(keys)
        return keys


def _is_nested(value: Mapping[str, Any]) -> bool:
    """Returns True if an object is only an envelope: its values are objects or arrays."""
    return all(isinstance(item, (dict, list)) for item in value.values())


def _normalise_key(key: str) -> str:
    """Returns a key without its XML prefix, and in lower-case letters and digits only."""
    return _SIGNS.sub("", key.rpartition(":")[2].lower())


def describe_body(response: HttpResponse, secrets: Iterable[str] = ()) -> str:
    """Returns the beginning of a body that has no message in it: of a page its title and text, of bytes how
    many they are, "" of nothing. The secrets, and values under the names of secrets, are masked."""
    if not response.body.strip():
        return ""
    text = decode_text(replace(response, body=response.body[:_READ_BYTES])).strip().lstrip("\ufeff")
    unreadable = text.count("\ufffd") + text.count("\0")
    beginning = ""
    if unreadable <= 1 + _UNREADABLE_SHARE * len(text):
        is_cut = len(response.body) > _READ_BYTES
        beginning = _clean(text.rstrip("\ufffd"), secrets, _MAX_BEGINNING, masks_names=True, is_cut=is_cut)
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


def clean_reason(text: str, secrets: Iterable[str]) -> str:
    """Returns a reason as one line of bounded length, with a mask in place of each of the secrets; of a page
    its title and text."""
    return _clean(text[:_READ_BYTES], secrets, _MAX_MESSAGE, is_cut=len(text) > _READ_BYTES)


def _clean(
    text: str, secrets: Iterable[str], limit: int, *, masks_names: bool = False, is_cut: bool = False
) -> str:
    """Returns the text as one line of at most `limit` characters, without control characters, markup and
    secrets. `masks_names`: values under the names of secrets are masked, too. `is_cut`: the text goes on.

    The secrets are masked before anything is cut or reduced, and again in what reducing made of the text.
    """
    if not text:
        return ""
    forms = _list_forms(secrets)
    text = _mask(text, forms)
    if is_cut and forms:  # what is left of the last secret has no form to be found by
        text = text[: -len(forms[0])]
    if _MARKUP.match(text):
        text = _reduce_markup(text) or text
    if masks_names:
        text = _mask_named_values(text)
    line = _mask(" ".join("".join(ch if ch.isprintable() else " " for ch in text).split()), forms)
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _list_forms(secrets: Iterable[str]) -> list[str]:
    """Returns the secrets as a provider may repeat them, the longest first, since one may hold another: as
    they stand, in one line, in JSON and in a URL. Those below 8 characters are left out."""
    forms: set[str] = set()
    for secret in secrets:
        escaped = [json.dumps(secret, ensure_ascii=is_ascii)[1:-1] for is_ascii in (True, False)]
        forms.update((secret, " ".join(secret.split()), quote(secret, safe=""), quote_plus(secret), *escaped))
        forms.update(form.replace("/", "\\/") for form in escaped)
    return sorted((form for form in forms if len(form) >= _MIN_SECRET), key=lambda form: (-len(form), form))


def _mask(text: str, forms: Iterable[str]) -> str:
    """Returns the text with a mask in place of each of the forms."""
    for form in forms:
        text = text.replace(form, MASK)
    return text


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
