"""Standard functions of patterns in text: `$match`, `$contains`, `$replace`, `$split`.

A matcher is a regular expression, or any function that returns objects like its matches.
"""

from __future__ import annotations

import re
from math import trunc
from typing import Any, Final

from isthmus.expressions.callables import Matcher
from isthmus.expressions.errors import ExpressionError
from isthmus.expressions.library import Evaluation
from isthmus.expressions.runtime.regex import MAX_LINEAR_LENGTH, search_pattern
from isthmus.expressions.runtime.string_conversion import charge_new_text
from isthmus.expressions.values import UNDEFINED, Sequence, is_function

__all__ = ["contains", "match", "replace", "split"]


class _Match:
    """One match of a matcher. `raw`: the object that a matcher function returned; None for a regular
    expression."""

    __slots__ = ("end", "groups", "raw", "start", "text")

    def __init__(self, text: Any, start: Any, end: Any, groups: Any, raw: Any) -> None:
        self.text = text
        self.start = start
        self.end = end
        self.groups = groups
        self.raw = raw


def _find_matches(evaluation: Evaluation, matcher: Any, text: str) -> Any:
    """Return the matches of a text one after the other; the next is only looked for when it is asked for."""
    if isinstance(matcher, Matcher):
        yield from _find_regex_matches(evaluation, matcher, text)
        return
    if not is_function(matcher):
        raise ExpressionError("T1006", "Attempted to invoke a non-function")
    returned = matcher(text)
    while returned is not UNDEFINED:
        evaluation.charge(10)
        yield _to_match(returned)
        following = returned.get("next") if isinstance(returned, dict) else None
        if not is_function(following):
            raise ExpressionError("T1010", _BAD_MATCHER_MESSAGE)
        assert following is not None
        returned = following()


_BAD_MATCHER_MESSAGE: Final = (
    "The matcher function argument passed to {token} does not return the correct object structure"
)


def _to_match(returned: Any) -> _Match:
    """Return the match that a matcher function returned. Raises T1010 for an object of another structure."""
    if not isinstance(returned, dict):
        raise ExpressionError("T1010", _BAD_MATCHER_MESSAGE)
    start, end, groups = returned.get("start"), returned.get("end"), returned.get("groups")
    if not (type(start) is int or isinstance(groups, list) or is_function(returned.get("next"))):
        raise ExpressionError("T1010", _BAD_MATCHER_MESSAGE)
    return _Match(
        returned.get("match", UNDEFINED), start, end, groups if isinstance(groups, list) else [], returned
    )


def _find_regex_matches(evaluation: Evaluation, matcher: Matcher, text: str) -> Any:
    """Return the matches of a regular expression. Raises D1004 for an empty match behind the first."""
    start = 0
    first = True
    while first or start < len(text):
        regex_match = search_pattern(evaluation, matcher.regex, text, start)
        if regex_match is None:
            return
        if not first and regex_match.end() == regex_match.start():
            raise ExpressionError(
                "D1004",
                "Regular expression matches zero length string",
                matcher.position,
                value=matcher.regex.source,
            )
        first = False
        groups = [UNDEFINED if group is None else group for group in regex_match.groups()]
        yield _Match(regex_match.group(), regex_match.start(), regex_match.end(), groups, None)
        start = regex_match.end()


def _to_match_object(matcher: Matcher, found_match: _Match) -> Any:
    """Return the match as the object that a replacement function receives."""
    return {
        "match": found_match.text,
        "start": found_match.start,
        "end": found_match.end,
        "groups": found_match.groups,
    }


def match(evaluation: Evaluation, text: Any, matcher: Any, limit: Any) -> Any:
    """`$match`: return all matches, or the first `limit`, as objects with match, index and groups."""
    if text is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise ExpressionError(
            "D3040", "Third argument of match function must evaluate to a positive number", value=limit
        )
    results = Sequence()
    if limit is UNDEFINED or limit > 0:
        for found_match in _find_matches(evaluation, matcher, text):
            results.append(
                {"match": found_match.text, "index": found_match.start, "groups": found_match.groups}
            )
            if limit is not UNDEFINED and len(results) >= limit:
                break
            if len(results) > evaluation.limits.items:
                raise evaluation.make_limit_error("items", "match")
    return results


def contains(evaluation: Evaluation, text: Any, token: Any) -> Any:
    """`$contains`: return whether the text holds a text, or matches a pattern."""
    if text is UNDEFINED or token is UNDEFINED:
        return UNDEFINED
    if type(token) is str:
        return token in text
    return next(_find_matches(evaluation, token, text), None) is not None


