"""Findings about what does not fit its model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, Field

from isthmus.authoring.lint.schema_parsing import parse_model, salvage_model
from isthmus.definitions.field_types import OptionalExpr


class Document(BaseModel):
    numbers: tuple[int, ...] = Field(min_length=1)
    first: OptionalExpr
    second: OptionalExpr


def test_each_finding_has_the_position_of_its_own_error() -> None:
    _, findings = parse_model(Document, {"numbers": ["a"], "first": "a +", "second": "abc["})
    assert [(each.path, each.position) for each in findings] == [
        ("numbers.0", None),
        ("first", 3),
        ("second", 4),
    ]


class Pair(BaseModel):
    both: tuple[int, int] = (0, 0)
    named: dict[str, Document] = {}


DOCUMENT = {"numbers": [1], "first": "a", "second": "b"}


@pytest.mark.parametrize(
    ("data", "both", "named"),
    [
        ({"both": [1]}, (0, 0), []),  # the second item is missing: the pair goes
        ({"both": 5, "named": {"a": DOCUMENT, "b": {}}}, (0, 0), ["a"]),
        ({"both": [1, 2], "named": {"a": {**DOCUMENT, "numbers": []}, "b": DOCUMENT}}, (1, 2), ["b"]),
    ],
)
def test_a_document_is_read_without_its_invalid_parts(
    data: dict[str, Any], both: tuple[int, int], named: list[str]
) -> None:
    parsed = salvage_model(Pair, data, parse_model(Pair, data)[1])
    assert parsed is not None
    assert (parsed.both, list(parsed.named)) == (both, named)


def test_a_document_whose_missing_part_cannot_be_removed_is_not_read() -> None:
    _, findings = parse_model(Document, {"numbers": [1]})
    assert salvage_model(Document, {"numbers": [1]}, findings) is None
