"""The body of a batch request."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import pytest

from isthmus.api.batch import parse_batch_request
from isthmus.definitions.load import DefinitionInvalid


def body(count: int) -> dict[str, Any]:
    """A batch of so many lists."""
    nodes = [{"resource": "tickets", "method": "list", "name": f"n{number}"} for number in range(count)]
    return {"integrated_account_id": "a", "resources": nodes}


@pytest.mark.parametrize(("count", "is_allowed"), [(1, True), (3, True), (4, False)])
def test_a_batch_has_as_many_nodes_as_are_allowed_and_no_more(count: int, is_allowed: bool) -> None:
    refused = pytest.raises(DefinitionInvalid, match="must have 3 nodes at most, and has 4")
    with nullcontext() if is_allowed else refused:
        assert len(parse_batch_request(body(count), max_nodes=3).resources) == count
