"""Where an error points in the text of its expression."""

from __future__ import annotations

import pytest

from isthmus.expressions.errors import format_excerpt

LONG = "".join(str(number % 10) for number in range(150))


@pytest.mark.parametrize(("before", "gutter"), [("", "1 | "), ("one\ntwo\n", "3 | ")])
@pytest.mark.parametrize(
    ("line", "column", "shown", "caret"),
    [
        ("abc", 1, "abc", 1),
        ("a\tb", 3, "a b", 3),
        (LONG[:100], 100, LONG[:100], 100),
        (LONG[:101], 1, LONG[:99] + "…", 1),
        (LONG, 51, LONG[:99] + "…", 51),
        (LONG, 52, "…" + LONG[2:100] + "…", 51),
        (LONG, 100, "…" + LONG[50:148] + "…", 51),
        (LONG, 101, "…" + LONG[51:], 51),
        (LONG, 150, "…" + LONG[100:], 51),
    ],
)
def test_the_line_of_an_error_is_shown_around_its_place(
    before: str, gutter: str, line: str, column: int, shown: str, caret: int
) -> None:
    for behind in ("", "\nlast"):
        excerpt = format_excerpt(before + line + behind, len(before) + column)
        assert excerpt == f"{gutter}{shown}\n{' ' * (len(gutter) + caret - 1)}^"
