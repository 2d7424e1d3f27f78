"""XML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value

DOCUMENT = (
    '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE foo><a x="1"><b>t</b><b>u</b><c/><d>mix<e>1</e>tail</d>'
    '<![CDATA[cd]]><!-- cm --><?pi go?><n:s xmlns:n="u">v</n:s></a>'
)


def test_compact_objects() -> None:
    expected = {
        "_declaration": {"_attributes": {"version": "1.0", "encoding": "utf-8"}},
        "_doctype": "foo",
        "a": {
            "_attributes": {"x": "1"},
            "b": [{"_text": "t"}, {"_text": "u"}],
            "c": {},
            "d": {"_text": ["mix", "tail"], "e": {"_text": "1"}},
            "_cdata": "cd",
            "_comment": " cm ",
            "_instruction": {"pi": "go"},
            "n:s": {"_attributes": {"xmlns:n": "u"}, "_text": "v"},
        },
    }
    check("$xmlToJs(x)", expected, {"x": DOCUMENT})


def test_options_replace_the_defaults() -> None:
    check(
        "$xmlToJs(x, {'compact': false})",
        {
            "elements": [
                {
                    "type": "element",
                    "name": "a",
                    "attributes": {"x": "1"},
                    "elements": [
                        {"type": "element", "name": "b", "elements": [{"type": "text", "text": "t"}]},
                        {"type": "comment", "comment": "c"},
                        {"type": "cdata", "cdata": "d"},
                        {"type": "instruction", "name": "pi", "instruction": "go"},
                    ],
                }
            ]
        },
        {"x": '<a x="1"><b>t</b><!--c--><![CDATA[d]]><?pi go?></a>'},
    )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "{'compact': true, 'nativeType': true, 'trim': true}",
            {"a": {"_attributes": {"x": "1"}, "b": [{"_text": "t"}, {"_text": 2}]}},
        ),
        (
            "{'compact': true, 'alwaysArray': true, 'ignoreAttributes': true}",
            {"a": [{"b": [{"_text": [" t "]}, {"_text": ["2"]}]}]},
        ),
        (
            "{'compact': true, 'alwaysArray': ['a']}",
            {"a": [{"_attributes": {"x": "1"}, "b": [{"_text": " t "}, {"_text": "2"}]}]},
        ),
        (
            "{'compact': true, 'textKey': '$t', 'attributesKey': '$', 'nativeTypeAttributes': true}",
            {"a": {"$": {"x": 1}, "b": [{"$t": " t "}, {"$t": "2"}]}},
        ),
        ("{'compact': true, 'ignoreText': true, 'ignoreAttributes': true}", {"a": {"b": [{}, {}]}}),
        (
            "{'alwaysChildren': true, 'ignoreText': true, 'elementsKey': 'of', 'typeKey': 't',"
            " 'nameKey': 'n'}",
            {
                "of": [
                    {
                        "t": "element",
                        "n": "a",
                        "attributes": {"x": "1"},
                        "of": [{"t": "element", "n": "b", "of": []}, {"t": "element", "n": "b", "of": []}],
                    }
                ]
            },
        ),
    ],
)
def test_reading_options(options: str, expected: object) -> None:
    check(f"$xmlToJs(x, {options})", expected, {"x": '<a x="1"><b> t </b><b>2</b></a>'})


@pytest.mark.parametrize(
    ("declared", "attributes"),
    [
        ('version="1.0"', {"version": "1.0"}),
        ('version="1.0" standalone="no"', {"version": "1.0", "standalone": "no"}),
        (
            'version="1.1" encoding="utf-8" standalone="yes"',
            {"version": "1.1", "encoding": "utf-8", "standalone": "yes"},
        ),
    ],
)
def test_a_declaration_has_what_was_declared(declared: str, attributes: dict[str, str]) -> None:
    data = {"x": f"<?xml {declared}?><a/>"}
    check("$xmlToJs(x)", {"_declaration": {"_attributes": attributes}, "a": {}}, data)
    check("$xmlToJs(x, {'compact': true, 'ignoreDeclaration': true})", {"a": {}}, data)


def test_blank_documents() -> None:
    for blank in ("''", "'  '", "null", "5"):
        check(f"$xmlToJs({blank})", {})
    error("$xmlToJs(missing)")


@pytest.mark.parametrize("xml", ["x", "<a>", "<a></b>", "<a>&nbsp;</a>", "<a><1/></a>", "<a", "<a>\x01</a>"])
def test_what_is_no_xml_is_an_error(xml: str) -> None:
    assert error("$xmlToJs(x)", {"x": xml}).message.startswith("xmlToJs: ")


def test_entities_are_neither_declared_nor_fetched() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "b"><!ENTITY c "&b;&b;">]><a>&c;</a>'
    assert "the document type a holds declarations" in error("$xmlToJs(x)", {"x": bomb}).message
    outside = '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>x</a>'
    check("$xmlToJs(x).a._text", "x", {"x": outside})
    parameter = '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>'
    error("$xmlToJs(x)", {"x": parameter})


def test_attribute_defaults_are_not_expanded() -> None:
    defaults = f'<!DOCTYPE a [<!ATTLIST b c CDATA "{"x" * 1_000}">]><a>{"<b/>" * 1_000}</a>'
    assert "the document type a holds declarations" in error("$xmlToJs(x)", {"x": defaults}).message


def test_writing_compact_objects() -> None:
    check(
        "$jsToXml(o)",
        '<?xml version="1.0"?>\n<a x="1">\n    <b>t</b>\n    <b>5</b>\n    <b>true</b>\n    <b/>\n    <c/>\n'
        "    <d>a&lt;b&amp;c&gt;\"'</d><![CDATA[cd]]>\n    <!--cm-->\n</a>",
        {
            "o": {
                "_declaration": {"_attributes": {"version": "1.0"}},
                "a": {
                    "_attributes": {"x": 1, "gone": None},
                    "b": [{"_text": "t"}, 5, True, None],
                    "c": {},
                    "d": {"_text": "a<b&c>\"'"},
                    "_cdata": "cd",
                    "_comment": "cm",
                },
            }
        },
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("{'a': {'b': 'x', 'c': {}}}, {'compact': true}", "<a><b>x</b><c/></a>"),
        (
            "{'a': {'b': 'x', 'c': {}}}, {'compact': true, 'spaces': 2, 'fullTagEmptyElement': true}",
            "<a>\n  <b>x</b>\n  <c></c>\n</a>",
        ),
        (
            "{'a': {'$': {'q': 1}, '#': 'v'}}, {'compact': true, 'textKey': '#', 'attributesKey': '$'}",
            '<a q="1">v</a>',
        ),
        (
            "{'elements': [{'type': 'element', 'name': 'a', 'elements': [{'type': 'text', 'text': 't'},"
            " {'type': 'element', 'name': 'b'}]}]}, {'spaces': 1}",
            "<a>t\n <b/>\n</a>",
        ),
        (
            "{'elements': [{'type': 'instruction', 'name': 'go', 'instruction': 'there'}]}, {}",
            "<?go there?>",
        ),
        ("{'a': 'x', 'b': ['1', '2']}", "<a>x</a>\n<b>1</b>\n<b>2</b>"),
        ("{'a': {'_attributes': {'x': '\"<&'}}}", '<a x="&quot;&lt;&amp;"/>'),
        ("{'a': null, 'b': false, 'c': 0, 'd': ''}", "<a/>\n<b>false</b>\n<c>0</c>\n<d/>"),
        ("missing", ""),
        ("null", ""),
    ],
)
def test_writing(arguments: str, expected: str) -> None:
    check(f"$jsToXml({arguments})", expected)


def test_a_name_cannot_smuggle_in_markup() -> None:
    error("$jsToXml({'a><b': 1})")
    error("$jsToXml({'a': {'_attributes': {'x y': 1}}})")


TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FFF), min_size=1, max_size=8).filter(
    str.strip
)
TREE = st.recursive(
    st.builds(lambda text: {"_text": text}, TEXT),
    lambda inner: st.dictionaries(
        st.from_regex(r"[a-z]{1,4}", fullmatch=True), inner, min_size=1, max_size=3
    ),
    max_leaves=8,
)


@given(TREE)
def test_reading_undoes_writing(tree: dict[str, object]) -> None:
    assert value("$xmlToJs($jsToXml(o, c))", {"o": {"root": tree}, "c": {"compact": True}}) == {"root": tree}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"_text": "t"}, "<a>t</a>"),
        ({"_cdata": "t"}, "<a><![CDATA[t]]></a>"),
        ({"_instruction": {"t": "u"}}, "<a><?t u?></a>"),
        ({"_comment": "t"}, "<a>\n    <!--t-->\n</a>"),
        ({"_doctype": "t"}, "<a>\n    <!DOCTYPE t>\n</a>"),
        ({"_other": "t"}, "<a>\n    <_other>t</_other>\n</a>"),
    ],
)
def test_each_part_is_written_in_its_line_or_in_one_of_its_own(
    content: dict[str, object], expected: str
) -> None:
    check("$jsToXml(d)", expected, {"d": {"a": content}})


def test_parts_of_unknown_types_are_left_out() -> None:
    parts = [{"type": "other", "name": "x", "other": "y"}, {"type": "element", "name": "a"}]
    check("$jsToXml(d, {'compact': false})", "<a/>", {"d": {"elements": parts}})
