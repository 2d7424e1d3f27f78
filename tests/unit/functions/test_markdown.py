"""From Markdown into other formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.expressions.own_time import own_time
from tests.unit.functions.running import check, error, value

from isthmus.expressions import Limits
from isthmus.expressions.functions.markdown.inline import parse_inline
from isthmus.expressions.javascript import count_utf16_units

_TABLE = json.loads((Path(__file__).parent / "markdown_cases.json").read_text(encoding="utf-8"))
CASES = [
    pytest.param(function, _TABLE["sources"][name], expected, id=f"{function}-{name}")
    for function, cases in _TABLE["expected"].items()
    for name, expected in cases.items()
]


@pytest.mark.parametrize(("function", "source", "expected"), CASES)
def test_each_format_has_the_shapes_that_its_product_receives(
    function: str, source: str, expected: object
) -> None:
    assert json.loads(json.dumps(value(f"${function}(d)", {"d": source}))) == expected


@pytest.mark.parametrize(
    "function",
    [
        "convertMarkdownToAdf",
        "convertMarkdownToGoogleDocs",
        "convertMarkdownToNotion",
        "convertMarkdownToSlack",
    ],
)
@pytest.mark.parametrize("argument", ["missing", "null", "5", "[]"])
def test_anything_but_text_is_an_error(function: str, argument: str) -> None:
    error(f"${function}({argument})")


def test_html_says_what_it_was_given() -> None:
    for nothing in ("missing", "null"):
        message = error(f"$convertMarkdownToHtml({nothing})").message
        assert message == "marked(): input parameter is undefined or null"
    message = error("$convertMarkdownToHtml(5)").message
    assert message == "marked(): input parameter is of type [object Number], string expected"


@pytest.mark.parametrize(
    ("function", "source", "expected"),
    [
        ("Html", "a\\", "<p>a\\</p>\n"),
        ("Html", "- # [x] a", "<ul>\n<li><h1>[x] a</h1>\n</li>\n</ul>\n"),
        ("Notion", "[a]: http://x", {"children": []}),
        (
            "Slack",
            "-     c\n\n\n- b",
            [{"type": "section", "text": {"type": "mrkdwn", "text": "•     -     c\n\n• b"}}],
        ),
    ],
)
def test_marks_that_mark_nothing_change_nothing(function: str, source: str, expected: object) -> None:
    check(f"$convertMarkdownTo{function}(d)", expected, {"d": source})


def test_html_option_breaks() -> None:
    check("$convertMarkdownToHtml('a\\nb', {'breaks': true})", "<p>a<br>b</p>\n")


def test_notion_texts_hold_2000_units_and_cut_no_character() -> None:
    texts = value(
        "$convertMarkdownToNotion(d).children[0].paragraph.rich_text.text.content", {"d": "😀" * 1500}
    )
    assert isinstance(texts, list)
    assert [count_utf16_units(text) for text in texts] == [2000, 1000]


def test_google_docs_starts_where_it_is_told_and_forgets_the_tabs() -> None:
    check("$convertMarkdownToGoogleDocs('a', 7).requests[0].insertText.location.index", 7)
    source = "- a\n  - **b**\n\n**c** _d_\n\n- x\n  - y\n\n# H"
    check(
        "$convertMarkdownToGoogleDocs(d).requests.*.range.(startIndex & '-' & endIndex)",
        ["12-16", "1-5", "3-4", "6-7", "8-9", "16-17"],
        {"d": source},
    )


NODES = {
    "doc": {
        "heading",
        "paragraph",
        "bulletList",
        "orderedList",
        "blockquote",
        "codeBlock",
        "rule",
        "table",
        "mediaSingle",
    },
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": {
        "paragraph",
        "bulletList",
        "orderedList",
        "codeBlock",
        "mediaSingle",
        "blockquote",
        "heading",
        "rule",
        "table",
    },
    "blockquote": {
        "paragraph",
        "bulletList",
        "orderedList",
        "codeBlock",
        "mediaSingle",
        "blockquote",
        "heading",
        "rule",
        "table",
    },
    "table": {"tableRow"},
    "tableRow": {"tableHeader", "tableCell"},
    "tableHeader": {"paragraph"},
    "tableCell": {"paragraph"},
    "mediaSingle": {"media"},
    "heading": {"text", "hardBreak"},
    "paragraph": {"text", "hardBreak"},
    "codeBlock": {"text"},
}


def _assert_document(node: dict[str, object]) -> None:
    content = node.get("content", [])
    assert isinstance(content, list)
    for child in content:
        assert child["type"] in NODES[str(node["type"])], f"{child['type']} in {node['type']}"
        assert child["type"] != "text" or child["text"]
        if child["type"] in NODES:
            _assert_document(child)
    if node["type"] in {"listItem", "blockquote", "tableRow", "table", "bulletList", "orderedList"}:
        assert content


MARKDOWN = st.lists(
    st.sampled_from(
        [
            "# h",
            "a **b** _c_",
            "- x",
            "  - y",
            "1. z",
            "> q",
            "```",
            "---",
            "| a | b |",
            "|---|---|",
            "",
            "![i](u)",
            "- [x] t",
            "<b>",
            "    code",
            "\\*",
            "[l](u)",
        ]
    ),
    max_size=14,
).map("\n".join)


@given(MARKDOWN)
def test_adf_is_well_formed_whatever_the_markdown(source: str) -> None:
    document = value("$convertMarkdownToAdf(d)", {"d": source})
    assert isinstance(document, dict)
    assert (document["version"], document["type"]) == (1, "doc")
    _assert_document(document)


@given(MARKDOWN)
def test_every_format_takes_any_markdown(source: str) -> None:
    for name in ("Html", "Notion", "Slack", "GoogleDocs"):
        value(f"$convertMarkdownTo{name}(d)", {"d": source})


@given(st.text(alphabet="ab *_`~[]()!<>\\\n.&:/@w", max_size=40))
def test_inline_tokens_cover_their_source(source: str) -> None:
    assert "".join(token.raw for token in parse_inline(source, {})) == source


HOSTILE = {
    "openings of emphasis": ("*a " * 20_000, "<p>" + " ".join(["*a"] * 20_000) + "</p>\n"),
    "openings of links": ("[" * 20_000, "<p>" + "[" * 20_000 + "</p>\n"),
    "spans of code": ("```" + "a`" * 20_000, "<p>```" + "a<code>a</code>" * 10_000 + "</p>\n"),
    "openings of deletions": ("~a " * 20_000, "<p>" + " ".join(["~a"] * 20_000) + "</p>\n"),
    "quotes in quotes, of which 100 are read": (
        "> " * 500 + "a",
        "<blockquote>\n" * 100 + "</blockquote>\n" * 100,
    ),
    "openings of tags": ("<a " * 20_000, "<p>" + " ".join(["&lt;a"] * 20_000) + "</p>\n"),
    "one long rule": ("**" * 20_000, "<hr>\n"),
    "emphasis": ("*a* " * 40_000, "<p>" + " ".join(["<em>a</em>"] * 40_000) + "</p>\n"),
    "two kinds of emphasis": ("a*b_" * 40_000, "<p>" + "a<em>b_a</em>b_" * 20_000 + "</p>\n"),
    "links in links": ("[a](" * 40_000, "<p>" + "[a](" * 40_000 + "</p>\n"),
    "titles without an end": ('[a](b "' * 20_000, "<p>" + "[a](b &quot;" * 20_000 + "</p>\n"),
    "instructions without an end": ("<? " * 40_000, "<? " * 40_000),
    "an address and parentheses": (
        "http://a" + ")" * 100_000,
        '<p><a href="http://a">http://a</a>' + ")" * 100_000 + "</p>\n",
    ),
    "an address without a host": ("a" * 200_000 + "@", "<p>" + "a" * 200_000 + "@</p>\n"),
}


SOON = Limits(seconds=20)
"""Eight times what the slowest takes alone. A neighbour on the same core doubles the processor time; work
that is quadratic in these texts takes minutes."""


@pytest.mark.walk(share=0.25)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_markdown_ends_soon(name: str) -> None:
    source, expected = HOSTILE[name]
    with own_time():
        assert value("$convertMarkdownToHtml(d)", {"d": source}, limits=SOON) == expected
