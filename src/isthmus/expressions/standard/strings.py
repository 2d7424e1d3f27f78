"""Text: `$string`, cutting and changing, patterns, encodings."""

from __future__ import annotations

import base64
import binascii
import re
from math import trunc
from typing import Any, Final
from urllib.parse import quote

from isthmus.expressions.callables import Matcher, is_function
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.regex import search
from isthmus.expressions.runtime.text import json_text, text_of
from isthmus.expressions.values import UNDEFINED, Sequence

__all__ = [
    "base64decode",
    "base64encode",
    "contains",
    "decode_url",
    "decode_url_component",
    "encode_url",
    "encode_url_component",
    "join",
    "join_in_place",
    "length",
    "lowercase",
    "match",
    "pad",
    "replace",
    "split",
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
_PERCENT: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+|%")


def string(evaluation: Evaluation, value: Any, prettify: Any = False) -> Any:
    if value is UNDEFINED or type(value) is str:
        return value
    if prettify is True and isinstance(value, (list, dict)):
        return json_text(evaluation, value, indent=2)
    return text_of(evaluation, value)


def made(evaluation: Evaluation, text: str, name: str) -> str:
    """Account for a text that was built."""
    if len(text) > 9_999:
        evaluation.letters -= len(text)
        if len(text) > evaluation.limits.output_chars or evaluation.letters < 0:
            raise evaluation.exceeded("output_chars", name)
    return text


def substring(text: Any, start: Any, size: Any) -> Any:
    """By characters; a negative start counts from the end."""
    if text is UNDEFINED:
        return UNDEFINED
    first = 0 if start is UNDEFINED else start
    if len(text) + first < 0:
        first = 0
    if size is UNDEFINED:
        return text[trunc(first) :]
    if size <= 0:
        return ""
    last = first + size if first >= 0 else len(text) + first + size
    end = trunc(last)
    return text[trunc(first) : end]


def substring_before(text: Any, chars: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    found = text.find("undefined" if chars is UNDEFINED else chars)
    return text[:found] if found >= 0 else text


def substring_after(text: Any, chars: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    wanted = "undefined" if chars is UNDEFINED else chars
    found = text.find(wanted)
    return text[found + len(wanted) :] if found >= 0 else text


def lowercase(text: Any) -> Any:
    return UNDEFINED if text is UNDEFINED else text.lower()


def uppercase(text: Any) -> Any:
    return UNDEFINED if text is UNDEFINED else text.upper()


def length(text: Any) -> Any:
    """In characters (code points)."""
    return UNDEFINED if text is UNDEFINED else len(text)


def trim(text: Any) -> Any:
    """Runs of blanks become one space; none at the ends."""
    if text is UNDEFINED:
        return UNDEFINED
    result = _BLANKS.sub(" ", text)
    if result[:1] == " ":
        result = result[1:]
    return result[:-1] if result[-1:] == " " else result


def pad(evaluation: Evaluation, text: Any, width: Any, char: Any) -> Any:
    """To `width` characters, at the right; at the left for a negative one."""
    if text is UNDEFINED:
        return UNDEFINED
    filler = " " if char is UNDEFINED or not char else char
    wanted = 0 if width is UNDEFINED else trunc(width)
    missing = abs(wanted) - len(text)
    if missing <= 0:
        return text
    if missing > evaluation.limits.output_chars:
        raise evaluation.exceeded("output_chars", "pad")
    padding = (filler * (missing // len(filler) + 1))[:missing]
    return made(evaluation, text + padding if wanted > 0 else padding + text, "pad")


# Patterns. A matcher is a regular expression, or any function that gives objects like its matches.


class _Match:
    """One match of either kind."""

    __slots__ = ("end", "groups", "raw", "start", "text")

    def __init__(self, text: Any, start: Any, end: Any, groups: Any, raw: Any) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.groups = groups
        self.raw = raw


def _matches(evaluation: Evaluation, matcher: Any, text: str) -> Any:
    """The matches of a text one after the other; the next is only looked for when it is asked for."""
    if isinstance(matcher, Matcher):
        yield from _regex_matches(evaluation, matcher, text)
        return
    if not is_function(matcher):
        raise ExpressionError("T1006", "Attempted to invoke a non-function")
    found = matcher(text)
    while found is not UNDEFINED:
        evaluation.charge(10)
        yield _checked(found)
        following = found.get("next") if isinstance(found, dict) else None
        if not is_function(following):
            raise ExpressionError("T1010", _T1010)
        assert following is not None
        found = following()


_T1010: Final = (
    "The matcher function argument passed to function {token} does not return the correct object structure"
)


def _checked(found: Any) -> _Match:
    if not isinstance(found, dict):
        raise ExpressionError("T1010", _T1010)
    start, end, groups = found.get("start"), found.get("end"), found.get("groups")
    if not (type(start) is int or isinstance(groups, list) or is_function(found.get("next"))):
        raise ExpressionError("T1010", _T1010)
    return _Match(
        found.get("match", UNDEFINED), start, end, groups if isinstance(groups, list) else [], found
    )


def _regex_matches(evaluation: Evaluation, matcher: Matcher, text: str) -> Any:
    start = 0
    first = True
    while first or start < len(text):
        found = search(evaluation, matcher.regex, text, start)
        if found is None:
            return
        if not first and found.end() == found.start():
            raise ExpressionError(
                "D1004",
                "Regular expression matches zero length string",
                matcher.position,
                value=matcher.regex.source,
            )
        first = False
        groups = [UNDEFINED if group is None else group for group in found.groups()]
        yield _Match(found.group(), found.start(), found.end(), groups, None)
        start = found.end()


def _raw(matcher: Matcher, one: _Match) -> Any:
    return {"match": one.text, "start": one.start, "end": one.end, "groups": one.groups}


def match(evaluation: Evaluation, text: Any, matcher: Any, limit: Any) -> Any:
    """All matches (or `limit`) as objects with match, index and groups."""
    if text is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise ExpressionError(
            "D3040", "Third argument of match function must evaluate to a positive number", value=limit
        )
    found = Sequence()
    if limit is UNDEFINED or limit > 0:
        for one in _matches(evaluation, matcher, text):
            found.append({"match": one.text, "index": one.start, "groups": one.groups})
            if limit is not UNDEFINED and len(found) >= limit:
                break
            if len(found) > evaluation.limits.items:
                raise evaluation.exceeded("items", "match")
    return found


def contains(evaluation: Evaluation, text: Any, token: Any) -> Any:
    if text is UNDEFINED or token is UNDEFINED:
        return UNDEFINED
    if type(token) is str:
        return token in text
    return next(_matches(evaluation, token, text), None) is not None


def replace(evaluation: Evaluation, text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    if pattern == "":
        raise ExpressionError(
            "D3010", "Second argument of replace function cannot be an empty string", value=pattern
        )
    if limit is not UNDEFINED and limit < 0:
        raise ExpressionError(
            "D3011", "Fourth argument of replace function must evaluate to a positive number", value=limit
        )
    if limit is not UNDEFINED and limit <= 0:
        return text
    if type(pattern) is str:
        times = -1 if limit is UNDEFINED else -int(-limit // 1)
        given = replacement if type(replacement) is str else "undefined"
        if is_function(replacement):
            given = "[object Object]"
        count = text.count(pattern) if times < 0 else min(times, text.count(pattern))
        if len(text) + count * max(0, len(given) - len(pattern)) > evaluation.limits.output_chars:
            raise evaluation.exceeded("output_chars", "replace")
        return made(evaluation, text.replace(pattern, given, times), "replace")
    return _replaced(evaluation, text, pattern, replacement, limit)


def _replaced(evaluation: Evaluation, text: str, pattern: Any, replacement: Any, limit: Any) -> str:
    if isinstance(pattern, Matcher) and limit is UNDEFINED:
        linear = pattern.regex.linear
        if (
            linear is not None
            and type(replacement) is str
            and "$" not in replacement
            and "\\" not in replacement
        ):
            if len(text) * max(1, len(replacement)) > evaluation.limits.output_chars:
                raise evaluation.exceeded("output_chars", "replace")
            return made(evaluation, linear.sub(replacement, text), "replace")
    parts: list[str] = []
    room = evaluation.limits.output_chars
    position = 0
    for count, one in enumerate(_matches(evaluation, pattern, text), 1):
        if type(replacement) is str:
            new: Any = _substituted(replacement, one)
        else:
            new = replacement(one.raw if one.raw is not None else _raw(pattern, one))
            if type(new) is not str:
                raise ExpressionError(
                    "D3012", "Attempted to replace a matched string with a non-string value", value=new
                )
        parts += (text[position : one.start], new)
        room -= len(new)
        if room < 0:
            raise evaluation.exceeded("output_chars", "replace")
        position = one.start + len(one.text)
        if limit is not UNDEFINED and count >= limit:
            break
    parts.append(text[position:])
    return made(evaluation, "".join(parts), "replace")


def _substituted(replacement: str, one: _Match) -> str:
    """`$1`, `$12` (as many digits as there are groups), `$0`, `$$`."""
    if "$" not in replacement:
        return replacement
    parts: list[str] = []
    groups = one.groups
    digits = len(str(len(groups))) if groups else 1
    position = 0
    while (dollar := replacement.find("$", position)) >= 0:
        parts.append(replacement[position:dollar])
        position = dollar + 1
        following = replacement[position : position + 1]
        if following == "$":
            parts.append("$")
            position += 1
        elif following == "0":
            parts.append(one.text)
            position += 1
        else:
            number = _leading(replacement[position : position + digits])
            if digits > 1 and number is not None and number > len(groups):
                number = _leading(replacement[position : position + digits - 1])
            if number is None:
                parts.append("$")
                continue
            if 0 < number <= len(groups) and groups[number - 1] is not UNDEFINED:
                parts.append(groups[number - 1])
            position += len(str(number))
    parts.append(replacement[position:])
    return "".join(parts)


def _leading(text: str) -> int | None:
    digits = re.match(r"[0-9]+", text)
    return int(digits.group()) if digits else None


def split(evaluation: Evaluation, text: Any, separator: Any, limit: Any) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise ExpressionError(
            "D3020", "Third argument of split function must evaluate to a positive number", value=limit
        )
    if limit is not UNDEFINED and limit <= 0:
        return []
    if type(separator) is str:
        if separator == "":
            parts = list(text)
        else:
            evaluation.charge(len(text) >> 6)
            parts = text.split(separator)
        if limit is not UNDEFINED:
            parts = parts[: trunc(limit)]
    elif separator is UNDEFINED:
        parts = [text]
    else:
        parts = _split_by(evaluation, text, separator, limit)
    if len(parts) > evaluation.limits.items:
        raise evaluation.exceeded("items", "split")
    return parts


def _split_by(evaluation: Evaluation, text: str, separator: Any, limit: Any) -> list[str]:
    parts: list[str] = []
    start = 0
    for one in _matches(evaluation, separator, text):
        parts.append(text[start : one.start])
        start = one.end
        if limit is not UNDEFINED and len(parts) >= limit:
            return parts
    parts.append(text[start:])
    return parts


def join_in_place(evaluation: Evaluation, texts: Any, separator: str) -> Any:
    """`$join` of a list of texts; None for anything else, which has to be checked."""
    if type(texts) is str or texts is UNDEFINED:
        return texts
    if not isinstance(texts, list) or len(texts) * len(separator) > 9_999:
        return None
    try:
        return made(evaluation, separator.join(texts), "join")
    except TypeError:
        return None


def join(evaluation: Evaluation, texts: Any, separator: Any) -> Any:
    if texts is UNDEFINED:
        return UNDEFINED
    between = "" if separator is UNDEFINED else separator
    if len(texts) * len(between) > evaluation.limits.output_chars:
        raise evaluation.exceeded("output_chars", "join")
    return made(evaluation, between.join(texts), "join")


# Encodings.


def base64encode(text: Any) -> Any:
    """The low byte of each character, as the reference does."""
    if text is UNDEFINED:
        return UNDEFINED
    units = text.encode("utf-16-le", "surrogatepass")
    return base64.b64encode(units[::2]).decode("ascii")


def base64decode(text: Any) -> Any:
    """Bytes as characters; what is no base64 is skipped."""
    if text is UNDEFINED:
        return UNDEFINED
    kept = re.sub(r"[^A-Za-z0-9+/]", "", text.split("=")[0].replace("-", "+").replace("_", "/"))
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    try:
        return base64.b64decode(kept + "=" * (-len(kept) % 4)).decode("latin-1")
    except binascii.Error:
        return ""


def _encoded(text: Any, safe: str, name: str) -> Any:
    if text is UNDEFINED:
        return UNDEFINED
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError:
        raise _malformed(name, text) from None


def _malformed(name: str, text: str) -> ExpressionError:
    shown = text.encode("utf-8", "backslashreplace").decode()
    return ExpressionError("D3140", f'Malformed URL passed to ${name}(): "{shown}"', value=text, token=name)


def encode_url_component(text: Any) -> Any:
    return _encoded(text, _URL_COMPONENT, "encodeUrlComponent")


def encode_url(text: Any) -> Any:
    return _encoded(text, _URL, "encodeUrl")


def _decoded(text: Any, keep: str, name: str) -> Any:
    if text is UNDEFINED:
        return UNDEFINED

    def one(found: re.Match[str]) -> str:
        run = found.group()
        if run == "%":
            raise _malformed(name, text)
        try:
            decoded = bytes.fromhex(run.replace("%", "")).decode("utf-8")
        except UnicodeDecodeError:
            raise _malformed(name, text) from None
        return "".join(f"%{ord(char):02X}" if char in keep else char for char in decoded)

    return _PERCENT.sub(one, text)


def decode_url_component(text: Any) -> Any:
    return _decoded(text, "", "decodeUrlComponent")


def decode_url(text: Any) -> Any:
    return _decoded(text, ";/?:@&=+$,#", "decodeUrl")
