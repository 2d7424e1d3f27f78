"""The placeholder language (docs/reference/placeholders.md): every row of its tables, and edge cases."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import (
    CASTS,
    PlaceholderError,
    UnresolvedPlaceholder,
    compile_template,
    find_placeholders,
)


def render(template: object, **scope: object) -> object:
    return compile_template(template).render(scope)


class TestGrammar:
    @pytest.mark.parametrize(
        "text",
        [
            "{{a[0].b}}",
            "{{a['b']}}",
            "{{$a}}",
            "{{a,b}}",
            "{{a@b}}",
            "{{a.*}}",
            "{a}",
            "{{a}",
            "{{}}",
            "{{a(b)}}",
            "no placeholder at all",
            "",
        ],
    )
    def test_what_is_outside_the_grammar_is_plain_text(self, text: str) -> None:
        template = compile_template(text)
        assert template.is_static
        assert template.render({"a": "value"}) == text

    def test_braces_around_a_placeholder_stay(self) -> None:
        assert render("{{{a}}}", a="x") == "{x}"

    def test_paths_and_casts_of_alternatives_are_trimmed(self) -> None:
        assert render("{{ a.b : int | c }}", a={"b": "7"}) == 7
        assert render("{{a | c }}", c="z") == "z"

    def test_the_default_and_its_cast_are_not_trimmed(self) -> None:
        assert render("{{x ?: v}}") == " v"
        with pytest.raises(PlaceholderError, match='Unsupported type " int"'):
            render("{{x?:1: int}}")

    def test_only_two_pieces_around_the_question_mark_count(self) -> None:
        assert render("{{x?:a?:b}}") == "a"

    def test_an_empty_default_is_none(self) -> None:
        assert render("{{x?:}}") == "{{x?:}}"

    def test_a_colon_before_a_digit_in_a_default_reads_as_a_cast(self) -> None:
        with pytest.raises(PlaceholderError, match='"8080"'):
            render("{{x?:http://h:8080}}")

    def test_a_colon_before_a_slash_in_a_default_is_text(self) -> None:
        assert render("{{x?:https://desk.example/v2}}") == "https://desk.example/v2"

    def test_keys_of_objects_are_not_templated(self) -> None:
        assert render({"{{a}}": "{{a}}"}, a="x") == {"{{a}}": "x"}

    def test_indexes_count_into_arrays_from_either_end(self) -> None:
        assert render("{{l.0}} {{l.1.k}} {{l.-1.k}}", l=["a", {"k": "b"}]) == "a b b"
        assert render("{{l.2}}", l=["a"]) == "{{l.2}}"
        assert render("{{l.-2}}", l=["a"]) == "{{l.-2}}"

    def test_a_path_through_a_scalar_or_null_finds_nothing(self) -> None:
        assert render("{{a.b?:d}}", a="text") == "d"
        assert render("{{a.b?:d}}", a=None) == "d"

    def test_find_gives_offsets(self) -> None:
        assert [(at, item.text) for at, item in find_placeholders("x{{a}}y{{b:int}}")] == [
            (1, "{{a}}"),
            (7, "{{b:int}}"),
        ]


class TestResolution:
    def test_the_first_alternative_with_a_value_wins_with_its_own_cast(self) -> None:
        assert render("{{p.q:str|r:int}}", r=4) == 4
        assert render("{{p:int|q}}", p="1", q="x") == 1

    def test_null_stops_the_scan_and_the_default(self) -> None:
        assert render("{{p|q}}", p=None, q="x") is None
        assert render("{{p|q?:d}}", p=None) is None

    def test_an_empty_string_stops_the_scan_without_the_flag(self) -> None:
        assert render("{{p|q}}", p="", q="z") == ""

    @pytest.mark.parametrize("template", ["{{p:ignore-empty-str|q}}", "{{p|q:ignore-empty-str}}"])
    def test_the_flag_on_any_alternative_skips_empty_strings(self, template: str) -> None:
        assert render(template, p="", q="z") == "z"
        assert render(template, p="") == template

    def test_the_flag_reaches_the_default(self) -> None:
        assert render("{{p:ignore-empty-str?:d}}", p="") == "d"

    def test_the_default_beats_the_flags(self) -> None:
        assert render("{{p:null?:d}}") == "d"
        assert render("{{p:undefined?:d}}") == "d"

    def test_undefined_drops_a_whole_string_and_empties_an_embedded_one(self) -> None:
        assert render("{{p|q:undefined}}") is UNDEFINED
        assert render("x {{p:undefined}} {{q}}", q="y") == "x  y"

    def test_null_gives_null_whole_and_its_text_embedded(self) -> None:
        assert render("{{p:int:null}}") is None
        assert render("a {{p:int:null}} b") == "a null b"

    def test_undefined_beats_null(self) -> None:
        assert render("{{p:null|q:undefined}}") is UNDEFINED

    def test_a_flag_after_a_blank_is_not_a_flag(self) -> None:
        assert render("{{p:int: null}}") == "{{p:int: null}}"

    def test_nothing_found_leaves_the_text(self) -> None:
        assert render("{{p}}") == "{{p}}"
        assert render("a {{ p | q }} b") == "a {{ p | q }} b"

    def test_an_embedded_null_is_its_text(self) -> None:
        assert render("a {{p}}", p=None) == "a null"


class TestCasts:
    @pytest.mark.parametrize(
        ("template", "value", "expected"),
        [
            ("{{v}}", True, "true"),
            ("{{v}}", 1, "1"),
            ("{{v:str}}", {"a": 1}, "[object Object]"),
            ("{{v}}", ["a", 1, None, True], "a,1,null,true"),
            ("{{v}}", [["a", "b"], "c"], "a,b,c"),
            ("{{v}}", " a ", " a "),
            ("{{v}}", 1.5, "1.5"),
            ("{{v}}", 2.0, "2"),
            ("{{v}}", 1e21, "1e+21"),
            ("{{v}}", 0.00001, "0.00001"),
            ("{{v}}", 1e-7, "1e-7"),
            ("{{v}}", float("inf"), "Infinity"),
            ("{{v}}", float("-inf"), "-Infinity"),
            ("{{v}}", float("nan"), "NaN"),
            ("{{v}}", 123456789012345680000.0, "123456789012345683968"),
            ("{{v:int}}", "1", 1),
            ("{{v:int}}", "1.1", 1),
            ("{{v:int}}", "12kg", 12),
            ("{{v:int}}", 1.9, 1),
            ("{{v:int}}", -1.9, -1),
            ("{{v:int}}", " 5 ", 5),
            ("{{v:int}}", "blah", "blah"),
            ("{{v:int}}", " blah ", "blah"),
            ("{{v:int}}", "", ""),
            ("{{v:int}}", True, True),
            ("{{v:int}}", "9" * 5000, "9" * 5000),
            ("{{v:num}}", "9" * 5000, "9" * 5000),
            ("{{v:num}}", "1.5e3x", 1500),
            ("{{v:num}}", "1.34", 1.34),
            ("{{v:num}}", ".5", 0.5),
            ("{{v:num}}", 1.1, 1.1),
            ("{{v:num}}", "blah", "blah"),
            ("{{v:bool}}", "true", True),
            ("{{v:bool}}", " false ", False),
            ("{{v:bool}}", True, True),
            ("{{v:bool}}", "TRUE", "TRUE"),
            ("{{v:bool}}", 1, 1),
            ("{{v:json}}", {"a": [1]}, {"a": [1]}),
            ("{{v:json}}", "5", 5),
            ("{{v:json}}", '{"a": null}', {"a": None}),
            ("{{v:json}}", " {a ", "{a"),
            ("{{v:json}}", "NaN", "NaN"),
            ("{{v:json}}", 7, 7),
            ("{{v:any}}", [1, 2], [1, 2]),
            ("{{v:any}}", " a ", "a"),
            ("{{v:undefined}}", 5, 5),
            ("{{v:ignore-empty-str}}", 5, 5),
            ("{{v:null}}", "null", None),
            ("{{v:null}}", "other", "other"),
        ],
    )
    def test_a_whole_string_keeps_the_type_of_its_cast(
        self, template: str, value: object, expected: object
    ) -> None:
        result = render(template, v=value)
        assert result == expected
        assert type(result) is type(expected)

    @pytest.mark.parametrize(
        ("template", "value", "expected"),
        [
            ("a {{v:int}} b", "1", "a 1 b"),
            ("a {{v:json}} b", '{"x":1}', 'a {"x":1} b'),
            ("a {{v:any}} b", {"x": 1}, "a [object Object] b"),
            ("a {{v:any}} b", [1, "c"], "a 1,c b"),
            ("a {{v:null}} b", "other", "a null b"),
            ("a {{v:null}} b", 3, "a null b"),
            ("a {{v:bool}} b", "true", "a true b"),
        ],
    )
    def test_an_embedded_placeholder_is_text(self, template: str, value: object, expected: str) -> None:
        assert render(template, v=value) == expected

    @pytest.mark.parametrize("name", ["str", "int", "num", "bool", "json", "any", "null"])
    def test_null_and_bytes_pass_every_cast(self, name: str) -> None:
        assert render(f"{{{{v:{name}}}}}", v=None) is None
        assert render(f"{{{{v:{name}}}}}", v=b"\x00\xff") == b"\x00\xff"

    def test_an_unknown_cast_is_an_error_once_there_is_a_value(self) -> None:
        assert render("{{v:date}}") == "{{v:date}}"
        with pytest.raises(PlaceholderError, match='Unsupported type "date"'):
            render("{{v:date}}", v="2026")

    def test_deeply_nested_json_text_falls_back_to_the_text(self) -> None:
        text = "[" * 100_000
        assert render("{{v:json}}", v=text) == text

    def test_an_array_that_is_nested_too_deeply_is_no_text(self) -> None:
        value: list[object] = []
        for _ in range(100_000):
            value = [value]
        with pytest.raises(PlaceholderError, match="too deeply"):
            render("{{v}}", v=value)
        assert render("{{v:any}}", v=value) is value

    def test_a_path_of_indexes_gives_text(self) -> None:
        assert render("{{l.0.k}}", l=[{"k": 7}]) == "7"

    def test_a_default_is_cast(self) -> None:
        assert render("{{p?: false:bool}}") is False
        assert render("{{p?:12:int}}") == 12
        assert render("{{p?:1.5:num}}") == 1.5


class TestContainers:
    def test_leaves_are_rendered_at_any_depth(self) -> None:
        assert render({"a": [{"b": "{{x}}"}], "c": 1, "d": None}, x="y") == {
            "a": [{"b": "y"}],
            "c": 1,
            "d": None,
        }

    @pytest.mark.parametrize("value", [1, 1.5, True, None])
    def test_a_top_level_scalar_comes_back(self, value: object) -> None:
        assert render(value) is value

    def test_undefined_leaves_leave_objects_and_are_null_in_arrays(self) -> None:
        assert render({"a": "{{p:undefined}}", "b": ["{{p:undefined}}", "x"]}) == {"b": [None, "x"]}

    def test_a_static_template_gives_its_source_itself(self) -> None:
        source = {"a": [1, {"b": "c"}]}
        template = compile_template(source)
        assert template.is_static
        assert template.render({}) is source

    def test_injected_objects_are_not_walked(self) -> None:
        assert render({"a": "{{o:json}}"}, o={"b": "{{x}}"}, x="y") == {"a": {"b": "{{x}}"}}

    def test_inserted_text_is_not_read_again(self) -> None:
        assert render("{{a}} {{b}}", a="{{b}} $&", b="x") == "{{b}} $& x"


class TestMerge:
    def test_merges_deep_over_the_siblings_and_disappears(self) -> None:
        template = {"a": {"x": 1, "y": 2}, "$truto_merge": "{{o:json}}"}
        assert render(template, o={"a": {"y": 3}, "b": 4}) == {"a": {"x": 1, "y": 3}, "b": 4}

    def test_several_merge_in_order(self) -> None:
        template = {"a": 1, "$truto_merge": ["{{o:json}}", "{{p:json}}"]}
        assert render(template, o={"a": 2, "b": 2}, p={"b": 3}) == {"a": 2, "b": 3}

    def test_siblings_are_resolved_first_and_alternatives_work(self) -> None:
        template = {"a": "{{x}}", "$truto_merge": "{{nope:json|o:json}}"}
        assert render(template, x="y", o={"b": 1}) == {"a": "y", "b": 1}

    @pytest.mark.parametrize("value", [None, "text", [1, 2], 5, UNDEFINED, {}])
    def test_what_is_no_object_is_skipped(self, value: object) -> None:
        assert render({"a": 1, "$truto_merge": "{{o:json}}"}, o=value) == {"a": 1}

    def test_arrays_are_concatenated(self) -> None:
        template = {"tags": ["a"], "$truto_merge": "{{o:json}}"}
        assert render(template, o={"tags": ["b"]}) == {"tags": ["a", "b"]}

    def test_nested_merges_work(self) -> None:
        template = {"in": {"a": 1, "$truto_merge": "{{p:json}}"}, "$truto_merge": "{{o:json}}"}
        assert render(template, p={"b": 2}, o={"c": 3}) == {"in": {"a": 1, "b": 2}, "c": 3}

    def test_rendering_twice_starts_from_the_source(self) -> None:
        template = compile_template({"a": {"x": []}, "$truto_merge": "{{o:json}}"})
        for _ in range(2):
            assert template.render({"o": {"a": {"x": [1]}}}) == {"a": {"x": [1]}}


class TestWaysToRender:
    def test_strict_names_the_placeholder(self) -> None:
        with pytest.raises(UnresolvedPlaceholder) as caught:
            compile_template("https://{{ sub }}.example").render_strict({})
        assert caught.value.name == " sub "
        assert "{{ sub }}" in caught.value.message

    def test_strict_accepts_defaults_and_flags(self) -> None:
        assert compile_template("/{{a?:b}}/{{c:undefined}}").render_strict({}) == "/b/"

    def test_encode_sees_the_path_value_and_text_and_not_defaults(self) -> None:
        seen: list[tuple[tuple[str, ...], object, str]] = []

        def encode(path: tuple[str, ...], value: object, text: str) -> str:
            seen.append((path, value, text))
            return f"<{text}>"

        template = compile_template("/{{query.a:int}}/{{id}}/{{x?:d}}")
        assert template.render_strict({"query": {"a": "7 "}, "id": "a b"}, encode=encode) == "/<7>/<a b>/d"
        assert seen == [(("query", "a"), "7 ", "7"), (("id",), "a b", "a b")]

    def test_or_undefined_drops_strings_with_a_placeholder_without_a_value(self) -> None:
        template = compile_template({"a": "{{p}}", "b": "x{{p}}", "c": "{{q}}"})
        assert template.render_or_undefined({"q": "y"}) == {"c": "y"}
        assert compile_template("x{{p}}").render_or_undefined({}) is UNDEFINED

    def test_or_empty_empties(self) -> None:
        assert compile_template("{{p}}").render_or_empty({}) == ""
        assert compile_template("{{p}}/token").render_or_empty({}) == "/token"

    def test_repr_shows_no_text(self) -> None:
        assert repr(compile_template("Bearer s3cret")) == "Template(static)"
        assert repr(compile_template("s3cret {{a:int}}")) == "Template({{a:int}})"

    def test_placeholders_are_listed_with_roots(self) -> None:
        template = compile_template({"a": ["{{b.c|d}}"], "$truto_merge": "{{e:json}}"})
        assert [sorted(item.roots) for item in template.placeholders] == [["b", "d"], ["e"]]


@given(st.text())
def test_any_text_without_braces_is_itself(text: str) -> None:
    if "{{" not in text:
        assert render(text) == text


@given(st.text(alphabet="{}ab.:|?- \n", max_size=40))
def test_compiling_never_fails_and_rendering_fails_only_for_unknown_casts(text: str) -> None:
    template = compile_template(text)
    casts = {alternative.cast for item in template.placeholders for alternative in item.alternatives}
    casts |= {item.default_cast for item in template.placeholders}
    if casts <= CASTS:
        template.render({"a": {"b": 1}, "b": ""})
    else:
        with contextlib.suppress(PlaceholderError):
            template.render({"a": {"b": 1}, "b": ""})
