"""`?:` and `??` look at the left side as it is inside the evaluation, not as it would leave it."""

from __future__ import annotations

import pytest

from isthmus.expressions import DIALECT, STANDARD, UNDEFINED, compile


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$sum ?? 1", UNDEFINED),
        ("($f := function($x) { $x }; $f) ?? 1", UNDEFINED),
        ("{'a': $sum ?? 1}", {}),
        ("[$sum ?? 1]", [None]),
        ("$sum ?? ('a' > 1)", UNDEFINED),
        ("{'a': $sum} ?: 1", {}),
        ("[$sum, 1] ?: 2", [None, 1]),
        ("$sum ?: 1", 1),
        ("missing ?? 1", 1),
        ("list ?? 1", [1, 2]),
        ("rows.a ?? 1", [1, 2]),
        ("rows[a = 2].a ?? 1", 2),
        ("rows[a = 3].a ?? 1", 1),
        ("(missing ?? rows.b) ?? 'x'", "x"),
        ("$map(rows, function($r) { $r.a ?? 0 }) ?: 'none'", [1, 2]),
        ("{'f': $sum}.(f ?? 1)", UNDEFINED),
    ],
)
def test_a_default_is_taken_for_what_is_not_there_only(text: str, value: object) -> None:
    given = {"list": [1, 2], "rows": [{"a": 1}, {"a": 2}]}
    for library in (STANDARD, DIALECT):
        assert compile(text, library=library).evaluate(given) == value
