"""Finds where the label, the address and the title of a Markdown link begin and end."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["find_bracket_pairs", "parse_link_target"]

_MAX_PARENTHESES: Final = 32
"""Levels of parentheses in an address without angle brackets."""

_BRACKET_OR_CODE: Final = re.compile(r"\\.|`+|[\[\]]", re.S)
_ANGLED_ADDRESS: Final = re.compile(r"<((?:\\.|[^\n<>\\])*)>", re.S)
_BARE_ADDRESS_PART: Final = re.compile(r"\\[!-/:-@\[-`{-~]|[()]|[^\s\x00-\x1f()\\]+|\\", re.S)
_TITLE: Final = re.compile(
    r"\s+(?:\"((?:\\.|[^\"\\]){0,2000})\"|'((?:\\.|[^'\\]){0,2000})'|\(((?:\\.|[^)\\]){0,2000})\))", re.S
)
_BLANK: Final = re.compile(r"\s*")
_BACKSLASH_ESCAPE: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


def find_bracket_pairs(source: str) -> dict[int, int]:
    """Return the place of each `[` -> the place of the `]` that closes it; escapes and code are passed
    over."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    unclosed: set[str] = set()
    at = 0
    while match := _BRACKET_OR_CODE.search(source, at):
        step = match.group()
        at = match.end()
        if step == "[":
            opened.append(match.start())
        elif step == "]":
            if opened:
                pairs[opened.pop()] = match.start()
        elif step[0] == "`" and step not in unclosed:
            closing = re.compile(rf"(?<!`){step}(?!`)").search(source, at)
            if closing:
                at = closing.end()
            else:
                unclosed.add(step)
    return pairs


def parse_link_target(source: str, opening: int) -> tuple[int, str, str] | None:
    """Return the link target that the `(` at `opening` begins: the place behind it, the address, the title.

    None where it is no link target.
    """
    at = _skip_blank(source, opening + 1)
    angled = _ANGLED_ADDRESS.match(source, at)
    if angled:
        href, at = angled[1], angled.end()
    else:
        end = _find_bare_end(source, at)
        if end is None:
            return None
        href, at = source[at:end], end
    title = ""
    match = _TITLE.match(source, at)
    if match:
        title = next(group for group in match.groups() if group is not None)
        at = match.end()
    at = _skip_blank(source, at)
    if source[at : at + 1] != ")":
        return None
    return at + 1, _BACKSLASH_ESCAPE.sub(r"\1", href), _BACKSLASH_ESCAPE.sub(r"\1", title)


def _skip_blank(source: str, start: int) -> int:
    """Return the place behind the white space at `start`."""
    match = _BLANK.match(source, start)
    return match.end() if match else start


def _find_bare_end(source: str, start: int) -> int | None:
    """Return the end of an address without angle brackets; None for unbalanced or too many parentheses."""
    depth = 0
    while match := _BARE_ADDRESS_PART.match(source, start):
        step = match.group()
        if step == "(":
            depth += 1
            if depth > _MAX_PARENTHESES:
                return None
        elif step == ")":
            if depth == 0:
                break
            depth -= 1
        start = match.end()
    return start if depth == 0 else None
