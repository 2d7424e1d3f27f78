"""`$recursiveCharacterTextSplitter`: text in chunks that fit a model's context window."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_input_text, get_options
from isthmus.expressions.javascript import clamp_to_integer, count_utf16_units, is_nil, to_json_text, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["recursive_character_text_splitter"]

_MAX_CHUNK_UNITS: Final = 10**9
_SEPARATORS: Final = ("\n\n", "\n", " ", "")


def recursive_character_text_splitter(
    evaluation: Evaluation, value: object = UNDEFINED, options: object = UNDEFINED
) -> list[str]:
    """A text in trimmed chunks, cut at blank lines where possible, else at line ends, spaces, anywhere.

    Lengths count UTF-16 units; no character is cut in two.

    Arguments:
        text: text; lists and objects as JSON, other values by their text form.
        options: `chunkSize` and `chunkOverlap` (default `{"chunkSize": 200, "chunkOverlap": 60}`; an object
            or value without one of them counts as 1000 and 200).
    Null and missing: `[]`.
    Errors: `Cannot have chunkOverlap >= chunkSize`.
    Example:
        $recursiveCharacterTextSplitter("hello big world", {"chunkSize": 10, "chunkOverlap": 0})
        => ["hello big", "world"]
    """
    default_size, default_overlap = (1000, 200) if options is not UNDEFINED else (200, 60)
    options = get_options(options)
    size = clamp_to_integer(options.get("chunkSize"), default_size, 0, _MAX_CHUNK_UNITS)
    overlap = clamp_to_integer(options.get("chunkOverlap"), default_overlap, 0, _MAX_CHUNK_UNITS)
    if overlap >= size:
        raise make_function_error("recursiveCharacterTextSplitter", "Cannot have chunkOverlap >= chunkSize")
    if is_nil(value):
        return []
    source = to_json_text(value, 2) if isinstance(value, (list, Mapping)) else to_text(value)
    source = check_input_text(evaluation, source, "recursiveCharacterTextSplitter")
    length: Callable[[str], int] = len if source.isascii() else count_utf16_units
    chunks = _Splitter(size, overlap, length).split(source, _SEPARATORS)
    evaluation.charge_items(len(chunks), "recursiveCharacterTextSplitter")
    return chunks


class _Splitter:
    """Splits by `size` and `overlap`, measured by `length` of a text."""

    def __init__(self, size: int, overlap: int, length: Callable[[str], int]) -> None:
        self.size = size
        self.overlap = overlap
        self.length = length

    def split(self, source: str, separators: tuple[str, ...]) -> list[str]:
        """Return the chunks cut at the first separator that occurs; pieces still too long are split by the
        next ones."""
        place = next(at for at, mark in enumerate(separators) if mark == "" or mark in source)
        rest = separators[place + 1 :]
        chunks: list[str] = []
        fitting: list[str] = []
        for piece in _cut_before(source, separators[place]):
            if self.length(piece) < self.size:
                fitting.append(piece)
                continue
            chunks.extend(self.merge(fitting))
            fitting = []
            if rest:
                chunks.extend(self.split(piece, rest))
            else:
                chunks.append(piece)
        return [*chunks, *self.merge(fitting)]

    def merge(self, pieces: list[str]) -> list[str]:
        """Return chunks of neighbouring pieces up to the size; each starts with the end of the one before."""
        chunks: list[str] = []
        current: list[str] = []
        total = first = 0
        for piece in pieces:
            length = self.length(piece)
            if total + length > self.size and first < len(current):
                _append_chunk(chunks, current[first:])
                while first < len(current) and (
                    total > self.overlap or (total + length > self.size and total > 0)
                ):
                    total -= self.length(current[first])
                    first += 1
            current.append(piece)
            total += length
        _append_chunk(chunks, current[first:])
        return chunks


def _cut_before(source: str, separator: str) -> list[str]:
    """Return the text cut before each separator, which stays at the start of what follows it."""
    if not separator:
        return list(source)
    return [piece for piece in re.split(f"(?={re.escape(separator)})", source) if piece]


def _append_chunk(chunks: list[str], pieces: list[str]) -> None:
    """Append the pieces joined and trimmed, unless nothing is left of them."""
    chunk = "".join(pieces).strip()
    if chunk:
        chunks.append(chunk)
