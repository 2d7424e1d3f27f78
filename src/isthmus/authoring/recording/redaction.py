"""Redacts recorded answers: decides which values are kept, and replaces the others
(docs/reference/recordings.md)."""

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

__all__ = ["REDACTED", "Redaction", "list_secret_forms"]

REDACTED: Final = "redacted"

_EMAIL: Final = re.compile(r"[\w.+%'-]+@[\w-]+(?:\.[\w-]+)+")
_URL: Final = re.compile(r"https?://[^\s\"'<>]+")
_PHONE: Final = re.compile(r"\+?\(?\d[\d\s().-]{7,}\d")
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?")
_TOKEN: Final = re.compile(
    r"\b(?:sk|pk|rk|whsec)_\w{8,}|\b(?:gh[pousr]|xox[abprs])[-_]\w{8,}|\beyJ[\w-]{8,}\.[\w-]{8,}|Bearer \S+"
)
_IDENTIFIER: Final = re.compile(r"(?=[^ ]*\d)[A-Za-z0-9_:.-]{6,}")
_WORD: Final = re.compile(r"[\w.:+/#-]{1,40}")
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_SMALL_NUMBER: Final = 10_000
_MIN_SECRET_LENGTH: Final = 4

_GIVEN_NAMES: Final = ("Ada", "Bo", "Cleo", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "Juno", "Kit", "Lena")
_FAMILY_NAMES: Final = (
    "Ash",
    "Birch",
    "Cedar",
    "Dell",
    "Elm",
    "Fern",
    "Gale",
    "Heath",
    "Isle",
    "Lake",
    "Moor",
)

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
_PERSON_KEY: Final = re.compile(
    r"(?:^|_)(?:author|assignees?|owners?|users?|contacts?|requesters?|customers?|members?|people|persons?|employees?"
    r"|creator|created_by|updated_by|reporter|sender|recipients?|agents?|leads?|from|to|cc)(?:$|_)"
)
_PERSONAL_SIBLING_KEY: Final = re.compile(r"e?_?mail|phone|(?:first|last|given|family|sur)_?name|birth")
_KIND_KEY: Final = re.compile(
    r"(?:^|_)(?:status|state|stage|priority|type|kind|category|role|labels?|tags?|unit|currency|locale|language"
    r"|time_?zone|source|channel|level|severity|resolution|pipeline|format|object|code|visibility|scope|method)(?:$|_)"
)
_ID_KEY: Final = re.compile(r"(?:^|_)(?:ids?|uuid|guid|gid|sid|key|number|etag|cursor|hash)$")


def list_secret_forms(secrets: Sequence[str]) -> frozenset[str]:
    """Returns all forms in which the secrets may appear: plain, URL-encoded, in Base64, and as
    `user:password` in Base64."""
    plain = {secret for secret in secrets if len(secret) >= _MIN_SECRET_LENGTH}
    pairs = {
        f"{user}:{password}"
        for user in {*secrets, ""}
        for password in {*secrets, "", "X"}
        if user != password
    }
    forms = set(plain)
    for secret in plain:
        forms |= {quote(secret, safe=""), quote_plus(secret)}
    for secret in {*plain, *(pair for pair in pairs if len(pair) > _MIN_SECRET_LENGTH)}:
        raw = secret.encode()
        forms |= {base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()}
        forms |= {
            base64.b64encode(raw).decode().rstrip("="),
            base64.urlsafe_b64encode(raw).decode().rstrip("="),
        }
    return frozenset(forms)


