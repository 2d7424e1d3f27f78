"""`$diceCoefficient` and `$mostSimilar`: how alike texts are, by the pairs of letters that they share."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.javascript import as_list, describe_kind, is_nil, is_number, is_same_value
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["dice_coefficient", "most_similar"]

_IGNORED_CHARACTERS: Final = re.compile(r"[^a-z0-9]+")


def dice_coefficient(
    evaluation: Evaluation, left: object = UNDEFINED, right: object = UNDEFINED
) -> int | float:
    """How alike two texts are, from 0 to 1: shared pairs of letters and digits, twice, by all pairs.

    Arguments:
        a: text; case and everything but `a-z0-9` is ignored.
        b: text.
    Null and missing: equal values give 1, also null and null.
    Errors: `diceCoefficient: …` where values differ and one is no text.
    Example:
        $diceCoefficient("night", "nacht")
        => 0.25
    """
    if is_same_value(left, right):
        return 1
    evaluation.charge(64)
    return _compute_dice_score(
        _count_letter_pairs(evaluation, left, "diceCoefficient"),
        _count_letter_pairs(evaluation, right, "diceCoefficient"),
    )


def most_similar(
    evaluation: Evaluation,
    value: object = UNDEFINED,
    options: object = UNDEFINED,
    threshold: object = UNDEFINED,
) -> object:
    """The candidate that is most like a text, or the text itself where none is like enough.

    Arguments:
        value: text.
        options: a list of texts; the first of equals wins, in its own spelling.
        threshold: the least `$diceCoefficient` (default `0.8`).
    Null and missing: without candidates the value itself.
    Errors: `mostSimilar: …` where the value or a candidate is no text.
    Example:
        $mostSimilar("Part time", ["FULL_TIME", "PART_TIME"])
        => "PART_TIME"
    """
    if is_nil(options) or options == []:
        return value
    candidates = as_list(options)
    value_pairs = _count_letter_pairs(evaluation, value, "mostSimilar")
    if len(candidates) * (sum(value_pairs.values()) + 1) > evaluation.limits.similarity_pairs:
        raise evaluation.make_limit_error("similarity_pairs", "mostSimilar")
    best: object = ""
    highest: float = 0
    for candidate in candidates:
        evaluation.charge(64)
        exact = isinstance(candidate, str) and candidate == value
        score = (
            1
            if exact
            else _compute_dice_score(value_pairs, _count_letter_pairs(evaluation, candidate, "mostSimilar"))
        )
        if score > highest:
            best, highest = candidate, score
    least = 0.8 if threshold is UNDEFINED else threshold if is_number(threshold) else 0
    return best if highest >= least else value


def _count_letter_pairs(evaluation: Evaluation, value: object, function: str) -> Counter[str]:
    """Return the pairs of neighbouring characters with their counts, after everything but letters and digits
    is removed; of one character, the character itself. Raises ExpressionError for a value that is no text, or
    too long a text. `function`: its name, for messages."""
    if not isinstance(value, str):
        raise make_function_error(function, f"{function}: expected text, not {describe_kind(value)}")
    if len(value) > evaluation.limits.similarity_chars:
        raise evaluation.make_limit_error("similarity_chars", function)
    cleaned = _IGNORED_CHARACTERS.sub("", value.lower())
    if len(cleaned) == 1:
        return Counter([cleaned])
    return Counter(map("".join, pairwise(cleaned)))


def _compute_dice_score(left: Counter[str], right: Counter[str]) -> float:
    """Return twice the shared pairs by all pairs; NaN where there are none."""
    total = left.total() + right.total()
    return 2 * (left & right).total() / total if total else math.nan
