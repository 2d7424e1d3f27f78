"""The functions that mappings may call, by the committed list of their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from isthmus.expressions import STANDARD, ExpressionError, compile
from isthmus.expressions.functions import EXTENSIONS, FAMILIES
from isthmus.expressions.host import HOST_TYPES
from isthmus.expressions.library import Library

LISTED = [line.split() for line in (Path(__file__).parent / "names.txt").read_text().splitlines()]

# Those of the original's asynchronous functions that have nothing to wait for here answer at once. Large
# Parquet files and HTML are worked on beside the event loop.
AT_ONCE = {
    "each",
    "getArrayBuffer",
    "recursiveCharacterTextSplitter",
    "sift",
    "sign",
    "teeStream",
}
WAITS_TOO = {"jsonToParquet", "convertHtmlToMarkdown"}


def test_there_are_67_functions_and_none_is_missing() -> None:
    assert len(LISTED) == 67
    assert sorted(function.name for function in EXTENSIONS) == sorted(name for name, *_ in LISTED)


def test_presets_hold_the_functions_that_the_contract_counts() -> None:
    presets: dict[str, set[str]] = {}
    for family in FAMILIES:
        presets.setdefault(family.preset, set()).update(function.name for function in family.functions)
    expected: dict[str, set[str]] = {}
    for name, preset, *_ in LISTED:
        expected.setdefault(preset, set()).add(name)
    assert presets == expected
    assert {preset: len(names) for preset, names in presets.items()} == {
        "core": 49,
        "datetime": 2,
        "markdown": 8,
        "html": 1,
        "data-formats": 5,
        "ai": 2,
    }


def test_functions_that_wait_are_those_of_the_contract() -> None:
    waiting = {function.name for function in EXTENSIONS if function.is_async}
    listed = {name for name, _, *flags in LISTED if "async" in flags}
    assert waiting == (listed - AT_ONCE) | WAITS_TOO


def test_standard_functions_that_are_replaced_are_those_of_the_contract() -> None:
    replaced = {function.name for function in EXTENSIONS if function.name in STANDARD.functions}
    assert replaced == {name for name, _, *flags in LISTED if "replaces" in flags}


def test_filter_and_sort_stay_standard() -> None:
    assert not {"filter", "sort"} & {function.name for function in EXTENSIONS}


def test_only_four_functions_carry_a_signature() -> None:
    signatures = {function.name: function.signature for function in EXTENSIONS if function.signature}
    assert signatures == {"string": "<x-b?:s>", "keys": "<x-:a<s>>", "each": "<o-f:a>", "sift": "<o-f?:o>"}


def test_a_function_of_a_preset_that_is_absent_cannot_be_invoked() -> None:
    dates = next(family for family in FAMILIES if family.preset == "datetime")
    library: Library = STANDARD.extend(dates.functions, HOST_TYPES, name="only-dates")
    assert compile('$dtFromIso("2024-01-01").year', library=library).evaluate() == 2024
    with pytest.raises(ExpressionError) as caught:
        compile("$convertQueryToSql({})", library=library).evaluate()
    assert caught.value.code == "T1006"
