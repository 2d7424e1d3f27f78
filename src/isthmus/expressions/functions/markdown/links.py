"""Where the label and the target of a Markdown link end."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["bracket_pairs", "destination_and_title"]

_PARENTHESES: Final = 32
"""Levels of parentheses in an address without angle brackets."""

_STEP: Final = re.compile(r"\\.|`+|[\[\]]", re.S)
_ANGLED: Final = re.compile(r"<((?:\\.|[^\n<>\\])*)>", re.S)
_BARE: Final = re.compile(r"\\[!-/:-@\[-`{-~]|[()]|[^\s\x00-\x1f()\\]+|\\", re.S)
_TITLE: Final = re.compile(
    r"\s+(?:\"((?:\\.|[^\"\\]){0,2000})\"|'((?:\\.|[^'\\]){0,2000})'|\(((?:\\.|[^)\\]){0,2000})\))", re.S
)
_BLANK: Final = re.compile(r"\s*")
_ESCAPED: Final = re.compile(r"\\([!-/:-@\[-`{-~])")


def bracket_pairs(source: str) -> dict[int, int]:
    """Where each `[` is closed, past escapes and code."""
    pairs: dict[int, int] = {}
    opened: list[int] = []
    unclosed: set[str] = set()
    at = 0
    while found := _STEP.search(source, at):
        step = found.group()
        at = found.end()
        if step == "[":
            opened.append(found.start())
        elif step == "]":
            if opened:
                pairs[opened.pop()] = found.start()
        elif step[0] == "`" and step not in unclosed:
            closing = re.compile(rf"(?<!`){step}(?!`)").search(source, at)
            if closing:
                at = closing.end()
            else:
                unclosed.add(step)
    return pairs


def destination_and_title(source: str, opening: int) -> tuple[int, str, str] | None:
    """From the `(` at `opening`: where the link ends, its address and its title."""
    at = _skipped(source, opening + 1)
    angled = _ANGLED.match(source, at)
    if angled:
        href, at = angled[1], angled.end()
    else:
        end = _bare_end(source, at)
        if end is None:
            return None
        href, at = source[at:end], end
    title = ""
    found = _TITLE.match(source, at)
    if found:
        title = next(group for group in found.groups() if group is not None)
        at = found.end()
    at = _skipped(source, at)
    if source[at : at + 1] != ")":
        return None
    return at + 1, _ESCAPED.sub(r"\1", href), _ESCAPED.sub(r"\1", title)


def _skipped(source: str, at: int) -> int:
    found = _BLANK.match(source, at)
    return found.end() if found else at


def _bare_end(source: str, at: int) -> int | None:
    depth = 0
    while found := _BARE.match(source, at):
        step = found.group()
        if step == "(":
            depth += 1
            if depth > _PARENTHESES:
                return None
        elif step == ")":
            if depth == 0:
                break
            depth -= 1
        at = found.end()
    return at if depth == 0 else None
