"""Findings about what does not fit its model."""

from __future__ import annotations

from pydantic import BaseModel, Field

from isthmus.authoring.lint.schema_parsing import parse_model
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
