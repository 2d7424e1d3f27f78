"""Standard functions of strings: `$string`, substrings, case, padding, joining, base64 and URL encoding."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final
from urllib.parse import quote

from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.meter import MAX_FREE_ITEMS, MAX_FREE_LENGTH, charge_each
from isthmus.expressions.runtime.operators import to_count
from isthmus.expressions.runtime.string_conversion import charge_new_text, to_json_string, to_string
from isthmus.expressions.values import UNDEFINED

__all__ = [
    "base64decode",
    "base64encode",
    "decode_url",
    "decode_url_component",
    "encode_url",
    "encode_url_component",
    "join",
    "join_if_texts",
    "length",
    "lowercase",
    "pad",
    "string",
    "substring",
    "substring_after",
    "substring_before",
    "trim",
    "uppercase",
]

_BLANKS: Final = re.compile(r"[ \t\n\r]+")
_URL_COMPONENT: Final = "-_.!~*'()"
_URL: Final = "-_.!~*'();/?:@&=+$,#"
_PIECE_LENGTH: Final = 100_000
_URL_SAFE_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_NOT_BASE64: Final = bytes(one for one in range(128) if not (chr(one).isalnum() or chr(one) in "+/-_"))
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%")


def string(evaluation: Evaluation, value: Any, prettify: Any = False) -> Any:
    """`$string`: return the value as text."""
    if value is UNDEFINED or type(value) is str:
        return value
    if prettify is True and isinstance(value, (list, dict)):
        return to_json_string(evaluation, value, indent=2)
    return to_string(evaluation, value)


def substring(text: Any, start: Any, size: Any) -> Any:
    """`$substring`: return a part of a text, by characters; a negative start counts from the end."""
    if text is UNDEFINED:
        return UNDEFINED
    if start is UNDEFINED:
        return text if size is UNDEFINED else ""  # as the reference: a length from nowhere ends nowhere
    first = start
    if len(text) + first < 0:
        first = 0
    if size is UNDEFINED:
        return text[first if type(first) is int else to_count(first, len(text)) :]
    if size <= 0:
        return ""
    last = first + size if first >= 0 else len(text) + first + size
    if type(last) is not int:
        return text[to_count(first, len(text)) : to_count(last, len(text))]
    return text[first:last]


def substring_before(text: Any, chars: Any) -> Any:
    """`$substringBefore`: return the text before the first `chars`; all of it if it has none."""
    if text is UNDEFINED:
        return UNDEFINED
    index = text.find("undefined" if chars is UNDEFINED else chars)
    return text[:index] if index >= 0 else text


def substring_after(text: Any, chars: Any) -> Any:
    """`$substringAfter`: return the text behind the first `chars`; all of it if it has none."""
    if text is UNDEFINED:
        return UNDEFINED
    separator = "undefined" if chars is UNDEFINED else chars
    index = text.find(separator)
    return text[index + len(separator) :] if index >= 0 else text


def lowercase(text: Any) -> Any:
    """`$lowercase`: return the text in lower case; undefined stays undefined."""
    return UNDEFINED if text is UNDEFINED else text.lower()


def uppercase(text: Any) -> Any:
    """`$uppercase`: return the text in upper case; undefined stays undefined."""
    return UNDEFINED if text is UNDEFINED else text.upper()


def length(text: Any) -> Any:
    """`$length`: return the number of characters (code points)."""
    return UNDEFINED if text is UNDEFINED else len(text)


def trim(text: Any) -> Any:
    """`$trim`: return the text trimmed: runs of blanks become one space, and those at the ends are
    removed."""
    if text is UNDEFINED:
        return UNDEFINED
    result = _BLANKS.sub(" ", text) if len(text) <= MAX_FREE_LENGTH else _collapse_blanks(text)
    if result[:1] == " ":
        result = result[1:]
    return result[:-1] if result[-1:] == " " else result


def _collapse_blanks(text: str) -> str:
    """Return a long text with each run of blanks as one space: the runs are halved until none is left."""
    for blank in "\t\n\r":
        text = text.replace(blank, " ")
    while "  " in text:
        text = text.replace("  ", " ")
    return text


def pad(evaluation: Evaluation, text: Any, width: Any, char: Any) -> Any:
    """`$pad`: return the text padded to `width` characters, on the right, or on the left for a negative
    width."""
    if text is UNDEFINED:
        return UNDEFINED
    filler = " " if char is UNDEFINED or not char else char
    target_width = 0 if width is UNDEFINED else to_count(width, 2 * evaluation.limits.output_chars)
    missing = abs(target_width) - len(text)
    if missing <= 0:
        return text
    if missing > evaluation.limits.output_chars:
        raise evaluation.make_limit_error("output_chars", "pad")
    padding = (filler * (missing // len(filler) + 1))[:missing]
    return charge_new_text(evaluation, text + padding if target_width > 0 else padding + text, "pad")


def join_if_texts(evaluation: Evaluation, texts: Any, separator: str) -> Any:
    """Return `$join` of a list of texts; None for anything else, which the function itself has to check."""
    if type(texts) is str or texts is UNDEFINED:
        return texts
    if not isinstance(texts, list) or len(texts) * len(separator) > MAX_FREE_ITEMS:
        return None
    try:
        return charge_new_text(evaluation, separator.join(texts), "join")
    except TypeError:
        return None


def join(evaluation: Evaluation, texts: Any, separator: Any) -> Any:
    """`$join`: return the texts with a separator between them."""
    if texts is UNDEFINED:
        return UNDEFINED
    between = "" if separator is UNDEFINED else separator
    if len(texts) * len(between) > evaluation.limits.output_chars:
        raise evaluation.make_limit_error("output_chars", "join")
    return charge_new_text(evaluation, between.join(texts), "join")


# Encodings.


def base64encode(text: Any) -> Any:
    """`$base64encode`: return the Base64 of the low byte of each character, as the reference encodes."""
    if text is UNDEFINED:
        return UNDEFINED
    units = text.encode("utf-16-le", "surrogatepass")
    return base64.b64encode(units[::2]).decode("ascii")


def base64decode(text: Any) -> Any:
    """`$base64decode`: the bytes as characters; characters that are not base64 are skipped."""
    if text is UNDEFINED:
        return UNDEFINED
    encoded = text.partition("=")[0].encode("ascii", "ignore")
    kept = encoded.translate(_URL_SAFE_TO_STANDARD, _NOT_BASE64)
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    try:
        return base64.b64decode(kept + b"=" * (-len(kept) % 4)).decode("latin-1")
    except binascii.Error:
        return ""


def _percent_encode(evaluation: Evaluation, text: Any, safe: str, name: str) -> Any:
    """Return the text with all characters but `safe` ones percent-encoded. Raises D3140 for a lone
    surrogate."""
    if text is UNDEFINED:
        return UNDEFINED
    try:
        if len(text) <= _PIECE_LENGTH:
            return quote(text, safe=safe)
        starts = charge_each(evaluation, range(0, len(text), _PIECE_LENGTH), _PIECE_LENGTH)
        return "".join([quote(text[start : start + _PIECE_LENGTH], safe=safe) for start in starts])
    except UnicodeEncodeError:
        raise _make_malformed_url_error(name, text) from None


def _make_malformed_url_error(name: str, text: str) -> ExpressionError:
    """Return the error D3140 of a text that cannot be encoded or decoded."""
    shown = text.encode("utf-8", "backslashreplace").decode()
    return ExpressionError("D3140", f'Malformed URL passed to ${name}(): "{shown}"', value=text, token=name)


def encode_url_component(evaluation: Evaluation, text: Any) -> Any:
    """`$encodeUrlComponent`: percent-encode all characters that have a meaning in URLs."""
    return _percent_encode(evaluation, text, _URL_COMPONENT, "encodeUrlComponent")


def encode_url(evaluation: Evaluation, text: Any) -> Any:
    """`$encodeUrl`: percent-encode a whole URL; characters that separate its parts stay."""
    return _percent_encode(evaluation, text, _URL, "encodeUrl")


def _percent_decode(text: Any, keep: str, name: str) -> Any:
    """Return the text percent-decoded, except for the characters in `keep`. Raises D3140 for what is not
    UTF-8."""
    if text is UNDEFINED:
        return UNDEFINED

    def decode_run(match: re.Match[str]) -> str:
        run = match.group()
        if run == "%":
            raise _make_malformed_url_error(name, text)
        try:
            decoded = bytes.fromhex(run.replace("%", "")).decode("utf-8")
        except UnicodeDecodeError:
            raise _make_malformed_url_error(name, text) from None
        return "".join(f"%{ord(char):02X}" if char in keep else char for char in decoded)

    return _PERCENT.sub(decode_run, text)


def decode_url_component(text: Any) -> Any:
    """`$decodeUrlComponent`: percent-decode all of a text."""
    return _percent_decode(text, "", "decodeUrlComponent")


def decode_url(text: Any) -> Any:
    """`$decodeUrl`: percent-decode a URL; characters that separate parts of a URL stay encoded."""
    return _percent_decode(text, ";/?:@&=+$,#", "decodeUrl")
