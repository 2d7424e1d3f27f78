"""What is said of a body in which something is wrong."""

from __future__ import annotations

import pytest

from isthmus.errors import BadRequest
from isthmus.integrations.rows.body_checks import Failures


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["name"], "the row is not valid: name must be an object."),
        (["name", "label"], "the row is not valid: name must be an object (and 1 more in details.failures)."),
        (["a", "b", "c"], "the row is not valid: a must be an object (and 2 more in details.failures)."),
    ],
)
def test_the_first_failure_is_told_and_how_many_follow(names: list[str], message: str) -> None:
    failures = Failures()
    failures.raise_if_any("the row is not valid")
    for name in names:
        failures.check_object(name, 1)
    with pytest.raises(BadRequest) as caught:
        failures.raise_if_any("the row is not valid")
    assert caught.value.message == message
    assert [each["path"] for each in caught.value.details["failures"]] == names
