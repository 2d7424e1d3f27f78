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

    @pytest.mark.parametrize(
        ("text", "masked"),
        [
            ("a & 'b", "a & ' "),
            ("a & 'b\\", "a & '  "),
            ("a & `b", "a & ` "),
            ("$match(a, /b", "$match(a, / "),
            ("a /* b", "a /   "),
            ("a & '", "a & '"),
            ("/**/ a", "/    a"),
            ("", ""),
        ],
    )
    def test_what_is_not_closed_ends_with_the_text(self, text: str, masked: str) -> None:
        assert mask_literals(text) == masked

    def test_own_functions_are_not_called_from_outside(self) -> None:
        text = "($f := function($g, $h) { $g($h) + $sum(x) }; $f($k, 1) ~> λ($z) { $z(1) })"
        assert [name for name, _ in find_called_functions(text)] == ["sum"]

    def test_literals_are_listed(self) -> None:
        assert find_string_literals('\'a\' & "b\\"c" & `d`') == ["a", 'b\\"c']
        assert find_string_literals("'a' & ''") == ["a", ""]
        assert find_string_literals("'a' & '") == ["a"]

    @pytest.mark.parametrize(
        ("text", "keys"),
        [
            ("{ 'a': 1, \"b\": { 'c': 2 }, 'd': x ? 'e' : 'f' }", ("a", "b", "d")),
            ("response.{ 'a': [1, { 'b': 2 }], 'c': (d; {'e': 1}) }", ("a", "c")),
            ("($x := 1; { 'a': $x })", ("a",)),
            ("response", ()),
            ("{ 'a': b", ("a",)),
            ("{}", ()),
        ],
    )
    def test_keys_of_the_object_that_is_built(self, text: str, keys: tuple[str, ...]) -> None:
        assert find_object_keys(text) == keys
