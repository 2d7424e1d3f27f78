"""Makes the ids of records that are created in a sandbox, in the form that the product's own have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from isthmus.accounts.sandbox.body_places import as_text, read_integer

__all__ = ["is_numbered_key", "make_next_id", "replace_id"]

_NUMBERED: Final = re.compile(r"([A-Za-z]+-|)([0-9]+)\Z")
_KEY: Final = re.compile(r"[A-Za-z]+-[0-9]+\Z")
_HEXADECIMAL: Final = re.compile(r"[0-9a-f-]{16,}\Z")
_ALPHABETS: Final = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_HEX_ALPHABETS: Final = ("0123456789abcdef",)
_MIN_TELLING_LENGTH: Final = 6
"""Shorter ids are found in a record by chance."""


def is_numbered_key(value: Any) -> bool:
    """Return True for a text such as `NB-3`, which names one record."""
    return isinstance(value, str) and _KEY.match(value) is not None


def make_next_id(example: str, taken: Iterable[str]) -> str:
    """Return an id of the form of `example` that is none of `taken`: one more than the greatest of them, or
    the next in the order of their letters and digits."""
    numbered = _NUMBERED.match(example)
    if numbered:
        prefix = numbered[1]
        texts = set(taken)
        numbers = (read_integer(text.removeprefix(prefix)) for text in texts if text.startswith(prefix))
        number = max([int(numbered[2]), *(number or 0 for number in numbers)]) + 1
        while f"{prefix}{number}" in texts:  # too long to be read
            number += 1
        return f"{prefix}{number}"
    texts = {example, *taken}
    made = _increment(max(text for text in texts if len(text) == len(example)))
    while made in texts:
        made = _increment(made)
    return made


def _increment(text: str) -> str:
    """Return the text with its last letter or digit replaced by the next of its kind, carried to the left
    after the last of a kind; with one digit more if each is the last."""
    alphabets = _HEX_ALPHABETS if _HEXADECIMAL.match(text) else _ALPHABETS
    letters = list(text)
    for position in reversed(range(len(letters))):
        alphabet = next((each for each in alphabets if letters[position] in each), None)
        if alphabet is None:
            continue
        index = alphabet.index(letters[position]) + 1
        letters[position] = alphabet[index % len(alphabet)]
        if index < len(alphabet):
            return "".join(letters)
    return f"{text}0"


def replace_id(value: Any, old: str, new: str, *, everywhere: bool = False) -> Any:
    """Return a copy of a recorded value in which an id is replaced, also in the addresses in it. Other values
    that are equal to a short id are kept, unless it is to be replaced `everywhere`."""
    if isinstance(value, Mapping):
        return {name: replace_id(below, old, new, everywhere=everywhere) for name, below in value.items()}
    if isinstance(value, list):
        return [replace_id(item, old, new, everywhere=everywhere) for item in value]
    if as_text(value) == old and (everywhere or len(old) >= _MIN_TELLING_LENGTH):
        number = read_integer(new) if isinstance(value, int) else None
        return new if number is None else number
    if isinstance(value, str) and "://" in value:
        return re.sub(rf"(?<![0-9A-Za-z]){re.escape(old)}(?![0-9A-Za-z])", lambda _: new, value)
    return value
