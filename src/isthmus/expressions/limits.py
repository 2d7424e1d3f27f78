"""The limits of one evaluation, and of the text of an expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = [
    "DEFAULT_ITEMS",
    "DEFAULT_OUTPUT_CHARS",
    "MAX_NESTING",
    "MAX_OPERANDS",
    "MAX_PATH_STEPS",
    "MAX_PATTERN_CHARS",
    "MAX_PICTURE_CHARS",
    "MAX_SOURCE_BYTES",
    "Limits",
]

MAX_SOURCE_BYTES: Final = 256 * 1024
"""Bytes of UTF-8 that the text of an expression may have; checked before it is read."""

MAX_PATTERN_CHARS: Final = 1_000
"""Characters of a regular expression."""

MAX_PICTURE_CHARS: Final = 1_000
"""Characters of the picture of a date or a number, and the widest that it may ask for."""


DEFAULT_OUTPUT_CHARS: Final = 20 * 1024 * 1024
"""The default of `Limits.output_chars`."""

DEFAULT_ITEMS: Final = 200_000
"""The default of `Limits.items`."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one evaluation. Exceeding one raises `ExpressionError`; nothing is cut short silently.

    `seconds`: wall time of the evaluation, without awaited time of asynchronous functions.
    `awaited_seconds`: that awaited time, in all.
    `depth`: nested evaluations, counted as JSONata's reference implementation does: a call of a lambda adds
    the levels of the tree from the function's body down to the call; tail calls add none.
    `data_depth`: levels a function follows into data.
    `input_chars`: text that a parsing function takes.
    `output_chars`: characters of one string; approximately also of the result as JSON.
    `items`: items of one list (a lazy range counts when it is materialised).
    `memory`: bytes of what the evaluation has made and still holds.
    `regex_seconds`: time of one search of a regular expression; never more than what is left of `seconds`.
    `graph_nodes`: nodes of a graph, and of what `$sortNodes` gives.
    `xml_nodes`: nodes that `$xmlToJs` reads.
    `similarity_chars`: characters of a text that is compared for likeness.
    `similarity_pairs`: pairs of letters that `$mostSimilar` compares.
    `parquet_columns`: columns of a Parquet file.
    `parquet_cells`: rows times columns of a Parquet file.
    `embedding_texts`: texts of one call of `$generateEmbeddingsCohere`.
    `embedding_seconds`: time of each request of `$generateEmbeddingsCohere`, including retries.
    """

    seconds: float = 5.0
    awaited_seconds: float = 60.0
    depth: int = 500
    data_depth: int = 200
    input_chars: int = 5 * 1024 * 1024
    output_chars: int = DEFAULT_OUTPUT_CHARS
    items: int = DEFAULT_ITEMS
    memory: int = 96 * 1024 * 1024
    regex_seconds: float = 1.0
    graph_nodes: int = 100_000
    xml_nodes: int = 1_000_000
    similarity_chars: int = 10_000
    similarity_pairs: int = 10_000_000
    parquet_columns: int = 1_000
    parquet_cells: int = 1_000_000
    embedding_texts: int = 2_000
    embedding_seconds: float = 120.0


MAX_NESTING: Final = 100
"""Levels of brackets and operators inside each other in the text of an expression."""

MAX_PATH_STEPS: Final = 400
"""Steps of one path in the text of an expression."""

MAX_OPERANDS: Final = 10_000
"""Operands in the text of an expression; a mapping of 200 lines has about a thousand."""
