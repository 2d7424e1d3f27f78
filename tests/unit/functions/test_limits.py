"""What functions may use: each bound has a case that goes over it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.unit.functions.running import error, value

from isthmus.expressions import ExpressionError, Limits, compile
from isthmus.expressions.host import Blob
from isthmus.expressions.host.streams import MAX_BRANCH_LAG_BYTES, Stream


def _deep(levels: int) -> object:
    data: object = 1
    for _ in range(levels):
        data = [data]
    return data


SMALL = Limits(input_chars=100, output_chars=1_000, items=10)


@pytest.mark.parametrize(
    "function",
    [
        "jsonParse",
        "base64decode",
        "base64ToBlob",
        "parseQuery",
        "xmlToJs",
        "convertHtmlToMarkdown",
        "convertMarkdownToHtml",
        "convertMarkdownToNotion",
        "convertMarkdownToSlack",
        "convertMarkdownToAdf",
        "convertMarkdownToGoogleDocs",
        "convertMdToPdf",
        "recursiveCharacterTextSplitter",
    ],
)
def test_input_text_is_bounded(function: str) -> None:
    failure = error(f"${function}(t)", {"t": "a" * 101}, limits=SMALL)
    assert (failure.code, failure.token) == ("ISTHMUS_LIMIT", function)


@pytest.mark.parametrize("expression", ["$blob([b])", "b.slice(0)", "b.arrayBuffer().slice(0)", "$digest(b)"])
def test_bytes_are_bounded_as_characters_are(expression: str) -> None:
    value(expression, {"b": Blob(b"a" * 1_000)}, limits=SMALL)
    assert error(expression, {"b": Blob(b"a" * 1_001)}, limits=SMALL).code == "ISTHMUS_LIMIT"


def test_the_parts_of_a_blob_are_bounded_together() -> None:
    value("$blob([b, b])", {"b": Blob(b"a" * 500)}, limits=SMALL)
    assert error("$blob([b, b])", {"b": Blob(b"a" * 501)}, limits=SMALL).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize("use", ["getAll('a')", "keys()", "values()", "entries()"])
def test_lists_of_parameters_are_bounded_as_lists_are(use: str) -> None:
    expression = f"$parseUrl(t).searchParams.{use}"
    assert (
        value(f"$count({expression})", {"t": "https://example.com/?" + "&".join(["a"] * 10)}, limits=SMALL)
        == 10
    )
    failure = error(expression, {"t": "https://example.com/?" + "&".join(["a"] * 11)}, limits=SMALL)
    assert (failure.code, failure.token) == ("ISTHMUS_LIMIT", "searchParams")


def test_a_url_has_at_most_200_000_parameters() -> None:
    expression = "$parseUrl(t).searchParams.size"
    assert value(expression, {"t": "https://example.com/?" + "a&" * 199_999 + "a"}) == 200_000
    assert error(expression, {"t": "https://example.com/?" + "a&" * 200_000 + "a"}).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(("size", "is_taken"), [(400, True), (401, False)])
def test_bytes_are_bounded_by_four_for_each_character(size: int, is_taken: bool) -> None:
    data = {"b": Blob(b"a" * size)}
    if is_taken:
        assert len(str(value("$base64encode(b)", data, limits=SMALL))) == 536
    else:
        assert error("$base64encode(b)", data, limits=SMALL).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(
    ("expression", "function"),
    [
        ("$wrap(t, t, t)", "wrap"),
        ("$join([t, t, t])", "join"),
        ("$string([t, t, t])", "string"),
        ("$jsonToCsv([{'a': t}, {'a': t}, {'a': t}])", "jsonToCsv"),
        ("$jsToXml({'a': [t, t, t]})", "jsToXml"),
        ("$stringifyQuery({'a': [t, t, t]})", "stringifyQuery"),
        ("$convertQueryToSql({'a': [t, t, t]})", "convertQueryToSql"),
    ],
)
def test_output_text_is_bounded(expression: str, function: str) -> None:
    failure = error(expression, {"t": "a" * 400}, limits=SMALL)
    assert (failure.code, failure.token) == ("ISTHMUS_LIMIT", function)


def test_what_stands_between_joined_texts_is_bounded_before_it_is_written() -> None:
    between, limits = "a" * 100, Limits(output_chars=1_000)
    joined = value("$join(l, t)", {"l": [""] * 10, "t": between}, limits=limits)
    assert joined == between * 9
    assert error("$join(l, t)", {"l": [""] * 11, "t": between}, limits=limits).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(
    "expression",
    [
        "$chunk(l, 1)",
        "$jsonToCsv([{'a': 1, 'b': 2, 'c': 3, 'd': 4, 'e': 5, 'f': 6}, {'a': 2}])",
        "$zipSqlResponse([{'n': 'a'}, {'n': 'b'}], [[1], [2], [3], [4], [5], [6]], 'n')",
    ],
)
def test_lists_are_bounded(expression: str) -> None:
    assert error(expression, {"l": list(range(20))}, limits=SMALL).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(
    "expression",
    [
        "$mapValues(d, {'x': 1})",
        "$flattenDeep(d)",
        "$stringifyQuery({'a': d})",
        "$join(d)",
        "$string(d)",
        "$jsToXml({'a': d})",
        "$lofilter([d], [0, d])",
    ],
)
def test_data_is_followed_200_levels(expression: str) -> None:
    assert error(expression, {"d": _deep(450)}).code == "ISTHMUS_LIMIT"


def test_text_formats_are_followed_200_levels() -> None:
    assert error("$xmlToJs(x)", {"x": "<a>" * 250 + "</a>" * 250}).code == "ISTHMUS_LIMIT"
    assert error("$jsonParse(t)", {"t": "[" * 100_000}).code == "ISTHMUS_LIMIT"
    blocks = [
        {
            "id": str(n),
            "type": "toggle",
            "toggle": {},
            "has_children": True,
            "parent_id": str(n - 1),
            "parent": {"type": "block_id" if n else "page_id"},
        }
        for n in range(250)
    ]
    assert error("$convertNotionToMarkdown(b)", {"b": blocks}).code == "ISTHMUS_LIMIT"


def test_similarity_is_bounded() -> None:
    assert error("$diceCoefficient(t, 'a')", {"t": "a" * 10_001}).code == "ISTHMUS_LIMIT"
    data = {"t": "ab" * 4_000, "l": ["x"] * 2_000}
    assert error("$mostSimilar(t, l)", data).code == "ISTHMUS_LIMIT"


def test_graphs_are_bounded() -> None:
    data = {"l": [{"id": n} for n in range(100_001)]}
    assert error("$dependencyGraph(l, 'p', 'id')", data).code == "ISTHMUS_LIMIT"
    assert error("$sortNodes(l)", data).code == "ISTHMUS_LIMIT"


def test_a_long_chain_is_no_recursion() -> None:
    chain = [{"id": n, "p": n - 1} for n in range(5_000)]
    assert value("$count($dependencyGraph(l, 'p', 'id').overallOrder())", {"l": chain}) == 5_000
    assert value("$count($sortNodes(l, 'id', 'p'))", {"l": chain}) == 5_000


def test_parquet_is_bounded() -> None:
    assert error("$jsonToParquet(r)", {"r": {f"c{n}": 1 for n in range(1_001)}}).code == "ISTHMUS_LIMIT"


def test_embeddings_are_bounded() -> None:
    from tests.unit.functions.running import services

    async def never(*_: object, **__: object) -> tuple[int, dict[str, str], bytes]:
        raise AssertionError("no request may go out")

    given = services(never, embeddings_url="http://127.0.0.1:9")
    failure = error("$generateEmbeddingsCohere(b, 'k')", {"b": {"texts": ["t"] * 2_001}}, given=given)
    assert failure.code == "ISTHMUS_LIMIT"


async def _chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * 1_048_576


async def test_a_branch_of_a_stream_lags_only_so_far() -> None:
    data = {"s": Stream(_chunks(MAX_BRANCH_LAG_BYTES // 1_048_576 + 2))}
    with pytest.raises(ExpressionError) as caught:
        await compile("$length($bufferToString($teeStream(s)[0], 'latin1'))").evaluate_async(data)
    assert caught.value.code == "ISTHMUS_LIMIT"


async def test_streams_are_drained_only_so_far() -> None:
    with pytest.raises(ExpressionError) as caught:
        await compile("$bufferToString(s)").evaluate_async({"s": Stream(_chunks(51))})
    assert caught.value.code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize(
    ("limit", "expression"),
    [
        ({"graph_nodes": 1}, "$dependencyGraph([{'id': 1}, {'id': 2}], 'p', 'id')"),
        ({"graph_nodes": 1}, "$sortNodes([{'id': 1}, {'id': 2}])"),
        ({"xml_nodes": 2}, "$xmlToJs('<a><b/><b/><b/></a>')"),
        ({"similarity_chars": 3}, "$diceCoefficient('abcd', 'abc')"),
        ({"similarity_pairs": 3}, "$mostSimilar('abcd', ['abc', 'abd'])"),
        ({"parquet_columns": 1}, "$jsonToParquet([{'a': 1, 'b': 2}])"),
        ({"parquet_cells": 1}, "$jsonToParquet([{'a': 1}, {'a': 2}])"),
    ],
)
def test_a_limit_of_a_function_is_one_of_the_evaluation(limit: dict[str, int], expression: str) -> None:
    [name] = limit
    failure = error(expression, limits=Limits(**limit))
    assert failure.code == "ISTHMUS_LIMIT"
    assert f"{name} = {limit[name]}" in failure.message


DATA = {
    "l": list(range(20)),
    "t": "a" * 20,
    "o": [{"id": number} for number in range(20)],
    "e": {f"k{number}": number for number in range(20)},
}


@pytest.mark.parametrize(
    ("limit", "least", "expression"),
    [
        ("graph_nodes", 20, "$dependencyGraph(o, 'p', 'id').hasNode(1)"),
        ("graph_nodes", 20, "$sortNodes(o)"),
        ("graph_nodes", 3, "$sortNodes([{'id': 1}, {'id': 1}, {'id': 2, 'parent_id': 1}])"),
        ("xml_nodes", 4, "$xmlToJs('<a><b/><b/><b/></a>')"),
        ("xml_nodes", 3, "$xmlToJs('<a b=\"c\">t<!--x--></a>')"),
        ("similarity_chars", 4, "$diceCoefficient('abcd', 'abc')"),
        ("similarity_pairs", 8, "$mostSimilar('abcd', ['abc', 'abd'])"),
        ("parquet_columns", 3, "$jsonToParquet([{'a': 1, 'b': 2, 'c': 3}])"),
        ("parquet_cells", 3, "$jsonToParquet([{'a': 1}, {'a': 2}, {'a': 3}])"),
        ("input_chars", 20, "$base64decode(t)"),
        ("input_chars", 20, "$convertMarkdownToSlack(t)"),
        ("input_chars", 20, "$parseQuery(t)"),
        ("input_chars", 5, "$jsonParse('12345')"),
        ("input_chars", 10, "$xmlToJs('<a>123</a>')"),
        ("input_chars", 20, "$base64ToBlob(t).size"),
        ("output_chars", 22, "$wrap(t, 'b')"),
        ("output_chars", 42, "$join([t, t], 'bb')"),
        ("output_chars", 51, "$string(l)"),
        ("output_chars", 26, "$jsonToCsv([{'a': t}])"),
        ("output_chars", 27, "$jsToXml({'a': t})"),
        ("output_chars", 22, "$stringifyQuery({'a': t})"),
        ("output_chars", 24, "$convertQueryToSql({'a': t})"),
        ("output_chars", 40, "$replace(t, 'a', 'bb')"),
        ("output_chars", 40, "$replace(t, /a/, 'bb')"),
        ("output_chars", 20, "$replace(t, /b/, '')"),
        ("output_chars", 20, "$pad('', 20)"),
        ("items", 20, "$chunk(l, 1)"),
        ("items", 40, "$flatten([l, l])"),
        ("items", 40, "$append(l, l)"),
        ("items", 30, "[1..30]"),
        ("items", 40, "[l, l]"),
        ("items", 20, "$sort(l)"),
        ("items", 20, "$reverse(l)"),
        ("items", 20, "$shuffle(l)"),
        ("items", 20, "$distinct(l)"),
        ("items", 20, "$zip(l, l)"),
        ("items", 20, "$keys(e)"),
        ("items", 20, "$keys([e])"),
        ("items", 20, "$map(l, $string)"),
        ("items", 20, "$filter(l, $string)"),
        ("items", 21, "[0, l]"),
        ("items", 20, "$split(t, /a/, 20)"),
        ("items", 20, "$split(t, '')"),
        ("items", 20, "$match(t, /a/)"),
        ("items", 20, "$each(e, function($v) { $v })"),
        ("items", 20, "$spread(e)"),
        ("items", 4, "$jsonToCsv([{'a': 1, 'b': 2}, {'a': 3}])"),
        ("items", 4, "$zipSqlResponse([{'n': 'a'}, {'n': 'b'}], [[1], [2]], 'n')"),
        ("items", 5, "$recursiveCharacterTextSplitter(t, {'chunkSize': 4, 'chunkOverlap': 0})"),
        ("items", 20, "l^($)"),
        ("items", 20, "$orderBy(l)"),
        ("depth", 18, "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(5))"),
    ],
)
def test_what_is_as_large_as_a_limit_is_not_too_large(limit: str, least: int, expression: str) -> None:
    value(expression, DATA, limits=Limits(**{limit: least}))
    failure = error(expression, DATA, limits=Limits(**{limit: least - 1}))
    assert failure.code == "ISTHMUS_LIMIT"
