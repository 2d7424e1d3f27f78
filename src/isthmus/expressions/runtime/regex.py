"""Searches by JavaScript's regular expressions, on the `regex` module, with a time-out for each search."""

from __future__ import annotations

import re
from typing import Any, Final

import regex

from isthmus.expressions.callables import Matcher, Native
from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.library import Evaluation, Function
from isthmus.expressions.limits import MAX_PATTERN_CHARS
from isthmus.expressions.runtime.regex_translation import is_linear, translate_pattern
from isthmus.expressions.sized_cache import SizedCache
from isthmus.expressions.values import UNDEFINED

__all__ = ["Pattern", "search_pattern"]


class Pattern:
    """A pattern as written in an expression, compiled for Python.

    `linear`: the same pattern for Python's own `re`, if it is too simple to backtrack; else None. `size`: its
    items once its repeats are written out, as the engine does; each takes some 250 bytes. Raises S0303 for a
    pattern that cannot be compiled.
    """

    __slots__ = ("compiled", "groups", "linear", "size", "source")

    def __init__(self, source: str, flags: str) -> None:
        if len(source) > MAX_PATTERN_CHARS:
            raise ExpressionError(
                LIMIT, f"The regular expression is longer than {MAX_PATTERN_CHARS} characters"
            )
        self.source = source
        try:
            translated, self.size = translate_pattern(source, multiline="m" in flags)
            # Not into the module's own cache, which counts patterns and not what they take.
            self.compiled = regex.compile(
                translated, regex.IGNORECASE if "i" in flags else 0, cache_pattern=False
            )
        except (regex.error, ValueError, RecursionError, OverflowError) as error:
            raise ExpressionError(
                "S0303", f"The regular expression cannot be understood: {error}", value=source
            ) from None
        self.groups = self.compiled.groups
        self.linear: re.Pattern[str] | None = None
        if is_linear(source):
            self.linear = re.compile(translated, re.IGNORECASE if "i" in flags else 0)

    @staticmethod
    def from_source(source: str, flags: str) -> Pattern:
        """Return the compiled pattern, from a cache of those used last."""
        return _PATTERNS.get_or_make((source, flags), lambda: Pattern(source, flags), lambda made: made.size)

    def match_first(self, matcher: Matcher, text: Any) -> Any:
        """Return the first match in `text` as the object that a matcher function returns; undefined
        without one."""
        if type(text) is not str:
            return UNDEFINED
        return _find_match(matcher, text, 0)


_PATTERNS: Final[SizedCache[tuple[str, str], Pattern]] = SizedCache(entries=512, size=100_000)


MAX_LINEAR_LENGTH: Final = 20_000
"""Shorter texts go to Python's own engine, which knows no time-out, if the pattern is simple: it takes at
most a step a character of the text for each of the pattern."""


def search_pattern(evaluation: Evaluation, pattern: Pattern, text: str, start: int) -> Any:
    """Return the next match at or after `start`, or None. Raises `ExpressionError` if the search takes too
    long."""
    evaluation.charge(20)
    if pattern.linear is not None and len(text) - start < MAX_LINEAR_LENGTH:
        return pattern.linear.search(text, start)
    limit, left = evaluation.limits.regex_seconds, evaluation.get_remaining_seconds()
    try:
        return pattern.compiled.search(text, start, timeout=min(limit, left))
    except TimeoutError:
        if left < limit:
            raise evaluation.make_time_limit_error() from None
        raise evaluation.make_limit_error("regex_seconds", "regular expression") from None


def _find_match(matcher: Matcher, text: str, start: int) -> Any:
    """Return the next match as the object that matcher functions return; undefined without one."""
    match = search_pattern(matcher.evaluation, matcher.regex, text, start)
    if match is None:
        return UNDEFINED
    if start and match.end() == match.start():
        raise ExpressionError(
            "D1004",
            "Regular expression matches zero length string",
            matcher.position,
            value=matcher.regex.source,
        )

    def following() -> Any:
        """Return the match after this one."""
        return UNDEFINED if match.end() >= len(text) else _find_match(matcher, text, match.end())

    groups = [UNDEFINED if group is None else group for group in match.groups()]
    return {
        "match": match.group(),
        "start": match.start(),
        "end": match.end(),
        "groups": groups,
        "next": Native(matcher.evaluation, Function("next", following)),
    }
