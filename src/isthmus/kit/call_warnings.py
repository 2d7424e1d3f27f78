"""What a successful call left out, and the `Isthmus-Warning` header that tells its caller."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

__all__ = [
    "WARNING_HEADER",
    "CallWarning",
    "format_warning_header",
    "make_warning_headers",
    "parse_warning_header",
]

WARNING_HEADER: Final = "isthmus-warning"

_MAX_HEADER_LENGTH: Final = 4096
_UNPRINTABLE: Final = re.compile(r"[^\x20-\x7e]+")
_ITEM: Final = re.compile(r'"((?:[^"\\]|\\.)*)";code=([a-z_]+)(?:;field="((?:[^"\\]|\\.)*)")?')
_ESCAPED: Final = re.compile(r"\\(.)")
_LEFT_OUT: Final = "left_out"


@dataclass(frozen=True, slots=True)
class CallWarning:
    """One thing that a call was asked for and did not do. `code`: lower-case words joined by `_`. `message`:
    what was left out, and what would be right. `field`: the dotted path of what was sent, such as
    `body.emial` or `query.tenent_id`; None where no field caused it."""

    code: str
    message: str
    field: str | None = None


def make_warning_headers(warnings: Sequence[CallWarning]) -> dict[str, str]:
    """Returns the headers of an answer with these warnings: none without any."""
    return {WARNING_HEADER: format_warning_header(warnings)} if warnings else {}


def format_warning_header(warnings: Sequence[CallWarning]) -> str:
    """Returns the value of the header: a list of strings with the parameters `code` and `field` (RFC 8941).

    Characters outside of printable ASCII are percent-encoded. Warnings beyond 4 KiB are counted by a last
    entry with the code `left_out`.
    """
    items: list[str] = []
    length = 0
    for position, warning in enumerate(warnings):
        item = f"{_quote_string(warning.message)};code={warning.code}"
        if warning.field is not None:
            item += f";field={_quote_string(warning.field)}"
        length += len(item) + 2
        if length > _MAX_HEADER_LENGTH:
            items.append(f'"{len(warnings) - position} more";code={_LEFT_OUT}')
            break
        items.append(item)
    return ", ".join(items)


def parse_warning_header(value: str) -> list[CallWarning]:
    """Returns the warnings of a header that `format_warning_header` made; percent-encoded characters stay
    encoded. Text in any other form gives none."""
    return [
        CallWarning(code, _unquote_string(message), None if field is None else _unquote_string(field))
        for message, code, field in (match.group(1, 2, 3) for match in _ITEM.finditer(value))
    ]


def _quote_string(text: str) -> str:
    """Returns the text as a string of a structured field."""
    printable = _UNPRINTABLE.sub(lambda match: quote(match[0], errors="replace"), text)
    return '"' + printable.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _unquote_string(text: str) -> str:
    """Returns the text of a quoted string, without its escapes."""
    return _ESCAPED.sub(r"\1", text)
