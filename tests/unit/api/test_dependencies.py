"""Query parameters that are lists."""

from __future__ import annotations

import pytest
from fastapi import Request

from isthmus.api.dependencies import parse_comma_list


@pytest.mark.parametrize(
    ("query", "items"),
    [
        ("a=x,y", {"x", "y"}),
        ("a=x&a=y", {"x", "y"}),
        ("a[]=x&a[]=y,z", {"x", "y", "z"}),
        ("a[0]=x&a[1]=%20y%20", {"x", "y"}),
        ("a=,x,", {"x"}),
        ("a=", None),
        ("a=,", None),
        ("", None),
        ("b=x", None),
        ("ab=x", None),
        ("a[0=x", None),
        ("b[a]=x", None),
    ],
)
def test_a_list_may_be_written_with_commas_or_as_an_array(query: str, items: set[str] | None) -> None:
    request = Request({"type": "http", "query_string": query.encode(), "headers": []})
    assert parse_comma_list(request, "a") == items
