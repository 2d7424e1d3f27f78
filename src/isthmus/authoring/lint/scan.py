"""What can be told from the text of a JSONata expression without evaluating it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["called_functions", "hyphenated_headers", "masked", "object_keys", "string_literals"]

_BEFORE_OPERAND: Final = frozenset("(,=:[!&|?{};<>+*~^%")
_CALL: Final = re.compile(r"\$([A-Za-z_]\w*)\s*\(")
_ASSIGNED: Final = re.compile(r"\$([A-Za-z_]\w*)\s*:=")
_PARAMETERS: Final = re.compile(r"(?:\bfunction|λ)\s*\(([^)]*)\)")
_HYPHENATED: Final = re.compile(r"\bheaders\s*\.\s*([A-Za-z]\w*(?:-[A-Za-z]\w*)+)")
_KEY: Final = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*:(?!=)""")


def masked(text: str) -> str:
    """The same length, with the inside of strings, quoted names, comments and regular expressions blank."""
    out: list[str] = []
    index = 0
    before = ""
    while index < len(text):
        end = _end_of_opaque(text, index, before)
        if end > index + 1:
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


def _end_of_opaque(text: str, index: int, before: str) -> int:
    """One past the end of the opaque piece that begins at `index`; `index` where none does."""
    char = text[index]
    if char in "\"'`":
        return _after_quote(text, index + 1, char)
    if text.startswith("/*", index):
        end = text.find("*/", index + 2)
        return len(text) if end < 0 else end + 2
    if char == "/" and (not before or before in _BEFORE_OPERAND):
        return _after_quote(text, index + 1, "/")
    return index


def _after_quote(text: str, index: int, quote: str) -> int:
    while index < len(text):
        if text[index] == "\\" and quote != "`":
            index += 2
            continue
        if text[index] == quote:
            return index + 1
        index += 1
    return len(text)


def called_functions(text: str) -> list[tuple[str, int]]:
    """Names after `$` that are called and that the expression does not define itself, with their offset."""
    plain = masked(text)
    own = set(_ASSIGNED.findall(plain))
    for parameters in _PARAMETERS.findall(plain):
        own.update(name.strip().removeprefix("$") for name in parameters.split(","))
    return [(match[1], match.start()) for match in _CALL.finditer(plain) if match[1] not in own]


def hyphenated_headers(text: str) -> list[tuple[str, int]]:
    """Header names that are read without backticks and so subtract, with their offset."""
    return [(match[1], match.start(1)) for match in _HYPHENATED.finditer(masked(text))]


def string_literals(text: str) -> list[str]:
    """The contents of the quoted strings, escapes as written."""
    found = []
    index = 0
    before = ""
    while index < len(text):
        end = _end_of_opaque(text, index, before)
        if end > index + 1:
            if text[index] in "\"'":
                found.append(text[index + 1 : end - 1])
            before = text[index]
            index = end
        else:
            before = before if text[index].isspace() else text[index]
            index += 1
    return found


def object_keys(text: str) -> tuple[str, ...]:
    """The literal keys of the outermost object that the expression builds first; empty if it builds none."""
    plain = masked(text)
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
                expects_key = False
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
