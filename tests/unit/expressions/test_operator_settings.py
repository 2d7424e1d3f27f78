"""The limits of expressions that an operator sets."""

from __future__ import annotations

import pytest

from isthmus.config import Settings
from isthmus.errors import SetupError
from isthmus.expressions import Limits
from isthmus.expressions.operator_settings import make_limits


def test_limits_that_are_set_replace_the_usual_ones_each_in_its_type() -> None:
    limits = make_limits(Settings(expression_limits={"items": 7.0, "seconds": 0.5}))
    assert limits == Limits(items=7, seconds=0.5)
    assert type(limits.items) is int


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("item", 7.0, "names item, which is no limit; there are: "), ("items", 7.5, "items must be a whole")],
)
def test_a_limit_that_is_none_is_a_fault_of_the_setup(name: str, value: float, message: str) -> None:
    with pytest.raises(SetupError, match=message):
        make_limits(Settings(expression_limits={name: value}))
