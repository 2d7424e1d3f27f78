"""Generates cases of functions that take documents: Markdown, Notion, HTML, XML, CSV, SQL, text to split."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

Make = Callable[[random.Random], tuple[str, Mapping[str, Any]]]

INLINES = (
    "word",
    "two words",
    "**bold**",
    "_em_",
    "*em*",
    "`code`",
    "~~del~~",
    "[link](http://a.b/c)",
    "![img](http://a.b/i.png)",
    "http://a.b/c",
    "a & b",
    "5 < 6",
    "it's",
    '"q"',
    "**b _i_**",
    "a_b_c",
    "&amp;",
    "x\\*y",
    "<br>",
    "me@x.com",
    "😀",
    "1.5",
)


NOTION = (
    "paragraph",
    "heading_1",
    "heading_2",
    "heading_3",
    "bulleted_list_item",
    "numbered_list_item",
    "to_do",
    "quote",
    "callout",
    "divider",
    "image",
    "file",
    "embed",
    "equation",
    "toggle",
)
TAGS = "p p div b i em strong del code h1 h2 h3 blockquote span a ul ol br hr img".split()  # noqa: SIM905  # short
SQL_FLAGS = (
    "useOrForIn",
    "noSpaceBetweenOperator",
    "groupComparisonInBrackets",
    "useDoubleQuotes",
    "noQuotes",
    "noQuotesForDate",
    "escapeSingleQuotes",
)


def line(r: random.Random) -> str:
    """Generates a line of Markdown."""
    return " ".join(r.choice(INLINES) for _ in range(r.randrange(1, 4)))


def block(r: random.Random) -> str:
    """Generates a block of Markdown."""
    kind = r.randrange(10)
    if kind < 3:
        return "\n".join(line(r) for _ in range(r.randrange(1, 3)))
    if kind == 3:
        return "#" * r.randrange(1, 5) + " " + line(r)
    if kind == 4:
        marks = r.choice([["- "], ["1. ", "2. "], ["- [ ] ", "- [x] "]])
        items = [marks[i % len(marks)] + line(r) for i in range(r.randrange(1, 4))]
        if r.random() < 0.4:
            items.insert(r.randrange(1, len(items) + 1), "   - " + line(r))
        return "\n".join(items)
    if kind == 5:
        return "\n".join("> " + line(r) for _ in range(r.randrange(1, 3)))
    if kind == 6:
        source = r.choice(["x = 1", "a\n\nb", ""])
        return f"```{r.choice(['', 'js'])}\n{source}\n```"
    if kind == 7:
        return "---"
    if kind == 8:
        return "| h | i |\n|---|---|\n" + "\n".join(
            f"| {r.choice(INLINES[:5])} | 2 |" for _ in range(r.randrange(1, 3))
        )
    return line(r)


def markdown(r: random.Random) -> str:
    """Generates a Markdown document."""
    return (
        r.choice(["", "", "\n"])
        + r.choice(["\n\n", "\n\n", "\n\n\n"]).join(block(r) for _ in range(r.randrange(1, 5)))
        + r.choice(["", "\n"])
    )


def rich_text(r: random.Random) -> list[Any]:
    """Generates rich text, as Notion has it."""
    return [
        {
            "type": "text",
            "plain_text": r.choice(["a", "b c", "x\ny", "d"]),
            "annotations": {
                name: r.random() < 0.2 for name in ("bold", "italic", "strikethrough", "underline", "code")
            },
            "href": r.choice([None, None, None, "http://a.b", "/page"]),
        }
        for _ in range(r.randrange(1, 3))
    ]


def notion_block(r: random.Random, identity: int) -> dict[str, Any]:
    """Generates a block of Notion with this id."""
    kind = r.choice(NOTION)
    body: dict[str, Any] = {"rich_text": rich_text(r)}
    if kind == "to_do":
        body["checked"] = r.random() < 0.5
    elif kind in {"image", "file"}:
        body = {
            "type": "external",
            "external": {"url": "http://u"},
            "caption": r.choice([[], rich_text(r)[:1]]),
        }
    elif kind == "embed":
        body = {"url": "http://e", "caption": []}
    elif kind == "equation":
        body = {"expression": "e=mc"}
    elif kind == "divider":
        body = {}
    return {
        "id": str(identity),
        "type": kind,
        kind: body,
        "has_children": False,
        "parent": {"type": "page_id"},
    }


def html(r: random.Random, depth: int = 3) -> str:
    """Generates HTML, nested at most `depth` levels."""
    if depth == 0 or r.random() < 0.3:
        return r.choice(
            ["text", " spaced ", "a & b", "*star*", "1. x", "line\nbreak", "&lt;x&gt;", "_u_", "end. "]
        )
    inner = "".join(html(r, depth - 1) for _ in range(r.randrange(1, 3)))
    tag = r.choice(TAGS)
    if tag in {"br", "hr"}:
        return f"<{tag}>"
    if tag == "img":
        return '<img src="u" alt="alt">'
    if tag in {"ul", "ol"}:
        return (
            f"<{tag}>"
            + "".join(f"<li>{html(r, depth - 1)}</li>" for _ in range(r.randrange(1, 4)))
            + f"</{tag}>"
        )
    href = ' href="http://a.b"' if tag == "a" else ""
    return f"<{tag}{href}>{inner}</{tag}>"


def xml(r: random.Random, depth: int = 3) -> str:
    """Generates XML, nested at most `depth` levels."""
    name = r.choice(["a", "b", "n:c"])
    attributes = "".join(
        f' {key}="{r.choice(["1", "x", "&amp;"])}"' for key in r.sample(["x", "y"], r.randrange(3))
    )
    if depth == 0 or r.random() < 0.2:
        return f"<{name}{attributes}/>"
    inner = "".join(_xml_part(r, depth - 1) for _ in range(r.randrange(3)))
    return f"<{name}{attributes}>{inner}</{name}>"


def tree(r: random.Random, depth: int = 3) -> Any:
    """Generates a value to be written as XML."""
    if depth == 0 or r.random() < 0.3:
        return r.choice(["t", 5, True, "a < b", {}, "", None])
    made: dict[str, Any] = {r.choice(["a", "b", "c"]): tree(r, depth - 1) for _ in range(r.randrange(1, 4))}
    if r.random() < 0.3:
        made["_attributes"] = {"x": r.choice(["1", 2, "q"])}
    if r.random() < 0.2:
        made["d"] = [tree(r, 0) for _ in range(2)]
    return made


def rows(r: random.Random) -> list[Any]:
    """Generates rows to be written as CSV."""
    cells = ["x", 'q"q', 1, 1.5, True, None, {"k": 1}, [1, "a"], "", "a,b", "=1+1"]
    return [
        {key: r.choice(cells) for key in r.sample(["a", "b", "c", "d"], r.randrange(1, 5))}
        for _ in range(r.randrange(2, 5))
    ]


def csv_options(r: random.Random) -> dict[str, Any]:
    """Generates options of the CSV functions."""
    made: dict[str, Any] = {}
    if r.random() < 0.3:
        made["fields"] = r.choice(
            [["a", "b"], ["a", {"label": "L", "value": "c.k"}], [{"value": "zz", "default": "d"}]]
        )
    if r.random() < 0.3:
        made["delimiter"] = r.choice([";", "\t"])
    if r.random() < 0.2:
        made["header"] = False
    if r.random() < 0.2:
        made["eol"] = "\r\n"
    if r.random() < 0.2:
        made["withBOM"] = True
    return made


def filters(r: random.Random) -> dict[str, Any]:
    """Generates filters of an SQL query."""
    return {key: _filter(r) for key in r.sample(["a", "b", "c", "d"], r.randrange(1, 4))}


def sql_options(r: random.Random) -> dict[str, Any]:
    """Generates options of an SQL query."""
    made: dict[str, Any] = {name: True for name in SQL_FLAGS if r.random() < 0.2}
    if r.random() < 0.2:
        made["conjunction"] = "OR"
    return made


def sql(r: random.Random) -> tuple[str, Mapping[str, Any]]:
    """Generates a call of the SQL function, and its data."""
    kinds = ["string", "number", "date", "date|yyyy-MM", "dotnetdate", {"x": "X", "1": True}]
    data = {
        "q": filters(r),
        "m": {"a": "A"} if r.random() < 0.3 else {},
        "t": {key: r.choice(kinds) for key in "abcd" if r.random() < 0.5},
        "o": sql_options(r),
        "k": r.choice([[], [], ["b", "a"]]),
    }
    return "$convertQueryToSql(q, k, m, t, {}, o)", data


def split(r: random.Random) -> tuple[str, Mapping[str, Any]]:
    """Generates a call that splits a text, and its data."""
    text = "".join(
        r.choice(["word", " ", "\n", "\n\n", "longerword", ". ", "a"]) for _ in range(r.randrange(30))
    )
    return "$recursiveCharacterTextSplitter(t, o)", {
        "t": text,
        "o": {"chunkSize": r.randrange(5, 30), "chunkOverlap": r.randrange(5)},
    }


def _xml_part(r: random.Random, depth: int) -> str:
    """Generates an element or a text of XML."""
    kind = r.randrange(4)
    if kind == 0:
        return xml(r, depth)
    return (
        r.choice(["t", " ", "5", "a &lt; b"]) if kind == 1 else "<![CDATA[c]]>" if kind == 2 else "<!--m-->"
    )


def _filter(r: random.Random) -> Any:
    """Generates one filter."""
    values: list[Any] = ["x", "it's", 1, 2.5, True, "2024-01-02"]
    kind = r.randrange(4)
    if kind == 0:
        return r.choice(values)
    if kind == 1:
        return [r.choice(values) for _ in range(r.randrange(3))]
    if kind == 2:
        name = r.choice(["eq", "ne", "gt", "gte", "lt", "lte", "like", "zz"])
        return {name: r.choice([*values, None])}
    return {r.choice(["in", "nin"]): [r.choice(values) for _ in range(2)]}


def _of(function: str, maker: Callable[[random.Random], Any]) -> list[Make]:
    """Returns makers of calls of a function whose argument `maker` generates."""
    return [lambda r: (f"${function}(d)", {"d": maker(r)})]


MAKERS: dict[str, list[Make]] = {
    **{
        name: _of(name, markdown)
        for name in (
            "convertMarkdownToHtml",
            "convertMarkdownToNotion",
            "convertMarkdownToSlack",
            "convertMarkdownToGoogleDocs",
            "convertMarkdownToAdf",
        )
    },
    "convertNotionToMarkdown": _of(
        "convertNotionToMarkdown", lambda r: [notion_block(r, n) for n in range(r.randrange(2, 6))]
    ),
    "convertNotionToMd": _of("convertNotionToMd", lambda r: notion_block(r, 1)),
    "convertHtmlToMarkdown": _of("convertHtmlToMarkdown", html),
    "xmlToJs": [
        *_of("xmlToJs", xml),
        lambda r: (
            "$xmlToJs(d, o)",
            {
                "d": xml(r),
                "o": {
                    "compact": r.random() < 0.6,
                    "nativeType": r.random() < 0.3,
                    "trim": r.random() < 0.3,
                    "alwaysArray": r.random() < 0.3,
                    "ignoreComment": r.random() < 0.3,
                    "ignoreCdata": r.random() < 0.2,
                },
            },
        ),
    ],
    "jsToXml": [
        *_of("jsToXml", lambda r: {"root": tree(r)}),
        lambda r: (
            "$jsToXml(d, o)",
            {
                "d": {"root": tree(r)},
                "o": {"compact": True, "spaces": r.randrange(5), "fullTagEmptyElement": r.random() < 0.5},
            },
        ),
    ],
    "jsonToCsv": [lambda r: ("$jsonToCsv(d, o)", {"d": rows(r), "o": csv_options(r)})],
    "convertQueryToSql": [sql],
    "recursiveCharacterTextSplitter": [split],
}
