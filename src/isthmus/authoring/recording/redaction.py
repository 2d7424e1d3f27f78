"""What a recorded answer keeps, and what stands in place of the rest (`docs/reference/recordings.md`).

Stand-ins follow from the value and a key, so that the same value is the same stand-in everywhere, today and
tomorrow, and nobody without the key can try names until one fits.
"""

from __future__ import annotations

import base64
import hmac
import re
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import parse_qsl, quote, quote_plus, urlencode, urlsplit

from isthmus.definitions.secrets import is_secret_name

__all__ = ["REDACTED", "Redaction", "secret_forms"]

REDACTED: Final = "redacted"

_EMAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_PHONE: Final = re.compile(r"\+?\(?\d[\d\s().-]{7,}\d")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_TOKEN: Final = re.compile(
    r"\b(?:sk|pk|rk|whsec)_\w{8,}|\b(?:gh[pousr]|xox[abprs])[-_]\w{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}|Bearer \S+"
)
_IDENTIFIER: Final = re.compile(r"(?=[^ ]*\d)[A-Za-z0-9_:.-]{6,}")
_WORD: Final = re.compile(r"[\w.:+/#-]{1,40}")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_SMALL: Final = 10_000
_SHORTEST_SECRET: Final = 4

_GIVEN: Final = ("Ada", "Bo", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kit", "Lena")
_FAMILY: Final = ("Ash", "Birch", "Cedar", "Dell", "Elm", "Fern", "Gale", "Heath", "Isle", "Lake", "Moor")

_GIVEN_KEY: Final = re.compile(r"(?:first|given|middle|nick)_?name")
_FAMILY_KEY: Final = re.compile(r"(?:last|family|sur)_?name")
_NAME_KEY: Final = re.compile(
    r"(?:full|display|user|real|contact|person|author|owner)_?name|login|username|screen_?name"
)
_COMPANY_KEY: Final = re.compile(
    r"\A(?:company|organi[sz]ation|employer|firm|business|account|team|workspace)(?:_?name)?\Z"
)
_PHONE_KEY: Final = re.compile(r"phone|mobile|fax|whatsapp|(?:^|_)(?:tel|cell)(?:$|_)")
_PLACE_KEY: Final = re.compile(
    r"address|street|line_?[12]|city|town|zip|postal|postcode|latitude|longitude|(?:^|_)(?:lat|lng|geo|ip)(?:$|_)"
)
_PRIVATE_KEY: Final = re.compile(
    r"birth|(?:^|_)(?:dob|ssn|iban|bic|salary|gender|passport|tax_id|vat)(?:$|_)"
)
_TEXT_KEY: Final = re.compile(
    r"(?:^|_)(?:subject|title|description|body|text|content|notes?|comments?|message|summary|bio|about|html|snippet"
    r"|signature)(?:_(?:text|html|plain|preview|raw|markdown))?$"
)
_PERSONS: Final = re.compile(
    r"(?:^|_)(?:author|assignees?|owners?|users?|contacts?|requesters?|customers?|members?|people|persons?|employees?"
    r"|creator|created_by|updated_by|reporter|sender|recipients?|agents?|leads?|from|to|cc)(?:$|_)"
)
_PERSONAL: Final = re.compile(r"e?_?mail|phone|(?:first|last|given|family|sur)_?name|birth")
_KIND: Final = re.compile(
    r"(?:^|_)(?:status|state|stage|priority|type|kind|category|role|labels?|tags?|unit|currency|locale|language"
    r"|time_?zone|source|channel|level|severity|resolution|pipeline|format|object|code|visibility|scope|method)(?:$|_)"
)
_ID_KEY: Final = re.compile(r"(?:^|_)(?:ids?|uuid|guid|gid|sid|key|number|etag|cursor|hash)$")


def secret_forms(secrets: Sequence[str]) -> frozenset[str]:
    """Each secret as it may be written: plain, in a URL, in Base64, two of them as user name and password."""
    plain = {each for each in secrets if len(each) >= _SHORTEST_SECRET}
    pairs = {f"{left}:{right}" for left in {*secrets, ""} for right in {*secrets, "", "X"} if left != right}
    forms = set(plain)
    for each in plain:
        forms |= {quote(each, safe=""), quote_plus(each)}
    for each in {*plain, *(pair for pair in pairs if len(pair) > _SHORTEST_SECRET)}:
        raw = each.encode()
        forms |= {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        forms |= {
            base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
        }
    return frozenset(form for form in forms if len(form) >= _SHORTEST_SECRET)


class Redaction:
    """`key`: of the stand-ins. `secrets`: forms that may stand nowhere. `hosts`: those of the account, which
    are written as `host`. `kept`, `dropped`: patterns of dotted paths whose texts are kept, or all redacted.
    `fixed`: strings whose stand-in is settled (cursors)."""

    def __init__(
        self,
        key: bytes,
        secrets: frozenset[str],
        *,
        hosts: frozenset[str] = frozenset(),
        host: str = "example.com",
        kept: Sequence[str] = (),
        dropped: Sequence[str] = (),
    ) -> None:
        self._key = key
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._hosts = hosts
        self._host = host
        self._kept = tuple(kept)
        self._dropped = tuple(dropped)
        self.fixed: dict[str, str] = {}

    def value(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """A JSON value at a dotted path, without indexes."""
        if isinstance(value, Mapping):
            is_personal = any(_PERSONAL.search(_snake(name)) for name in value)
            return {
                self._name(name): self._field(item, (*path, name), is_personal)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.value(item, path) for item in value]
        return self._field(value, path, is_personal=False)

    def holds_secret(self, written: str) -> bool:
        """Whether one of the secrets stands in a text after all."""
        return any(form in written for form in self._secrets)

    def identifier(self, value: str) -> str:
        """The stand-in of an id, wherever it is asked for or answered."""
        return self.fixed.get(value) or self._like(value)

    def addresses(self, text: str) -> str:
        """A header's value: as it is but for the addresses in it."""
        return self._without_secrets(_URL.sub(lambda match: self._url(match[0]), text))

    def _name(self, name: str) -> str:
        """Keys are kept, unless they are values: products key objects by e-mail or by token."""
        return self._free(name) if _EMAIL.search(name) or self.holds_secret(name) else name

    def _field(self, value: Any, path: tuple[str, ...], is_personal: bool) -> Any:
        if isinstance(value, Mapping | list):
            return self.value(value, path)
        if value is None or isinstance(value, bool) or value == "":
            return value
        dotted = ".".join(path)
        name = _snake(path[-1]) if path else ""
        if any(fnmatchcase(dotted, pattern) for pattern in self._dropped):
            return REDACTED if isinstance(value, str) else 0
        if isinstance(value, str) and value in self.fixed:
            return self.fixed[value]
        if not isinstance(value, str):
            return self._number(value, name)
        if any(fnmatchcase(dotted, pattern) for pattern in self._kept):
            return self._without_secrets(value)
        if is_secret_name(name):
            return REDACTED
        return self._text(value, name, path, is_personal=is_personal)

    def _number(self, value: float, name: str) -> float:
        if _PLACE_KEY.search(name) or _PRIVATE_KEY.search(name):
            return 0
        if self.holds_secret(str(value)):
            return 0
        if (
            isinstance(value, int)
            and abs(value) >= _SMALL
            and (_ID_KEY.search(name) or _PHONE_KEY.search(name))
        ):
            return int(self._like(str(value)))
        return value

    def _text(self, value: str, name: str, path: tuple[str, ...], *, is_personal: bool) -> str:
        for key, stand_in in self._by_name:
            if key.search(name):
                return stand_in(value)
        is_about_people = is_personal or any(_PERSONS.search(_snake(each)) for each in path[:-1])
        if name == "name" and is_about_people:
            return self._full_name(value)
        if _MOMENT.fullmatch(value) or (_NUMBER.fullmatch(value) and len(value) <= len(str(_SMALL))):
            return value
        clean = self._without_secrets(value)
        if clean == REDACTED:
            return REDACTED
        if clean != value or _EMAIL.search(value) or _URL.search(value):
            return self._free(clean)
        if _PHONE.fullmatch(value):
            return self._phone(value)
        is_kind = any(_KIND.search(_snake(each)) for each in path[-2:])
        if _ID_KEY.search(name) or (_IDENTIFIER.fullmatch(value) and not is_kind):
            return self.identifier(value)
        if is_kind or _WORD.fullmatch(value):
            return value
        return self._free(value)

    @property
    def _by_name(self) -> Iterator[tuple[re.Pattern[str], Callable[[str], str]]]:
        """By what a field is called, the more telling first."""
        yield _GIVEN_KEY, lambda value: self._pick(_GIVEN, value)
        yield _FAMILY_KEY, lambda value: self._pick(_FAMILY, value)
        yield _NAME_KEY, self._person
        yield _PHONE_KEY, self._phone
        yield _PRIVATE_KEY, lambda _: REDACTED
        yield _TEXT_KEY, self._free
        yield _PLACE_KEY, self._place
        yield _COMPANY_KEY, self._company

    def _person(self, value: str) -> str:
        return self._email(value) if _EMAIL.fullmatch(value) else self._full_name(value)

    def _place(self, value: str) -> str:
        """Addresses of the post, and of the mail and the web that are called so too."""
        if _EMAIL.search(value) or _URL.search(value):
            return self._free(value)
        return f"Place {self._digest(value)[:4]}"

    def _company(self, value: str) -> str:
        return (
            self.identifier(value) if _IDENTIFIER.fullmatch(value) else f"Company {self._digest(value)[:4]}"
        )

    def _free(self, value: str) -> str:
        """Texts that people write keep nothing of their own but their addresses' places."""
        if _EMAIL.fullmatch(value):
            return self._email(value)
        if _URL.fullmatch(value):
            return self._url(value)
        return f"Text {self._digest(value)[:4]}"

    def _email(self, value: str) -> str:
        return f"person-{self._digest(value.lower())[:6]}@example.com"

    def _full_name(self, value: str) -> str:
        return f"{self._pick(_GIVEN, value)} {self._pick(_FAMILY, value)}"

    def _phone(self, value: str) -> str:
        return f"+1555{int(self._digest(value)[:8], 16) % 10_000_000:07d}"

    def _url(self, value: str) -> str:
        """An address of the account keeps its path, with ids replaced, and its query without secrets; of any
        other nothing is kept."""
        try:
            parts = urlsplit(value)
        except ValueError:
            return f"https://example.com/{self._digest(value)[:8]}"
        if (parts.hostname or "") not in self._hosts:
            return f"https://example.com/{self._digest(value)[:8]}"
        path = "/".join(self._segment(each) for each in parts.path.split("/"))
        query = urlencode(
            [
                (name, self._parameter(name, item))
                for name, item in parse_qsl(parts.query, keep_blank_values=True)
            ]
        )
        return f"https://{self._host}{path}{'?' if query else ''}{query}"

    def _segment(self, value: str) -> str:
        clean = self._without_secrets(value)
        if _EMAIL.search(clean):
            return self._free(clean)
        is_id = _IDENTIFIER.fullmatch(clean) or (clean.isdigit() and int(clean) >= _SMALL)
        return self.identifier(clean) if is_id else clean

    def _parameter(self, name: str, value: str) -> str:
        found = self._field(value, (name,), is_personal=False)
        return str(found)

    def _without_secrets(self, value: str) -> str:
        for form in self._secrets:
            if form in value:
                value = value.replace(form, REDACTED)
        return _TOKEN.sub(REDACTED, value)

    def _like(self, value: str) -> str:
        """Another of the same shape: digits for digits, letters for letters; small numbers are themselves."""
        if value.isdigit() and int(value) < _SMALL:
            return value
        stream = self._stream(value)
        return "".join(
            self._character(each, next(stream), is_first=not place) for place, each in enumerate(value)
        )

    def _character(self, char: str, byte: int, *, is_first: bool) -> str:
        if char.isdigit():
            return str(1 + byte % 9) if is_first else str(byte % 10)
        if char in "abcdef":
            return "abcdef"[byte % 6]
        if char.isascii() and char.isalpha():
            letters = string.ascii_uppercase if char.isupper() else string.ascii_lowercase
            return letters[byte % 26]
        return char

    def _stream(self, value: str) -> Iterator[int]:
        block = 0
        while True:
            yield from hmac.digest(self._key, f"{block}:{value}".encode(), "sha256")
            block += 1

    def _digest(self, value: str) -> str:
        return hmac.digest(self._key, value.encode(), "sha256").hex()

    def _pick(self, names: Sequence[str], value: str) -> str:
        return names[hmac.digest(self._key, value.encode(), "sha256")[len(names)] % len(names)]


def _snake(name: str) -> str:
    """`createdBy` and `Created-By` as `created_by`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
