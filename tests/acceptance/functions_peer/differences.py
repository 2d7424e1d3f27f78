"""Where our functions differ from the original's on purpose, and why. A disagreement that none of these
explains fails the test."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.acceptance.functions_peer.running import Case, Outcome, same

__all__ = ["DIFFERENCES", "explained"]


@dataclass(frozen=True)
class Difference:
    """`reason` names the rule of `functions.md` where there is one."""

    functions: frozenset[str]
    reason: str
    holds: Callable[[Case, Outcome, Outcome], bool]


def _texts(node: Any) -> list[str]:
    """All texts of a document, letters and digits only."""
    if isinstance(node, dict):
        own = [node["text"]] if isinstance(node.get("text"), str) else []
        return own + [text for value in node.values() for text in _texts(value)]
    return [text for value in node for text in _texts(value)] if isinstance(node, list) else []


def _letters(text: str) -> str:
    return re.sub(r"\W|_", "", text)


def _only_ours_is_complete(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """All letters of their document are in ours, in the same order."""
    mine = iter(_letters("".join(_texts(ours.value))))
    return all(letter in mine for letter in _letters("".join(_texts(theirs.value))))


def _without_task_line_ends(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    return str(theirs.value).replace('type="checkbox"> \n', 'type="checkbox"> ') == str(ours.value)


def _has_image(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    return bool(re.search(r"^(#|>|\|).*!\[img\]", str(case.data["d"]), re.M))


def _same_but_for_escapes(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    mine, other = (
        str(outcome.value).replace("&lt;", "<").replace("&amp;", "&") for outcome in (ours, theirs)
    )
    return mine == other


def _plain_spaces(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    return same(ours.value, json.loads(json.dumps(theirs.value).replace("\\u202f", " ")))


def _starts_with_html(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    return bool(re.search(r"^\W*(?:\d\. |- |> |\[.\] )+<br>", str(case.data["d"]), re.M))


def _without(value: Any, keys: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, keys) for key, item in value.items() if key not in keys}
    return [_without(item, keys) for item in value] if isinstance(value, list) else value


def _surrogates(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    return "\\ud8" in json.dumps(theirs.value)


def _of(*functions: str) -> frozenset[str]:
    return frozenset(functions)


DIFFERENCES = (
    Difference(
        _of("convertMarkdownToAdf"),
        "Only the envelope is fixed (§7). The original loses escaped characters, spaces at line ends, marks "
        "inside links and images in lists, and writes empty texts and cells, which the ADF schema refuses",
        _only_ours_is_complete,
    ),
    Difference(
        _of("convertMarkdownToNotion"),
        "An image inside a heading, quote or table is no rich text: Notion refuses it; ours stands behind",
        _has_image,
    ),
    Difference(
        _of("convertMarkdownToHtml"),
        "The original puts a line end behind the box of a task in a loose list",
        _without_task_line_ends,
    ),
    Difference(
        _of(
            "convertMarkdownToHtml",
            "convertMarkdownToNotion",
            "convertMarkdownToSlack",
            "convertMarkdownToGoogleDocs",
        ),
        "A list item or quote that starts with an HTML tag: the original takes the lines below for HTML",
        _starts_with_html,
    ),
    Difference(
        _of("dtFromIso", "dtFromFormat"),
        "Relative to an invalid date-time: null, where the original says `today` or `in 0 seconds`",
        lambda case, ours, theirs: "toRelative" in case.expression and ours.value is None,
    ),
    Difference(
        _of("dtFromIso", "dtFromFormat"),
        "A plain space before AM and PM (§5.2), where Node writes a narrow one for some zones",
        _plain_spaces,
    ),
    Difference(
        _of("dtFromIso", "dtFromFormat"),
        "Names of offsets that have seconds, before standard time, show minutes only",
        lambda case, ours, theirs: re.search(r"GMT[+-]\d+:\d+:\d+", json.dumps(theirs.value)) is not None,
    ),
    Difference(
        _of("dtFromIso", "dtFromFormat"),
        "Instants are whole milliseconds",
        lambda case, ours, theirs: re.search(r"milliseconds': -?\d*\.\d", case.expression) is not None,
    ),
    Difference(
        _of("parseQuery"),
        "An empty value beside others of the same name is kept",
        lambda case, ours, theirs: '""' in json.dumps(ours.value) and not same(ours.value, theirs.value),
    ),
    Difference(
        _of("values", "recursiveCharacterTextSplitter"),
        "A character outside the basic plane stays whole",
        _surrogates,
    ),
    Difference(
        _of("convertQueryToSql"),
        "§12.7: `nin` with `useOrForIn` keeps its negation",
        lambda case, ours, theirs: bool(case.data["o"].get("useOrForIn")) and "<>" in str(ours.value),
    ),
    Difference(
        _of("convertQueryToSql", "toNumber", "blob", "join", "wrap", "zipSqlResponse", "mostSimilar"),
        "§12.13, §2: a value that the original stumbles over gives a result",
        lambda case, ours, theirs: theirs.error is not None and ours.error is None,
    ),
    Difference(
        _of("dependencyGraph"),
        "Items without a key are one node that depends on nothing; the original finds a cycle",
        lambda case, ours, theirs: (theirs.error is not None and len(case.data) < 3) or "c" not in case.data,
    ),
    Difference(
        _of("mapValues"),
        "Names of JavaScript's own members are no entries",
        lambda case, ours, theirs: "constructor" in json.dumps(case.data, ensure_ascii=False).lower(),
    ),
    Difference(
        _of("bufferToString"),
        "An unknown encoding is an error for an empty stream too",
        lambda case, ours, theirs: ours.error is not None and case.data["a"] == "",
    ),
    Difference(
        _of("removeEmpty"),
        "§12.2: an object loses its empty fields",
        lambda case, ours, theirs: isinstance(case.data.get("a"), dict),
    ),
    Difference(
        _of("jsToXml"),
        "`<` and `&` in attributes are escaped, as XML demands",
        _same_but_for_escapes,
    ),
    Difference(
        _of("convertHtmlToMarkdown"),
        "A bar inside a table cell is escaped once",
        lambda case, ours, theirs: same(str(theirs.value).replace("\\\\|", "\\|"), ours.value),
    ),
)


def explained(case: Case, ours: Outcome, theirs: Outcome) -> str | None:
    """The reason for a disagreement; None if there is none."""
    for difference in DIFFERENCES:
        if case.function in difference.functions and difference.holds(case, ours, theirs):
            return difference.reason
    return None
