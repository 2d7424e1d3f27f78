"""`$convertHtmlToMarkdown`: HTML as Markdown, by turndown's rules with GFM's additions."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any, Final

from isthmus.expressions.functions.arguments import check_input_text
from isthmus.expressions.functions.html.tree import (
    Node,
    collapse_whitespace,
    find_flanking_whitespace,
    parse_html,
)
from isthmus.expressions.functions.offloading import offload_if_heavy
from isthmus.expressions.javascript import is_nil, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["convert_html_to_markdown"]

_HEAVY_CHARS: Final = 256 * 1024
_MIN_CELL_WIDTH: Final = 3
_MAX_COLUMN_SPAN: Final = 100
_MARKDOWN_ESCAPES: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"\\", r"\\\\"),
        (r"\*", r"\\*"),
        (r"\A-", r"\\-"),
        (r"\A\+ ", r"\\+ "),
        (r"\A(=+)", r"\\\1"),
        (r"\A(#{1,6}) ", r"\\\1 "),
        (r"`", r"\\`"),
        (r"\A~~~", r"\\~~~"),
        (r"\[", r"\\["),
        (r"\]", r"\\]"),
        (r"\A>", r"\\>"),
        (r"_", r"\\_"),
        (r"\A(\d+)\. ", r"\1\\. "),
    )
)
_HIGHLIGHT_CLASS: Final = re.compile(r"highlight-(?:text|source)-([a-z0-9]+)")
_BLANK_LINES: Final = re.compile(r"(\n+\s*)+")


def convert_html_to_markdown(
    evaluation: Evaluation, html: object = UNDEFINED
) -> str | Coroutine[Any, Any, str]:
    """HTML as Markdown, malformed HTML too; characters that Markdown would read are escaped.

    Arguments:
        html: the HTML; other values by their text form.
    Null and missing: `""`.
    Example:
        $convertHtmlToMarkdown("<h2>Hi</h2><ul><li><b>a</b></li></ul>")
        => "Hi\\n--\\n\\n*   **a**"
    """
    if is_nil(html):
        return ""
    source = check_input_text(evaluation, to_text(html), "convertHtmlToMarkdown")
    return offload_if_heavy(_convert, source, heavy=len(source) > _HEAVY_CHARS)


def _convert(source: str) -> str:
    """Return the Markdown of a whole HTML text."""
    root = parse_html(source)
    collapse_whitespace(root)
    return _write_children(root).lstrip("\t\r\n").rstrip()


def _write_children(node: Node) -> str:
    """Return the Markdown of all children; where line ends of two children meet, the larger number of them
    stays."""
    parts: list[str] = []
    ends = 0
    for child in node.children:
        piece = _write_element(child) if child.tag else _write_text(child)
        body = piece.lstrip("\n")
        ends = min(2, max(ends, len(piece) - len(body)))
        if not body:
            continue
        parts.append("\n" * ends)
        line = body.rstrip("\n")
        parts.append(line)
        ends = len(body) - len(line)
    return "".join(parts) + "\n" * ends


def _write_text(node: Node) -> str:
    """Return the Markdown of a text node: escaped, unless it is inside code."""
    return node.text if node.in_code else _escape(node.text)


def _escape(text: str) -> str:
    """Return the text with a backslash before what Markdown would read as markup."""
    for pattern, replacement in _MARKDOWN_ESCAPES:
        text = pattern.sub(replacement, text)
    return text


def _write_element(node: Node) -> str:
    """Return the Markdown of an element, by the writer of its tag; without one its content."""
    if node.is_blank:
        return "\n\n" if node.is_block else ""
    lead, tail = find_flanking_whitespace(node)
    content = _write_children(node) if node.tag not in {"table", "pre"} else ""
    if lead or tail:
        content = content.strip()
    write = _TAG_WRITERS.get(node.tag)
    if write is not None:
        content = write(node, content)
    elif node.is_block:
        content = f"\n\n{content}\n\n"
    return lead + content + tail


def _write_heading(node: Node, content: str) -> str:
    """Return Markdown of a heading: `h1` and `h2` underlined, lower levels with `#`."""
    if not content:
        return ""
    level = int(node.tag[1])
    if level < 3:
        return f"\n\n{content}\n{('=' if level == 1 else '-') * len(content)}\n\n"
    return f"\n\n{'#' * level} {content}\n\n"


def _write_quote(node: Node, content: str) -> str:
    """Return Markdown of `blockquote`: lines with `> `."""
    return "\n\n" + re.sub("^", "> ", content.strip("\n"), flags=re.M) + "\n\n"


def _write_list(node: Node, content: str) -> str:
    """Return Markdown of `ul` or `ol`: its items, apart from the text around them unless they end an outer
    item."""
    parent = node.parent
    if parent is not None and parent.tag == "li" and parent.last_element is node:
        return f"\n{content}"
    return f"\n\n{content}\n\n"


def _write_item(node: Node, content: str) -> str:
    """Return Markdown of `li`: a bullet or number, its content, further lines indented."""
    content = content.lstrip("\n")
    if content.endswith("\n"):
        content = content.rstrip("\n") + "\n"
    content = content.replace("\n", "\n    ")
    marker = "*   "
    parent = node.parent
    if parent is not None and parent.tag == "ol":
        start = parent.attributes.get("start", "")[:12]
        index = node.element_index
        marker = f"{int(start) + index if start.isdecimal() else index + 1}.  "
    ends = "\n" if node.get_sibling(1) is not None else ""
    return marker + content + ends


def _write_pre(node: Node, content: str) -> str:
    """Return Markdown of `pre`: indented code where it holds `code`, else its content."""
    first = node.children[0] if node.children else None
    if first is not None and first.tag == "code":
        return "\n\n    " + first.content.replace("\n", "\n    ") + "\n\n"
    return f"\n\n{_write_children(node)}\n\n"


def _write_div(node: Node, content: str) -> str:
    """Return Markdown of `div`: its content, or fenced code where it is a box of highlighted code."""
    match = _HIGHLIGHT_CLASS.search(node.attributes.get("class", ""))
    first = node.children[0] if node.children else None
    if match is not None and first is not None and first.tag == "pre":
        return f"\n\n```{match[1]}\n{first.content}\n```\n\n"
    return f"\n\n{content}\n\n"


def _write_table(node: Node, content: str) -> str:
    """Return Markdown of `table`, without blank lines in it; nothing for a table without cells."""
    lines = _write_table_lines(node)
    return f"\n\n{lines}\n\n" if lines else ""


def _write_table_lines(table: Node) -> str:
    """Return the lines of a table, the first row as its header; `""` without a row that has cells."""
    lines = []
    for row in _iterate_rows(table):
        cells = [cell for cell in row.elements if cell.tag in {"td", "th"}]
        if not cells:
            continue
        lines.append("|" + "".join(_write_cell(cell) for cell in cells))
        if len(lines) == 1:
            lines.append("|" + " --- |" * sum(_read_column_span(cell) for cell in cells))
    return "\n".join(lines)


def _iterate_rows(table: Node) -> Iterator[Node]:
    """Yield the rows of a table, in its sections or outside of them."""
    for child in table.elements:
        if child.tag == "tr":
            yield child
        elif child.tag in {"thead", "tbody", "tfoot"}:
            yield from (row for row in child.elements if row.tag == "tr")


def _write_cell(cell: Node) -> str:
    """Return Markdown of a table cell in one line, with empty cells behind it for the columns it spans."""
    content = re.sub(r"\s*\n\s*", " ", _write_children(cell).strip()).replace("|", "\\|")
    return f" {content.ljust(_MIN_CELL_WIDTH)} |" + "   |" * (_read_column_span(cell) - 1)


def _read_column_span(cell: Node) -> int:
    """Return how many columns a cell covers, from 1 to `_MAX_COLUMN_SPAN`."""
    span = cell.attributes.get("colspan", "")[:6]
    return max(1, min(int(span), _MAX_COLUMN_SPAN)) if span.isdecimal() else 1


def _get_attribute(node: Node, name: str) -> str:
    """Return an attribute with its blank lines removed, which would end the Markdown block."""
    return _BLANK_LINES.sub("\n", node.attributes.get(name, ""))


def _write_link(node: Node, content: str) -> str:
    """Return Markdown of `a`: a link, or its content where it has no address."""
    href = node.attributes.get("href", "")
    if not href:
        return content
    href = re.sub(r"([()])", r"\\\1", href)
    title = _get_attribute(node, "title").replace('"', '\\"')
    return f'[{content}]({href} "{title}")' if title else f"[{content}]({href})"


def _write_image(node: Node, content: str) -> str:
    """Return Markdown of `img`; nothing where it has no source."""
    source = node.attributes.get("src", "")
    if not source:
        return ""
    title = _get_attribute(node, "title")
    return f"![{_get_attribute(node, 'alt')}]({source}" + (f' "{title}")' if title else ")")


def _write_code(node: Node, content: str) -> str:
    """Return Markdown of `code`: between more backticks than it has itself; unchanged inside `pre`."""
    if node.parent is not None and node.parent.tag == "pre" and len(node.parent.children) == 1:
        return content
    if not content:
        return ""
    content = re.sub(r"\r?\n|\r", " ", content)
    ticks = "`"
    runs = set(re.findall("`+", content))
    while ticks in runs:
        ticks += "`"
    space = " " if re.search(r"^`|^ .*?[^ ].* $|`$", content) else ""
    return f"{ticks}{space}{content}{space}{ticks}"


def _write_input(node: Node, content: str) -> str:
    """Return Markdown of `input`: `[x]` or `[ ]` for the checkbox of a list item, else its content."""
    if node.attributes.get("type") != "checkbox" or node.parent is None or node.parent.tag != "li":
        return content
    return "[x] " if "checked" in node.attributes else "[ ] "


def _make_mark_writer(mark: str) -> Callable[[Node, str], str]:
    """Return a writer that puts `mark` on both sides of the content; an element without content
    disappears."""
    return lambda node, content: f"{mark}{content}{mark}" if content.strip() else ""


# Each takes the element and the Markdown of its children, and gives the Markdown of the element.
_TAG_WRITERS: Final[Mapping[str, Callable[[Node, str], str]]] = {
    **{f"h{level}": _write_heading for level in range(1, 7)},
    **dict.fromkeys(("em", "i"), _make_mark_writer("_")),
    **dict.fromkeys(("strong", "b"), _make_mark_writer("**")),
    **dict.fromkeys(("del", "s", "strike"), lambda node, content: f"~~{content}~~"),
    **dict.fromkeys(("ul", "ol"), _write_list),
    "p": lambda node, content: f"\n\n{content}\n\n",
    "br": lambda node, content: "  \n",
    "hr": lambda node, content: "\n\n* * *\n\n",
    "blockquote": _write_quote,
    "li": _write_item,
    "pre": _write_pre,
    "div": _write_div,
    "table": _write_table,
    "a": _write_link,
    "img": _write_image,
    "code": _write_code,
    "input": _write_input,
}
