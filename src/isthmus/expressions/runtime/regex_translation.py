"""Translates JavaScript's regular expressions into the notation of Python's `regex` module.

What differs and is translated: `$` and `^` (no newline exceptions), `.` (line ends), `\\d \\w \\s \\b`
(ASCII digits and letters, JavaScript's blanks), `[^]` and `[]`, `\\cX`, `\\uXXXX`, `\\0`, `\\/`, named
groups and references, references to groups that took no part (they match nothing), literal `{` and `]`.
What stays different: case-insensitive matching folds more than JavaScript does for a few letters
(`ſ`, `K`), and characters outside the BMP are one character, not two.
"""

from __future__ import annotations

import re
from typing import Final

from isthmus.expressions.errors import LIMIT, ExpressionError

__all__ = ["is_linear", "translate_pattern"]

_ENDS: Final = r"\n\r\u2028\u2029"
_BLANKS: Final = r"\t\n\v\f\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"
_CLASSES: Final = {
    "d": "0-9",
    "w": "0-9A-Za-z_",
    "s": _BLANKS,
}
_QUANTIFIER: Final = re.compile(r"\{([0-9]+)(,[0-9]*)?\}")
_REPEATS: Final = frozenset("*+?")
_GROUP_STARTS: Final = (
    *((same, same) for same in ("(?:", "(?=", "(?!", "(?<=", "(?<!")),
    ("(?<", "(?P<"),
)
_MAX_ITEMS: Final = 10_000
_CONTROL: Final = {"t": r"\t", "n": r"\n", "v": r"\v", "f": r"\f", "r": r"\r"}


def translate_pattern(source: str, *, multiline: bool) -> tuple[str, int]:
    """Return the pattern for Python, and how many items it has once its repeats are written out.

    Raises `ISTHMUS_LIMIT` for more than 10,000: engines write out what must be there, so that
    `(?:(?:a{900}){900}){900}` takes gigabytes before it has seen any text.
    """
    translator = _Translator(source, multiline=multiline)
    return translator.translate(), translator.items.count


class _ItemCounter:
    """Counts the items of a pattern while it is read.

    `last`: how many the item just read stands for. `open`: the counts at the start of the enclosing groups.
    """

    def __init__(self) -> None:
        self.count = 0
        self.last = 0
        self.open: list[int] = []

    def add_item(self) -> None:
        """Count one item, such as a character or a set."""
        self.count += 1
        self.last = 1

    def open_group(self) -> None:
        """Start a group."""
        self.open.append(self.count)
        self.add_item()

    def close_group(self) -> None:
        """End a group: what follows may repeat all of it."""
        if self.open:
            self.last = self.count - self.open.pop()

    def repeat_item(self, least: int) -> None:
        """Count a repeat (`{least,…}`) of the item just read. Raises `ISTHMUS_LIMIT` for too many items."""
        times = max(1, least)
        self.count += self.last * (times - 1)
        self.last *= times
        if self.count > _MAX_ITEMS:
            raise ExpressionError(
                LIMIT,
                "The repeats of a regular expression, multiplied where they are nested, come to more than "
                f"{_MAX_ITEMS} items",
                value=_MAX_ITEMS,
            )


_ATOM: Final = re.compile(
    r"(?:\\[dDwWsStnrfv\\/.^$|()\[\]{}*+?-]|\[\^?(?:[^\\\]\[]|\\[dDwWsStnrfv\\/.^$|()\[\]{}*+?-])+\]"
    r"|[^\\.^$|()\[\]{}*+?])"
)


def is_linear(source: str) -> bool:
    """Return whether the pattern is a run of single characters and sets, of which at most the last repeats
    (`+`).

    Such a pattern takes time in proportion to the text, and never matches the empty string.
    """
    at = 0
    while match := _ATOM.match(source, at):
        at = match.end()
    return at > 0 and (at == len(source) or (source[at:] == "+" and _ATOM.fullmatch(source[:-1]) is not None))


