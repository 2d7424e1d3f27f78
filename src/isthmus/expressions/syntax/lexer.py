"""Cuts the text of an expression into tokens, on demand: whether `/` starts a regular expression depends
on what the parser expects.

A token's `position` is the index behind it, as JSONata reports positions.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from isthmus.expressions.errors import ExpressionError

__all__ = ["END", "Lexer", "Token"]

END: Final = "(end)"

_OPERATOR_CHARS = r".\[\]{}(),@#;:?+\-*/%|=<>^&!~"
_TOKEN = re.compile(
    rf"""
      (?P<number> (?:0|[1-9][0-9]*) (?:\.[0-9]+)? (?:[eE][-+]?[0-9]+)? )
    | (?P<operator> \.\. | := | != | >= | <= | \*\* | ~> | \?: | \?\? | [{_OPERATOR_CHARS}] )
    | (?P<string> "[^"\\]*" | '[^'\\]*' )
    | (?P<quote> ["'] )
    | (?P<quoted> ` [^`]* `? )
    | (?P<word> [^\ \t\n\r\v{_OPERATOR_CHARS}]+ )
    """,
    re.VERBOSE,
)
_BLANKS = re.compile(r"[ \t\n\r\v]*")
_UNESCAPED = re.compile(r"[^\"'\\]+")
_HEX_DIGITS = re.compile(r"[0-9a-fA-F]{1,4}")
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, tuple[str, str | bool | None]] = {
    "or": ("operator", "or"),
    "in": ("operator", "in"),
    "and": ("operator", "and"),
    "true": ("value", True),
    "false": ("value", False),
    "null": ("value", None),
}
_MAX_SAFE_INTEGER = 2**53


class Token(NamedTuple):
    """`kind`: operator, string, number, value, name, variable, regex or `END`."""

    kind: str
    value: str | int | float | bool | None
    position: int


class Lexer:
    """Reads tokens from a text. `start`: where the last token begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.start = 0

    def next_token(self, *, infix: bool) -> Token:
        """Return the next token. With `infix` the parser expects an operator, and `/` divides."""
        text = self.text
        self._skip_blanks()
        self.start = self.at
        if self.at >= len(text):
            return Token(END, END, len(text))
        if not infix and text[self.at] == "/":
            self.at += 1
            return self._read_regex()
        match = _TOKEN.match(text, self.at)
        if match is None:
            raise ExpressionError("S0204", f"Unknown operator: {text[self.at]}", self.at)
        kind = match.lastgroup
        raw = match.group()
        self.at = match.end()
        if kind == "operator":
            return Token("operator", raw, self.at)
        if kind == "word":
            return self._make_word(raw)
        if kind == "string":
            return Token("string", raw[1:-1], self.at)
        if kind == "number":
            return Token("number", self._make_number(raw), self.at)
        if kind == "quote":
            return Token("string", self._read_escaped_string(raw), self.at)
        if len(raw) < 2 or raw[-1] != "`":
            raise ExpressionError(
                "S0105", "Quoted property name must be terminated with a backquote (`)", len(text)
            )
        return Token("name", raw[1:-1], self.at)

    def _skip_blanks(self) -> None:
        """Skip white space and comments."""
        text = self.text
        while True:
            blank = _BLANKS.match(text, self.at)
            assert blank is not None
            self.at = blank.end()
            if not text.startswith("/*", self.at):
                return
            end = text.find("*/", self.at + 2)
            if end < 0:
                raise ExpressionError("S0106", "Comment has no closing tag", self.at)
            self.at = end + 2

    def _make_word(self, raw: str) -> Token:
        """Return the token of a variable, a keyword or a name."""
        if raw[0] == "$":
            return Token("variable", raw[1:], self.at)
        known = _WORDS.get(raw)
        if known is not None:
            return Token(known[0], known[1], self.at)
        return Token("name", raw, self.at)

    def _make_number(self, raw: str) -> int | float:
        """Return the number; an `int` if it is integral and exact. Raises S0102 for an infinite one."""
        if raw.isdigit() and len(raw) < 16:
            return int(raw)
        value = float(raw)
        if value == float("inf"):
            raise ExpressionError("S0102", f"Number out of range: {raw}", self.at - len(raw), token=raw)
        return int(value) if value.is_integer() and abs(value) < _MAX_SAFE_INTEGER else value

    def _read_escaped_string(self, quote: str) -> str:
        """Read a string with escape sequences, from behind its opening quote."""
        text = self.text
        parts: list[str] = []
        while self.at < len(text):
            char = text[self.at]
            if char == quote:
                self.at += 1
                return _join_surrogates("".join(parts))
            if char == "\\":
                self.at += 1
                parts.append(self._read_escape())
            else:
                plain = _UNESCAPED.match(text, self.at)
                run = plain.group() if plain else char
                parts.append(run)
                self.at += len(run)
        raise ExpressionError("S0101", "String literal must be terminated by a matching quote", len(text))

    def _read_escape(self) -> str:
        """Read the character of an escape sequence, from behind its backslash."""
        char = self.text[self.at : self.at + 1]
        if char == "u":
            digits = self.text[self.at + 1 : self.at + 5]
            if not _HEX_DIGITS.fullmatch(digits):
                raise ExpressionError(
                    "S0104", "The escape sequence \\u must be followed by 4 hex digits", self.at
                )
            self.at += 5
            return chr(int(digits, 16))
        if char not in _ESCAPES:
            raise ExpressionError("S0103", f"Unsupported escape sequence: \\{char}", self.at, token=char)
        self.at += 1
        return _ESCAPES[char]

    def _read_regex(self) -> Token:
        """Read a regular expression from behind its opening slash; slashes inside brackets do not close
        it."""
        text = self.text
        start = self.at
        depth = 0
        while self.at < len(text):
            char = text[self.at]
            if char == "/" and depth == 0 and not self._is_escaped(self.at):
                return self._finish_regex(start)
            if char in "([{" and text[self.at - 1] != "\\":
                depth += 1
            elif char in ")]}" and text[self.at - 1] != "\\":
                depth -= 1
            self.at += 1
        raise ExpressionError("S0302", "No terminating / in regular expression", self.at)

    def _finish_regex(self, start: int) -> Token:
        """Return the token of a regular expression, at its closing slash; reads the flags."""
        pattern = self.text[start : self.at]
        if not pattern:
            raise ExpressionError("S0301", "Empty regular expressions are not allowed", self.at)
        self.at += 1
        flags = self.at
        while self.text[self.at : self.at + 1] in ("i", "m"):
            self.at += 1
        return Token("regex", f"{self.text[flags : self.at]}/{pattern}", self.at)

    def _is_escaped(self, position: int) -> bool:
        """Return whether a backslash stands before the place, and is not escaped itself."""
        slashes = 0
        while self.text[position - 1 - slashes : position - slashes] == "\\":
            slashes += 1
        return slashes % 2 == 1


def _join_surrogates(text: str) -> str:
    """Return the text with two `\\u` escapes that make a surrogate pair as one character; a lone one
    stays."""
    if any("\ud800" <= char <= "\udfff" for char in text):
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    return text
