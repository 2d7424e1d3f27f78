"""HTML into Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.expressions.own_time import own_time
from tests.unit.functions.running import check, value

CASES = [
    ("<h1>Title</h1><h2>Sub</h2><h3>Third</h3>", "Title\n=====\n\nSub\n---\n\n### Third"),
    ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "*   a\n    *   b\n*   c"),
    ('<ol start="3"><li>x</li><li>y</li></ol>', "3.  x\n4.  y"),
    ("<ol><li><p>a</p><p>b</p></li><li>c</li></ol>", "1.  a\n    \n    b\n    \n2.  c"),
    ("<b>b</b> <i>i</i> <s>s</s> <code>c</code>", "**b** _i_ ~~s~~ `c`"),
    ("a<br/>b", "a  \nb"),
    ("<p>a</p><hr><p>b</p>", "a\n\n* * *\n\nb"),
    ("<blockquote><p>q</p><p>r</p></blockquote>", "> q\n> \n> r"),
    ("<pre><code>code\nx</code></pre>", "    code\n    x"),
    ('<div class="highlight highlight-source-js"><pre>var x;</pre></div>', "```js\nvar x;\n```"),
    ("<pre>bare\n  pre</pre>", "bare\n  pre"),
    ('<a href="http://x" title="t">l</a>', '[l](http://x "t")'),
    ('<a href="">e</a><a>n</a><a href="(p)">p</a>', "en[p](\\(p\\))"),
    ('<img src="u" alt="a"><img>', "![a](u)"),
    (
        "<table><tr><td>a</td><td>b</td></tr><tr><td>1</td><td>2</td></tr></table>",
        "| a   | b   |\n| --- | --- |\n| 1   | 2   |",
    ),
    ("<table><tr><td>a|b<br>c</td></tr></table>", "| a\\|b c |\n| --- |"),
    ("<table></table><table><tr></tr></table>", ""),
    (
        '<ul><li><input type="checkbox" checked> t</li><li><input type="checkbox"> u</li></ul>',
        "*   [x]  t\n*   [ ]  u",
    ),
    ("<script>var x=1</script>", "var x=1"),
    ("<html><head><title>T</title></head><body>b</body></html>", "T\n\nb"),
    ("<p>  multi   \n space </p>\n\n<p></p>", "multi space"),
    ("<p>a <b>b </b>c<b> d</b>e</p>", "a **b** c **d**e"),
    ("<code>a`b</code> <code>``</code>", "``a`b`` ` `` `"),
    ("<p>1. x</p><p>- x</p><p>+ x</p><p># x</p><p>> x</p>", "1\\. x\n\n\\- x\n\n\\+ x\n\n\\# x\n\n\\> x"),
    ("a*b_c[d]`e`\\", "a\\*b\\_c\\[d\\]\\`e\\`\\\\"),
    ("<p>unclosed <b>x<p>y", "unclosed **x**\n\n**y**"),
    ("<!-- c -->x", "x"),
    ("", ""),
]


@pytest.mark.parametrize(("html", "markdown"), CASES)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    check("$convertHtmlToMarkdown(h)", markdown, {"h": html})


def test_other_values_by_their_text_form() -> None:
    check("$convertHtmlToMarkdown(5)", "5")
    check("$convertHtmlToMarkdown(true)", "true")
    check("$convertHtmlToMarkdown(null)", "")
    check("$convertHtmlToMarkdown(missing)", "")


@given(st.text(alphabet='<>/abpliu ="\n&;', max_size=80))
def test_no_html_is_an_error(html: str) -> None:
    assert isinstance(value("$convertHtmlToMarkdown(h)", {"h": html}), str)


HOSTILE = {
    "bold words": ("<b>x</b>" * 40_000, "**x**" * 40_000),
    "items without an end": (
        "<ol>" + "<li>a" * 20_000,
        "\n".join(f"{number}.  a" for number in range(1, 20_001)),
    ),
    "empty paragraphs": ("<p>" * 40_000, ""),
    "empty lines": ("\n" * 100_000, ""),
    "cells without a table": ("<td>" * 10_000, ""),
}


@pytest.mark.walk(share=0.4)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_ends_soon(name: str) -> None:
    html, expected = HOSTILE[name]
    with own_time():
        assert value("$convertHtmlToMarkdown(h)", {"h": html}) == expected