def replace(evaluation: Evaluation, text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    """`$replace`: return the text with matches replaced, all or the first `limit`."""
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
    if limit is not UNDEFINED and not limit > 0:
        return text
    if type(pattern) is str:
        times = -1 if limit is UNDEFINED or limit > len(text) else -int(-limit // 1)
        given = replacement if type(replacement) is str else "undefined"
        if is_function(replacement):
            given = "[object Object]"
        count = text.count(pattern) if times < 0 else min(times, text.count(pattern))
        if len(text) + count * max(0, len(given) - len(pattern)) > evaluation.limits.output_chars:
            raise evaluation.make_limit_error("output_chars", "replace")
        return charge_new_text(evaluation, text.replace(pattern, given, times), "replace")
    return _replace_matches(evaluation, text, pattern, replacement, limit)


def _replace_matches(evaluation: Evaluation, text: str, pattern: Any, replacement: Any, limit: Any) -> str:
    """Return the text with the matches of a pattern replaced by a text or by the results of a function."""
    if isinstance(pattern, Matcher) and limit is UNDEFINED:
        linear = pattern.regex.linear
        if (
            linear is not None
            and len(text) < MAX_LINEAR_LENGTH
            and type(replacement) is str
            and "$" not in replacement
            and "\\" not in replacement
        ):
            if len(text) * max(1, len(replacement)) > evaluation.limits.output_chars:
                raise evaluation.make_limit_error("output_chars", "replace")
            return charge_new_text(evaluation, linear.sub(replacement, text), "replace")
    parts: list[str] = []
    room = evaluation.limits.output_chars
    position = 0
    for count, found_match in enumerate(_find_matches(evaluation, pattern, text), 1):
        if not (type(replacement) is str or is_function(replacement)):
            raise ExpressionError("T1006", "Attempted to invoke a non-function")
        if type(replacement) is str:
            new: Any = _expand_replacement(replacement, found_match)
        else:
            new = replacement(
                found_match.raw if found_match.raw is not None else _to_match_object(pattern, found_match)
            )
            if type(new) is not str:
                raise ExpressionError(
                    "D3012", "Attempted to replace a matched string with a non-string value", value=new
                )
        parts += (text[position : found_match.start], new)
        room -= len(new)
        if room < 0:
            raise evaluation.make_limit_error("output_chars", "replace")
        position = found_match.start + len(found_match.text)
        if limit is not UNDEFINED and count >= limit:
            break
    parts.append(text[position:])
    return charge_new_text(evaluation, "".join(parts), "replace")


def _expand_replacement(replacement: str, found_match: _Match) -> str:
    """Return the replacement with `$1`, `$12` (as many digits as there are groups), `$0` and `$$`
    expanded."""
    if "$" not in replacement:
        return replacement
    parts: list[str] = []
    groups = found_match.groups
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
            parts.append(found_match.text)
            position += 1
        else:
            number = _parse_leading_integer(replacement[position : position + digits])
            if digits > 1 and number is not None and number > len(groups):
                number = _parse_leading_integer(replacement[position : position + digits - 1])
            if number is None:
                parts.append("$")
                continue
            if 0 < number <= len(groups) and groups[number - 1] is not UNDEFINED:
                parts.append(groups[number - 1])
            position += len(str(number))
    parts.append(replacement[position:])
    return "".join(parts)


def _parse_leading_integer(text: str) -> int | None:
    """Return the number that the text starts with, or None."""
    digits = re.match(r"[0-9]+", text)
    return int(digits.group()) if digits else None


def split(evaluation: Evaluation, text: Any, separator: Any, limit: Any) -> Any:
    """`$split`: return the parts between separators, all or the first `limit`; a separator is a text or a
    pattern."""
    if text is UNDEFINED:
        return UNDEFINED
    if limit is not UNDEFINED and limit < 0:
        raise ExpressionError(
            "D3020", "Third argument of split function must evaluate to a positive number", value=limit
        )
    if limit is not UNDEFINED and not limit > 0:
        return []
    if type(separator) is str:
        most = evaluation.limits.items
        parts = list(text[: most + 1]) if separator == "" else text.split(separator, most + 1)
        if limit is not UNDEFINED and limit <= most:
            parts = parts[: trunc(limit)]
    elif separator is UNDEFINED:
        parts = [text]
    else:
        parts = _split_at_matches(evaluation, text, separator, limit)
    if len(parts) > evaluation.limits.items:
        raise evaluation.make_limit_error("items", "split")
    return parts


def _split_at_matches(evaluation: Evaluation, text: str, separator: Any, limit: Any) -> list[str]:
    """Return the parts of a text between matches."""
    parts: list[str] = []
    start = 0
    for found_match in _find_matches(evaluation, separator, text):
        parts.append(text[start : found_match.start])
        if len(parts) > evaluation.limits.items:
            raise evaluation.make_limit_error("items", "split")
        start = found_match.end
        if limit is not UNDEFINED and len(parts) >= limit:
            return parts
    parts.append(text[start:])
    return parts
