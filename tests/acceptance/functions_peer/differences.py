"""The intended differences between our functions and the original's, with their reasons.

A disagreement that none of them explains fails the test.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from isthmus.expressions.functions.lodash import get_path
from isthmus.expressions.javascript import to_number
from tests.acceptance.functions_peer.running import Case, Outcome, run_ours, same

__all__ = ["DIFFERENCES", "find_reason"]


@dataclass(frozen=True)
class Difference:
    """`holds` says whether a disagreement about one of `functions` is this difference."""

    functions: frozenset[str]
    reason: str
    holds: Callable[[Case, Outcome, Outcome], bool]


def _collect_texts(node: Any) -> list[str]:
    """Returns all texts of a document, letters and digits only."""
    if isinstance(node, dict):
        text = [node["text"]] if isinstance(node.get("text"), str) else []
        return text + [text for value in node.values() for text in _collect_texts(value)]
    return [text for value in node for text in _collect_texts(value)] if isinstance(node, list) else []


def _keep_letters(text: str) -> str:
    """Returns the letters and digits of a text."""
    return re.sub(r"\W|_", "", text)


def _only_ours_is_complete(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if all letters of their document are in ours, in the same order."""
    mine = iter(_keep_letters("".join(_collect_texts(ours.value))))
    return all(letter in mine for letter in _keep_letters("".join(_collect_texts(theirs.value))))