class Redaction:
    """Redacts recorded values.

    `key`: from which replacements are derived. `secrets`: texts that must not remain anywhere. `hosts`: hosts
    of the account, which are replaced by `host`. `keep_patterns`, `redact_patterns`: patterns of dotted paths
    whose texts are kept, or always redacted.
    """

    def __init__(
        self,
        key: bytes,
        secrets: frozenset[str],
        *,
        hosts: frozenset[str] = frozenset(),
        host: str = "example.com",
        keep_patterns: Sequence[str] = (),
        redact_patterns: Sequence[str] = (),
    ) -> None:
        self._key = key
        self._secrets = sorted(secrets, key=len, reverse=True)
        self._hosts = hosts
        self._host = host
        self._keep_patterns = tuple(keep_patterns)
        self._redact_patterns = tuple(redact_patterns)

    def redact(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        """Returns the redacted JSON value. `path`: its names from the top, without indexes."""
        if isinstance(value, Mapping):
            is_personal = any(_PERSONAL_SIBLING_KEY.search(_to_snake_case(name)) for name in value)
            return {
                self._redact_key(name): self._redact_field(item, (*path, name), is_personal)
                for name, item in value.items()
            }
        if isinstance(value, list):
            return [self.redact(item, path) for item in value]
        return self._redact_field(value, path, is_personal=False)

    def contains_secret(self, text: str) -> bool:
        """Returns True if a secret is in the text."""
        return any(form in text for form in self._secrets)

    def redact_urls(self, text: str) -> str:
        """Returns the value of a header with its URLs and secrets redacted."""
        return self._mask_secrets(_URL.sub(lambda match: self._redact_url(match[0]), text))

    def _redact_key(self, name: str) -> str:
        """Returns a key of an object; it is kept unless it contains an e-mail address or a secret."""
        return self._replace_free_text(name) if _EMAIL.search(name) or self.contains_secret(name) else name

    def _redact_field(self, value: Any, path: tuple[str, ...], is_personal: bool) -> Any:
        """Returns the redacted value of one field. `is_personal`: its object has fields of a person."""
        if isinstance(value, Mapping | list):
            return self.redact(value, path)
        if value is None or isinstance(value, bool) or value == "":
            return value
        dotted = ".".join(path)
        name = _to_snake_case(path[-1]) if path else ""
        if any(fnmatchcase(dotted, pattern) for pattern in self._redact_patterns):
            return REDACTED if isinstance(value, str) else 0
        if not isinstance(value, str):
            return self._redact_number(value, name)
        if any(fnmatchcase(dotted, pattern) for pattern in self._keep_patterns):
            return self._mask_secrets(value)
        if is_secret_name(name):
            return REDACTED
        return self._redact_text(value, name, path, is_personal=is_personal)

    def _redact_number(self, value: float, name: str) -> float:
        """Returns the number; 0 for places, private data and secrets; large ids and phone numbers are
        replaced."""
        if _PLACE_KEY.search(name) or _PRIVATE_KEY.search(name):
            return 0
        if self.contains_secret(str(value)):
            return 0
        if (
            isinstance(value, int)
            and abs(value) >= _SMALL_NUMBER
            and (_ID_KEY.search(name) or _PHONE_KEY.search(name))
        ):
            return int(self._replace_same_shape(str(value)))
        return value

    def _redact_text(self, value: str, name: str, path: tuple[str, ...], *, is_personal: bool) -> str:
        """Returns the redacted text, by the name of its field first, then by its own form."""
        for key, stand_in in self._iter_key_rules:
            if key.search(name):
                return stand_in(value)
        is_about_people = is_personal or any(
            _PERSON_KEY.search(_to_snake_case(path_name)) for path_name in path[:-1]
        )
        if name == "name" and is_about_people:
            return self._replace_full_name(value)
        if _TIMESTAMP.fullmatch(value) or (
            _NUMBER.fullmatch(value) and len(value) <= len(str(_SMALL_NUMBER))
        ):
            return value
        clean = self._mask_secrets(value)
        if clean == REDACTED:
            return REDACTED
        if clean != value or _EMAIL.search(value) or _URL.search(value):
            return self._replace_free_text(clean)
        if _PHONE.fullmatch(value):
            return self._replace_phone(value)
        is_kind = any(_KIND_KEY.search(_to_snake_case(path_name)) for path_name in path[-2:])
        if _ID_KEY.search(name) or (_IDENTIFIER.fullmatch(value) and not is_kind):
            return self._replace_same_shape(value)
        if is_kind or _WORD.fullmatch(value):
            return value
        return self._replace_free_text(value)

    @property
    def _iter_key_rules(self) -> Iterator[tuple[re.Pattern[str], Callable[[str], str]]]:
        """Patterns of field names with the function that replaces their texts; the first match counts."""
        yield _GIVEN_KEY, lambda value: self._pick_name(_GIVEN_NAMES, value)
        yield _FAMILY_KEY, lambda value: self._pick_name(_FAMILY_NAMES, value)
        yield _NAME_KEY, self._replace_person
        yield _PHONE_KEY, self._replace_phone
        yield _PRIVATE_KEY, lambda _: REDACTED
        yield _TEXT_KEY, self._replace_free_text
        yield _PLACE_KEY, self._replace_place
        yield _COMPANY_KEY, self._replace_company

    def _replace_person(self, value: str) -> str:
        """Returns the replacement of a person's name, or of an e-mail address in its place."""
        return self._replace_email(value) if _EMAIL.fullmatch(value) else self._replace_full_name(value)

    def _replace_place(self, value: str) -> str:
        """Returns the replacement of a postal address; the field may also hold an e-mail address or a URL."""
        if _EMAIL.search(value) or _URL.search(value):
            return self._replace_free_text(value)
        return f"Place {self._compute_digest(value)[:4]}"

    def _replace_company(self, value: str) -> str:
        """Returns the replacement of a company's name, or of an id in its place."""
        return (
            self._replace_same_shape(value)
            if _IDENTIFIER.fullmatch(value)
            else f"Company {self._compute_digest(value)[:4]}"
        )

    def _replace_free_text(self, value: str) -> str:
        """Returns the replacement of a text that people write; e-mail addresses and URLs are replaced by
        such."""
        if _EMAIL.fullmatch(value):
            return self._replace_email(value)
        if _URL.fullmatch(value):
            return self._redact_url(value)
        return f"Text {self._compute_digest(value)[:4]}"

    def _replace_email(self, value: str) -> str:
        """Returns the replacement of an e-mail address."""
        return f"person-{self._compute_digest(value.lower())[:6]}@example.com"

    def _replace_full_name(self, value: str) -> str:
        """Returns the replacement of a person's full name."""
        return f"{self._pick_name(_GIVEN_NAMES, value)} {self._pick_name(_FAMILY_NAMES, value)}"

    def _replace_phone(self, value: str) -> str:
        """Returns the replacement of a phone number."""
        return f"+1555{int(self._compute_digest(value)[:8], 16) % 10_000_000:07d}"

    def _redact_url(self, value: str) -> str:
        """Returns the redacted URL.

        A URL of the account keeps its path, with ids replaced, and its query, with redacted values. Of any
        other URL nothing is kept.
        """
        try:
            parts = urlsplit(value)
        except ValueError:
            return f"https://example.com/{self._compute_digest(value)[:8]}"
        if (parts.hostname or "") not in self._hosts:
            return f"https://example.com/{self._compute_digest(value)[:8]}"
        path = "/".join(self._redact_path_segment(segment) for segment in parts.path.split("/"))
        query = urlencode(
            [
                (name, self._redact_query_value(name, item))
                for name, item in parse_qsl(parts.query, keep_blank_values=True)
            ]
        )
        return f"https://{self._host}{path}{'?' if query else ''}{query}"

    def _redact_path_segment(self, value: str) -> str:
        """Returns a segment of a URL's path; ids, e-mail addresses and secrets are replaced."""
        clean = self._mask_secrets(value)
        if _EMAIL.search(clean):
            return self._replace_free_text(clean)
        is_id = _IDENTIFIER.fullmatch(clean) or (clean.isdigit() and int(clean) >= _SMALL_NUMBER)
        return self._replace_same_shape(clean) if is_id else clean

    def _redact_query_value(self, name: str, value: str) -> str:
        """Returns the redacted value of a query parameter."""
        redacted = self._redact_field(value, (name,), is_personal=False)
        return str(redacted)

    def _mask_secrets(self, value: str) -> str:
        """Returns the text with known secrets and token-like texts replaced by `redacted`."""
        for form in self._secrets:
            if form in value:
                value = value.replace(form, REDACTED)
        return _TOKEN.sub(REDACTED, value)

    def _replace_same_shape(self, value: str) -> str:
        """Returns the replacement of an id, the same in requests and in answers: digits for digits, letters
        for letters. Small numbers are kept."""
        if value.isdigit() and int(value) < _SMALL_NUMBER:
            return value
        stream = self._iter_bytes(value)
        return "".join(
            self._replace_character(character, next(stream), is_first=not place)
            for place, character in enumerate(value)
        )

    def _replace_character(self, char: str, byte: int, *, is_first: bool) -> str:
        """Returns a digit for a digit and a letter for a letter, chosen by `byte`; other characters are
        kept."""
        if char.isdigit():
            return str(1 + byte % 9) if is_first else str(byte % 10)
        if char in "abcdef":
            return "abcdef"[byte % 6]
        if char.isascii() and char.isalpha():
            letters = string.ascii_uppercase if char.isupper() else string.ascii_lowercase
            return letters[byte % 26]
        return char

    def _iter_bytes(self, value: str) -> Iterator[int]:
        """Yields an endless stream of bytes derived from the key and the value."""
        block = 0
        while True:
            yield from hmac.digest(self._key, f"{block}:{value}".encode(), "sha256")
            block += 1

    def _compute_digest(self, value: str) -> str:
        """Returns a hex digest of the value, made with the key."""
        return hmac.digest(self._key, value.encode(), "sha256").hex()

    def _pick_name(self, names: Sequence[str], value: str) -> str:
        """Returns one of the names, chosen by the value and the key."""
        return names[hmac.digest(self._key, value.encode(), "sha256")[len(names)] % len(names)]


def _to_snake_case(name: str) -> str:
    """Returns a name in snake case: `createdBy` and `Created-By` become `created_by`."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()).strip("_")
