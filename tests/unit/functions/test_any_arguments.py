"""Whatever the arguments, a function gives a value or an error of the expression, never one of Python's."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.selection import examples
from tests.unit.functions.running import services

from isthmus.expressions import UNDEFINED, ExpressionError, compile
from isthmus.expressions.functions import EXTENSIONS
from isthmus.expressions.host import HOST_TYPES
from isthmus.expressions.library import Function

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            "2024-01-31",
            "yyyy-MM-dd",
            "a.b[0]",
            "UTC",
            "USD",
            "SHA-256",
            "<a>b</a>",
            "# h",
            "a=1&b[c]=2",
            "\ud800",
        ]
    ),
)
NUMBERS = st.one_of(
    st.integers(-10, 10), st.floats(), st.sampled_from([10**18, 10**400, -(10**400), 0.1, -0.0, 2**63])
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                TEXTS,
                st.sampled_from(["id", "type", "elements", "fields", "chunkSize", "rich_text", "paragraph"]),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=8,
)
HOST = st.sampled_from(
    [
        "$dtFromIso('2024-01-31')",
        "$dtFromIso('x')",
        "$dtFromIso('2024-01-31').diff($dtFromIso('2023-01-01'), ['months', 'days'])",
        "$parseUrl('http://a.b/c?d=1')",
        "$parseUrl('http://a.b').searchParams",
        "$blob('x', {'type': 'a/b'})",
        "$getArrayBuffer($blob('x'))",
        "$blob('x').stream()",
        "$dependencyGraph([{'id': 1}], 'p', 'id')",
        "$uppercase",
        "function($x) { $x }",
        "/a/",
        "missing",
    ]
)


def _run(expression: str, data: object) -> None:
    with suppress(ExpressionError):
        asyncio.run(compile(expression).evaluate_async(data, services=services()))


def _call(draw: st.DrawFn, name: str, arity: int) -> tuple[str, dict[str, Any]]:
    data: dict[str, Any] = {}
    arguments = []
    for position in range(draw(st.integers(0, arity))):
        if draw(st.integers(0, 3)) == 0:
            arguments.append(draw(HOST))
        else:
            data[f"a{position}"] = draw(PLAIN)
            arguments.append(f"a{position}")
    return f"{name}({', '.join(arguments)})", data


FUNCTIONS = [function for function in EXTENSIONS if function.name not in {"convertMdToPdf"}]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_functions_raise_errors_of_expressions_only(function: Function, data: st.DataObject) -> None:
    expression, given_data = data.draw(
        st.composite(lambda draw: _call(draw, f"${function.name}", max(1, function.arity)))()
    )
    _run(expression, given_data)


OWNERS = {
    "DateTime": "$dtFromIso('2024-01-31T10:20:30.400Z', 'Europe/Berlin')",
    "Duration": "$dtFromIso('2024-01-31').diff($dtFromIso('2023-01-01'), ['months', 'days'])",
    "Url": "$parseUrl('http://a.b/c?d=1')",
    "SearchParams": "$parseUrl('http://a.b/c?d=1').searchParams",
    "Blob": "$blob('hello')",
    "ArrayBuffer": "$getArrayBuffer($blob('hello'))",
    "Stream": "$blob('x').stream()",
    "StreamReader": "$blob('x').stream().getReader()",
    "Graph": "$dependencyGraph([{'id': 1, 'p': 2}, {'id': 2}], 'p', 'id')",
    "datetime": "$dtFromIso('2024-01-31').toJSDate()",
    "bytes": "raw",
}
METHODS = [
    pytest.param(
        OWNERS[host.python_type.__name__], function, id=f"{host.python_type.__name__}.{function.name}"
    )
    for host in HOST_TYPES
    if host.python_type.__name__ in OWNERS
    for function in host.methods.values()
]


@pytest.mark.parametrize(("owner", "function"), METHODS)
@settings(max_examples=examples(40))
@given(data=st.data())
def test_methods_raise_errors_of_expressions_only(
    owner: str, function: Function, data: st.DataObject
) -> None:
    expression, given_data = data.draw(
        st.composite(lambda draw: _call(draw, f"{owner}.{function.name}", max(1, function.arity - 1)))()
    )
    _run(expression, given_data | {"raw": b"hello"})


@pytest.mark.parametrize("host", HOST_TYPES, ids=lambda host: host.python_type.__name__)
def test_every_property_can_be_read(host: Any) -> None:
    owner = OWNERS.get(host.python_type.__name__)
    if owner is None:
        return
    for name in host.properties:
        _run(f"{owner}.{name}", {"raw": b"hello"})
    assert UNDEFINED is not None