def _same_without_task_line_ends(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the documents are the same but for line ends of tasks."""
    return str(theirs.value).replace('type="checkbox"> \n', 'type="checkbox"> ') == str(ours.value)


def _remove_images(value: Any) -> Any:
    """Returns a document without images, and without the blocks that held nothing else."""
    if isinstance(value, dict):
        return {key: _remove_images(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kept = [_remove_images(item) for item in value if not _is_image(item)]
    return [item for item in kept if not _is_hollow(item)]


def _is_image(item: Any) -> bool:
    """Returns True for an image."""
    return isinstance(item, dict) and item.get("type") == "image"


def _is_hollow(item: Any) -> bool:
    """Returns True for a block that holds nothing."""
    return isinstance(item, dict) and item.get(str(item.get("type"))) == {"rich_text": []}


def _same_but_for_images(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the documents are the same without images."""
    return same(_remove_images(ours.value), _remove_images(theirs.value))


def _same_but_for_empty_items(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the documents are the same without empty items."""

    def remove_empty(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: remove_empty(item) for key, item in value.items() if item != ""}
        if not isinstance(value, list):
            return value
        items = [remove_empty(item) for item in value if item != ""]
        return items[0] if len(items) == 1 else items

    return same(remove_empty(ours.value), remove_empty(theirs.value))


def _same_in_strict_mode(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """With the switch `strict_compat` both agree."""
    return run_ours(case, strict_compat=True).agrees(theirs)


def _same_but_for_offset_names(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the texts are the same but for the names of offsets."""

    def mask_names(value: Any) -> Any:
        return re.sub(r"\b(?:GMT[+-][\d:]+|[A-Z]{2,4}T)\b", "NAME", json.dumps(value))

    return bool(mask_names(ours.value) == mask_names(theirs.value))


def _sorts_incomparable(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if both have the same items, sorted by numbers and by texts that are none."""
    by = case.data.get("b")
    values = [get_path(item, by) if by is not None else item for item in case.data.get("a", [])]
    numbers = [value for value in values if isinstance(value, (int, float))]
    others = [to_number(value) for value in values if not isinstance(value, (int, float))]
    found, expected = (sorted(json.dumps(item) for item in outcome.value) for outcome in (ours, theirs))
    return bool(numbers) and any(number != number for number in others) and found == expected


def _same_but_for_escapes(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the texts are the same but for escapes."""
    mine, other = (
        str(outcome.value).replace("&lt;", "<").replace("&amp;", "&") for outcome in (ours, theirs)
    )
    return mine == other


def _same_with_plain_spaces(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the values are the same with plain spaces."""
    return same(ours.value, json.loads(json.dumps(theirs.value).replace("\\u202f", " ")))


def _starts_with_html(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if a list item or quote of the document begins with a line break of HTML."""
    return bool(re.search(r"^\W*(?:\d\. |- |> |\[.\] )+<br>", str(case.data["d"]), re.M))


def _has_lone_surrogates(case: Case, ours: Outcome, theirs: Outcome) -> bool:
    """Returns True if the case has half of a surrogate pair."""
    return "\\ud8" in json.dumps(theirs.value)


_STUMBLED = re.compile(r"is not a function|Cannot (?:read|convert)|not iterable")


def _functions(*functions: str) -> frozenset[str]:
    """Returns the names as a set."""
    return frozenset(functions)


DIFFERENCES = (
    Difference(
        _functions("convertMarkdownToAdf"),
        "Only the envelope is fixed. The original loses escaped characters, spaces at line ends, marks "
        "inside links and images in lists, and writes empty texts and cells, which the ADF schema refuses",
        _only_ours_is_complete,
    ),
    Difference(
        _functions("convertMarkdownToNotion"),
        "An image inside a heading, quote or table is no rich text: Notion refuses it; ours stands behind",
        _same_but_for_images,
    ),
    Difference(
        _functions("convertMarkdownToHtml"),
        "The original puts a line end behind the box of a task in a loose list",
        _same_without_task_line_ends,
    ),
    Difference(
        _functions(
            "convertMarkdownToHtml",
            "convertMarkdownToNotion",
            "convertMarkdownToSlack",
            "convertMarkdownToGoogleDocs",
        ),
        "A list item or quote that starts with an HTML tag: the original takes the lines below for HTML",
        _starts_with_html,
    ),
    Difference(
        _functions("dtFromIso", "dtFromFormat"),
        "Relative to an invalid date-time: null, where the original says `today` or `in 0 seconds`",
        lambda case, ours, theirs: "toRelative" in case.expression and ours.value is None,
    ),
    Difference(
        _functions("dtFromIso", "dtFromFormat"),
        "A plain space before AM and PM, where Node writes a narrow one for some zones",
        _same_with_plain_spaces,
    ),
    Difference(
        _functions("dtFromIso", "dtFromFormat"),
        "Names of offsets in old times follow the time zone database, not ICU",
        _same_but_for_offset_names,
    ),
    Difference(
        _functions("dtFromIso", "dtFromFormat"),
        "Instants are whole milliseconds",
        lambda case, ours, theirs: re.search(r"milliseconds': -?\d*\.\d", case.expression) is not None,
    ),
    Difference(
        _functions("parseQuery"),
        "An empty value beside others of the same name is kept",
        _same_but_for_empty_items,
    ),
    Difference(
        _functions("orderBy"),
        "Values that cannot be compared (a text and a number): the order depends on the sorting algorithm",
        _sorts_incomparable,
    ),
    Difference(
        _functions("values", "recursiveCharacterTextSplitter"),
        "A character outside the basic plane stays whole",
        _has_lone_surrogates,
    ),
    Difference(
        _functions("convertQueryToSql"),
        "`nin` with `useOrForIn` keeps its negation",
        _same_in_strict_mode,
    ),
    Difference(
        _functions("convertQueryToSql", "toNumber", "blob", "join", "wrap", "zipSqlResponse", "mostSimilar"),
        "A value that the original stumbles over gives a result",
        lambda case, ours, theirs: ours.error is None and _STUMBLED.search(theirs.error or "") is not None,
    ),
    Difference(
        _functions("dependencyGraph"),
        "Items without a key are one node that depends on nothing; the original finds a cycle",
        lambda case, ours, theirs: "c" not in case.data,
    ),
    Difference(
        _functions("mapValues"),
        "Names of JavaScript's own members are no entries",
        lambda case, ours, theirs: "constructor" in json.dumps(case.data, ensure_ascii=False).lower(),
    ),
    Difference(
        _functions("bufferToString"),
        "An unknown encoding is an error for an empty stream too",
        lambda case, ours, theirs: ours.error is not None and case.data["a"] == "",
    ),
    Difference(
        _functions("removeEmpty"),
        "An object loses its empty fields",
        lambda case, ours, theirs: isinstance(case.data.get("a"), dict),
    ),
    Difference(
        _functions("jsToXml"),
        "`<` and `&` in attributes are escaped, as XML demands",
        _same_but_for_escapes,
    ),
    Difference(
        _functions("convertHtmlToMarkdown"),
        "A bar inside a table cell is escaped once",
        lambda case, ours, theirs: same(str(theirs.value).replace("\\\\|", "\\|"), ours.value),
    ),
)


def find_reason(case: Case, ours: Outcome, theirs: Outcome) -> str | None:
    """Returns the reason for a disagreement; None if there is none."""
    for difference in DIFFERENCES:
        if case.function in difference.functions and difference.holds(case, ours, theirs):
            return difference.reason
    return None