class _Translator:
    """Translates one pattern; `position` is the place in its source, `out` the Python pattern so far."""

    def __init__(self, source: str, *, multiline: bool) -> None:
        self.source = source
        self.multiline = multiline
        self.position = 0
        self.out: list[str] = []
        self.items = _ItemCounter()

    def translate(self) -> str:
        """Translate the whole pattern, and return it as Python's `regex` writes it."""
        source = self.source
        while self.position < len(source):
            char = source[self.position]
            if char == "\\":
                self.items.add_item()
                self.out.append(self.translate_escape())
            elif char == "[":
                self.items.add_item()
                self.out.append(self.translate_set())
            elif char == "(":
                self.items.open_group()
                self.out.append(self.translate_group_start())
            elif quantifier := _QUANTIFIER.match(source, self.position):
                self.items.repeat_item(int(quantifier[1]))
                self.out.append(quantifier[0])
                self.position = quantifier.end()
            else:
                self.out.append(self.translate_char(char))
                self.position += 1
        return "".join(self.out)

    def translate_char(self, char: str) -> str:
        """Translate a character outside of sets and escapes. Raises ValueError for `a*+`, which is possessive
        in Python and an error in JavaScript."""
        if char == ")":
            self.items.close_group()
        elif char not in "*+?|":
            self.items.add_item()
        if char == ".":
            return f"[^{_ENDS}]"
        if char == "^":
            return rf"(?:\A|(?<=[{_ENDS}]))" if self.multiline else r"\A"
        if char == "$":
            return rf"(?=[{_ENDS}]|\Z)" if self.multiline else r"\Z"
        if char == "{":
            return r"\{"
        if char == "+" and self.out and (self.out[-1] in _REPEATS or _QUANTIFIER.fullmatch(self.out[-1])):
            raise ValueError("a quantifier is repeated by +")
        if char in "#&~ ":
            return "\\" + char
        if char in "]":
            return r"\]"
        return char

    def translate_group_start(self) -> str:
        """Translate the opening of a group at the cursor, and move past it. Raises ValueError for one that
        JavaScript does not have: recursion, conditions, flags, comments and atomic groups."""
        for opening, translated in _GROUP_STARTS:
            if self.source.startswith(opening, self.position):
                self.position += len(opening)
                return translated
        if self.source.startswith("(?", self.position):
            raise ValueError(f"a group cannot begin with {self.source[self.position : self.position + 3]}")
        self.position += 1
        return "("

    def translate_escape(self) -> str:
        """Translate the escape sequence at the cursor, outside of a set, and move past it."""
        char = self.source[self.position + 1 : self.position + 2]
        self.position += 2
        if char in _CLASSES:
            return f"[{_CLASSES[char]}]"
        if char and char.lower() in _CLASSES:
            return f"[^{_CLASSES[char.lower()]}]"
        if char == "b":
            return r"(?:(?<=[0-9A-Za-z_])(?![0-9A-Za-z_])|(?<![0-9A-Za-z_])(?=[0-9A-Za-z_]))"
        if char == "B":
            return r"(?:(?<=[0-9A-Za-z_])(?=[0-9A-Za-z_])|(?<![0-9A-Za-z_])(?![0-9A-Za-z_]))"
        if char == "k" and self.source.startswith("<", self.position):
            end = self.source.find(">", self.position)
            if end > 0:
                name = self.source[self.position + 1 : end]
                self.position = end + 1
                return f"(?({name})(?P={name})|)"
        if char in "123456789" and char:
            return self.translate_back_reference(char)
        return self.translate_character_escape(char)

    def translate_back_reference(self, digits: str) -> str:
        """Translate a reference to a numbered group, which matches nothing if the group took no part."""
        while self.source[self.position : self.position + 1].isdigit() and int(digits) < 10:
            digits += self.source[self.position]
            self.position += 1
        return f"(?({digits})\\{digits}|)"

    def translate_character_escape(self, char: str) -> str:
        """Translate an escape that stands for one character, outside of a set or in one, and move past the
        rest of it. `char` follows the backslash; `position` is behind it already."""
        if char in _CONTROL:
            return _CONTROL[char]
        if char == "0":
            return r"\x00"
        if char == "c" and self.source[self.position : self.position + 1].isalpha():
            code = ord(self.source[self.position]) % 32
            self.position += 1
            return f"\\x{code:02x}"
        if char == "x":
            return self.translate_code_point(2, "x")
        if char == "u":
            return self.translate_code_point(4, "u")
        return re.escape(char) if char else r"\\"

    def translate_code_point(self, digit_count: int, letter: str) -> str:
        """Translate the escape of a code point (`x41`, `u0041`) at the cursor to the escaped character,
        and move past its digits.

        `letter`: `x` or `u`, returned as it is if no `digit_count` hexadecimal digits follow.
        """
        digits = self.source[self.position : self.position + digit_count]
        if len(digits) == digit_count and all(one in "0123456789abcdefABCDEF" for one in digits):
            self.position += digit_count
            return re.escape(chr(int(digits, 16)))
        return letter

    def translate_set(self) -> str:
        """Translate `[…]` at the cursor; everything in it is escaped, since Python's sets know more than
        JavaScript's."""
        self.position += 1
        negated = self.source.startswith("^", self.position)
        if negated:
            self.position += 1
        parts: list[str] = []
        while self.position < len(self.source) and self.source[self.position] != "]":
            char = self.source[self.position]
            if char == "\\":
                parts.append(self.translate_set_escape())
            else:
                parts.append("-" if char == "-" else re.escape(char))
                self.position += 1
        if self.position >= len(self.source):
            raise ValueError("unterminated character set")
        self.position += 1
        inside = "".join(parts)
        if not inside:
            return r"[\s\S]" if negated else r"(?!)"
        if inside.startswith("-"):
            inside = "\\" + inside
        if inside.endswith("-"):
            inside = inside[:-1] + "\\-"
        return f"[{'^' if negated else ''}{inside}]"

    def translate_set_escape(self) -> str:
        """Translate the escape sequence at the cursor, inside a set, and move past it."""
        char = self.source[self.position + 1 : self.position + 2]
        self.position += 2
        if char in _CLASSES:
            return _CLASSES[char]
        if char == "D":
            return r"\x00-/:-\U0010ffff"
        if char == "W":
            return r"\x00-/:-@\[-\^`\{-\U0010ffff"
        if char == "S":
            return r"\S"
        if char == "b":
            return r"\x08"
        if char == "-":
            return r"\-"
        return self.translate_character_escape(char)
