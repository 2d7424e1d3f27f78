"""HTML into Markdown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.expressions.own_time import own_time
from tests.unit.functions.running import check, value

BLOCKS = [
    "address", "article", "aside", "canvas", "center", "dir", "dl", "fieldset", "footer", "form", "header",
    "hgroup", "main", "menu", "nav", "noframes", "output", "section", "p", "div",
]  # fmt: skip
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
    ("a <br> b", "a  \nb"),
    ("<p>a </p> b", "a\n\nb"),
    ("a <img src='u'> b", "a ![](u) b"),
    ("<span>a </span> <span> b</span>", "a b"),
    ("<p>x <b> y </b> z</p>", "x **y** z"),
    ("<b>a</b> <b> b</b>", "**a** **b**"),
    ("<i> x </i>", "_x_"),
    ("<b>a </b><p>c</p>", "**a**\n\nc"),
    ("a<b> </b>b", "ab"),
    ("<p><img src='u'></p><p><video></video></p>", "![](u)"),
    ("<p><iframe></iframe></p>x", "x"),
    ("<a></a>b", "b"),
    ("<p><a name='x'></a></p>", ""),
    ("<pre>  a\n\n  b  </pre> c", "  a\n\n  b  \n\nc"),
    ("<pre> <code>a</code></pre>", " `a`"),
    ("<pre></pre>x", "x"),
    ("<div></div>x", "x"),
    ("<div class='highlight-text-py'><p>x</p></div>", "x"),
    ("<div class='highlight-text-py'></div>y", "y"),
    ("<div class='x'><pre>y</pre></div>", "y"),
    ("<h1></h1>x", "x"),
    ("<h3>a</h3>", "### a"),
    ("<h6>b <b>c</b></h6>", "###### b **c**"),
    ("<ol start='x'><li>a</ol>", "1.  a"),
    ("<ol start='9'><li>a<li>b</ol>", "9.  a\n10.  b"),
    ("<ul><li>a</li></ul><p>b</p>", "*   a\n\nb"),
    ("<li>a</li>", "*   a"),
    ("<ul><li>a<p>b</p></li><li>c</li></ul>", "*   a\n    \n    b\n    \n*   c"),
    ("<ul><li>a</li>text<li>b</li></ul>", "*   a\ntext*   b"),
    ("<div><ul><li>a</li></ul></div>", "*   a"),
    ("<ul><li><ul><li>a</li></ul></li></ul>", "*   *   a"),
    ("<ol><li>a<ol><li>b</li></ol></li></ol>", "1.  a\n    1.  b"),
    ("<blockquote></blockquote>x", "x"),
    ("<blockquote>a<blockquote>b</blockquote></blockquote>", "> a\n> \n> > b"),
    (
        "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>b</td></tr></tbody><tfoot><tr><td>c</td></tr></tfoot></table>",
        "| a   |\n| --- |\n| b   |\n| c   |",
    ),
    (
        "<table><tr><th colspan=2>a</th></tr><tr><td>b</td><td>c</td></tr></table>",
        "| a   |   |\n| --- | --- |\n| b   | c   |",
    ),
    ("<table><tr><td colspan=0>a</td></tr></table>", "| a   |\n| --- |"),
    ("<table><tr><td colspan=x>a</td></tr></table>", "| a   |\n| --- |"),
    ("<table><tr></tr><tr><td>a</td></tr></table>", "| a   |\n| --- |"),
    ("<table><caption>t</caption><tr><td>a</td></tr></table>", "| a   |\n| --- |"),
    ("<table><tr><td>long cell</td><td></td></tr></table>", "| long cell |     |\n| --- | --- |"),
    ("<img src='u' alt='a\n\n\nb' title='t'>", '![a\nb](u "t")'),
    ("<a href='u' title='a\"b\n\nc'>x</a>", '[x](u "a\\"b\nc")'),
    ("<a href='u'> x </a>", "[x](u)"),
    ("<code></code>x", "x"),
    ("<code> a </code>", "`a`"),
    ("<code>`a</code>", "`` `a ``"),
    ("<code>a\nb</code>", "`a b`"),
    ("<code>a``b`c</code>", "```a``b`c```"),
    ("<pre><code>a</code><code>b</code></pre>", "    a"),
    ("<input type='checkbox'>x", "x"),
    ("<ul><li><input type='text'>x</li></ul>", "*   x"),
    ("<ul><li><input type='checkbox' checked></li></ul>", "*   [x]"),
    ("<s>a</s><del>b</del><strike>c</strike>", "~~a~~~~b~~~~c~~"),
    ("<em>a</em><i>b</i><strong>c</strong><b>d</b>", "_a__b_**c****d**"),
    ("<em> </em>x", "x"),
    ("<custom>a</custom><section>b</section>c", "a\n\nb\n\nc"),
    (
        "<p>- a</p><p>+a</p><p>= a</p><p>== b</p><p>1.a</p><p>~~~ c</p><p>a - b</p><p>####### d</p>",
        "\\- a\n\n+a\n\n\\= a\n\n\\== b\n\n1.a\n\n\\~~~ c\n\na - b\n\n####### d",
    ),
    ("<code>*a*_b_</code>", "`*a*_b_`"),
    ("<code>a <b>*c*</b></code>", "`a ***c***`"),
    ("<!DOCTYPE html><html><head></head><body>x</body></html>", "x"),
    ("a&nbsp;b &nbsp; c", "a\xa0b \xa0 c"),
    ("<b>&nbsp;a&nbsp;</b>b", "\xa0**a**\xa0b"),
    ("x<b>&nbsp;a</b> <i>&nbsp;b</i>", "x\xa0**a** \xa0_b_"),
    ("<p>a</p>\n\n\n<p>b</p>", "a\n\nb"),
    ("a<hr>b", "a\n\n* * *\n\nb"),
    ("a<br><br>b", "a  \n  \nb"),
    ("<span></span>a<span> </span>b", "ab"),
    ("<td>a</td>", "a"),
    ("<p><a href='u'></a></p>", "[](u)"),
    ("<a href='u' title>x</a>", "[x](u)"),
    ("<ul><li>a<ul><li>b</li></ul>c</li></ul>", "*   a\n    *   bc"),
    ("<ul><li>a<ul><li>b</li></ul><p>c</p></li></ul>", "*   a\n    \n    *   b\n    \n    c"),
    ("<ul><li>a<ul><li>b</li></ul><!-- c --></li></ul>", "*   a\n    *   b"),
    ("<pre><!-- c --><code>a</code></pre>", "    a"),
    ("<pre>" * 40 + "a", "a"),
    ("<table><tr><td>" * 2 + "a", "| \\| a   \\| \\| --- \\| |\n| --- |"),
    ("<table><tr><td>a</td><script>b</script></tr></table>", "| a   |\n| --- |"),
    ("<table><tr><td>a</td></tr><template><tr><td>b</td></tr></template></table>", "| a   |\n| --- |"),
    ("<table><tbody><tr><td><p>a</p><p>b</p></td></tr></tbody></table>", "| a b |\n| --- |"),
    ("<ul><li>a</li><li></li><li>b</li></ul>", "*   a\n\n*   b"),
    ("<ul> <li> a </li> <li> b </li> </ul>", "*   a\n*   b"),
    ("<p>a<br> b</p>", "a  \nb"),
    ("<p>a <br>b</p>", "a  \nb"),
    ("<script></script>x", "x"),
    ("<audio></audio>y", "y"),
    ("<h2>Ab</h2>text", "Ab\n--\n\ntext"),
    ("<area><p>x</p>", "x"),
    ("x <wbr> y", "x  y"),
    ("<p>a <input> b</p>", "a  b"),
    ("<p>a <img> b</p>", "a  b"),
    *(
        (f"<p>{void}</p>a", "a")
        for void in ("<area>", "<embed>", "<input>", "<wbr>", "<keygen>", "<source>", "<track>")
    ),
    *((f"a <{void}> b", "a  b") for void in ("area", "embed", "img", "input", "keygen", "wbr")),
    *((f"a<{block}>b</{block}>c", "a\n\nb\n\nc") for block in BLOCKS),
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


@pytest.mark.walk(share=0.25)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_html_ends_soon(name: str) -> None:
    html, expected = HOSTILE[name]
    with own_time():
        assert value("$convertHtmlToMarkdown(h)", {"h": html}) == expected
