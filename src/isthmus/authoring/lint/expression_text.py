"""Finds function calls, header names, literals and object keys in the text of a JSONata expression."""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "find_called_functions",
    "find_hyphenated_headers",
    "find_object_keys",
    "find_string_literals",
    "mask_literals",
]

_BEFORE_OPERAND: Final = frozenset("(,=:[!&|?{};<>+*~^%")
_CALL: Final = re.compile(r"\$([A-Za-z_]\w*)\s*\(")
_ASSIGNED: Final = re.compile(r"\$([A-Za-z_]\w*)\s*:=")
_PARAMETERS: Final = re.compile(r"(?:\bfunction|λ)\s*\(([^)]*)\)")
_HYPHENATED: Final = re.compile(r"\bheaders\s*\.\s*([A-Za-z]\w*(?:-[A-Za-z]\w*)+)")
_KEY: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*:(?!=)""")


def mask_literals(text: str) -> str:
    """Returns the text with the inside of strings, quoted names, comments and regular expressions replaced by
    spaces.

    Offsets stay the same.
    """
    out: list[str] = []
    index = 0
    before = ""
    while index < len(text):
        end = _find_literal_end(text, index, before)
        if end != index:
            opener = text[index]
            out.append(opener + " " * (end - index - 1))
            before = opener if opener != "/" or text[index : index + 2] != "/*" else before
            index = end
            continue
        char = text[index]
        out.append(char)
        before = before if char.isspace() else char
        index += 1
    return "".join(out)


def _find_literal_end(text: str, index: int, before: str) -> int:
    """Returns the end of the string, quoted name, comment or regular expression that begins at `index`.

    `index` itself if none begins there, and the end of the text if it is not closed. `before`: the last
    character before `index` that is no space, "" at the start; it tells a regular expression from a division.
    """
    char = text[index]
    if char in "\"'`":
        return _find_quote_end(text, index + 1, char)
    if text.startswith("/*", index):
        end = text.find("*/", index + 2)
        return len(text) if end == -1 else end + 2
    if char == "/" and (not before or before in _BEFORE_OPERAND):
        return _find_quote_end(text, index + 1, "/")
    return index


def _find_quote_end(text: str, index: int, quote: str) -> int:
    """Returns the position after the closing quote, or the end of the text."""
    while index < len(text):
        if text[index] == "\\" and quote != "`":
            index += 2
            continue
        if text[index] == quote:
            return index + 1
        index += 1
    return len(text)


def find_called_functions(text: str) -> list[tuple[str, int]]:
    """Returns the functions that the expression calls and does not define itself, as `(name without $,
    offset)`."""
    plain = mask_literals(text)
    defined = set(_ASSIGNED.findall(plain))
    for parameters in _PARAMETERS.findall(plain):
        defined.update(name.strip().removeprefix("$") for name in parameters.split(","))
    return [(match[1], match.start()) for match in _CALL.finditer(plain) if match[1] not in defined]


def find_hyphenated_headers(text: str) -> list[tuple[str, int]]:
    """Returns header names with a hyphen but without backticks, which are read as a subtraction, as `(name,
    offset)`."""
    return [(match[1], match.start(1)) for match in _HYPHENATED.finditer(mask_literals(text))]


def find_string_literals(text: str) -> list[str]:
    """Returns the contents of the string literals, with escapes as written."""
    literals = []
    index = 0
    before = ""
    while index < len(text):
        end = _find_literal_end(text, index, before)
        if end > index + 1:
            if text[index] in "\"'":
                literals.append(text[index + 1 : end - 1])
            before = text[index]
            index = end
        else:
            before = before if text[index].isspace() else text[index]
            index += 1
    return literals


def find_object_keys(text: str) -> tuple[str, ...]:
    """Returns the literal keys of the first object constructor in the text; empty if there is none."""
    plain = mask_literals(text)
    start = plain.find("{")
    if start < 0:
        return ()
    keys: list[str] = []
    depth = 0
    expects_key = False
    index = start
    while index < len(plain):
        char = plain[index]
        if expects_key and depth == 1:
            match = _KEY.match(text, index)
            if match:
                keys.append(match[1] if match[1] is not None else match[2])
                index = match.end()
                continue
        if char in "{[(":
            depth += 1
            expects_key = char == "{" and depth == 1
        elif char in "}])":
            depth -= 1
            if depth == 0:
                break
        elif not char.isspace():
            expects_key = char == "," and depth == 1
        index += 1
    return tuple(keys)
