"""What is told from the text of an expression."""

from __future__ import annotations

import pytest

from isthmus.authoring.lint.expression_text import (
    find_called_functions,
    find_object_keys,
    find_string_literals,
    mask_literals,
)


class TestScan:
    def test_strings_names_comments_and_patterns_are_masked(self) -> None:
        text = "a & '$f(' /* $g( */ & $match(b, /$h(/) & `$i(` & c / $j(d)"
        assert len(mask_literals(text)) == len(text)
        assert [name for name, _ in find_called_functions(text)] == ["match", "j"]

    def test_own_functions_are_not_called_from_outside(self) -> None:
        text = "($f := function($g, $h) { $g($h) + $sum(x) }; $f($k, 1) ~> λ($z) { $z(1) })"
        assert [name for name, _ in find_called_functions(text)] == ["sum"]

    def test_literals_are_listed(self) -> None:
        assert find_string_literals('\'a\' & "b\\"c" & `d`') == ["a", 'b\\"c']

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            ("{ 'a': 1, \"b\": { 'c': 2 }, 'd': x ? 'e' : 'f' }", ("a", "b", "d")),
            ("response.{ 'a': [1, { 'b': 2 }], 'c': (d; {'e': 1}) }", ("a", "c")),
            ("($x := 1; { 'a': $x })", ("a",)),
            ("response", ()),
        ],
    )
    def test_keys_of_the_object_that_is_built(self, text: str, keys: tuple[str, ...]) -> None:
        assert find_object_keys(text) == keys
