"""What can be told of an expression from its tree: what it reads, and which keys its result has."""

from __future__ import annotations

import pytest

from isthmus.expressions import compile
from isthmus.expressions.static_analysis import find_result_keys


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"a": 1, "b": x.y}', "a b"),
        ('response.items.{"id": id}', "id"),
        ('response.($a := b; {"id": $a})', "id"),
        ('($states := {"new": "open"}; {"id": id})', "id"),
        ('$record := {"a": 1}', "a"),
        ('($record := {"a": 1}; $record)', "a"),
        ('x ? {"a": 1} : {"b": 2}', "a b"),
        ('x ? {"a": 1}', "a"),
        ('x ? {"a": 1} : null', "a"),
        ('x ?: {"a": 1}', None),
        ('[{"a": 1}, {"b": 2}]', "a b"),
        ('$merge([{"a": 1}, {"b": 2}])', "a b"),
        ('$merge([response, {"b": 2}])', None),
        ('$append({"a": 1}, {"b": 2})', "a b"),
        ('$map(response, function($v) { {"a": $v} })', "a"),
        ('($one := function($v) { {"a": $v} }; $map(response, $one))', "a"),
        ('($one := function($v) { {"a": $v} }; $one(response))', "a"),
        ("($loop := function($v) { $loop($v) }; $loop(response))", None),
        ('$filter(response.{"a": b}, function($v) { $v.a })', "a"),
        ('$sort(response.{"a": b})', "a"),
        ('$distinct(response.{"a": b})', "a"),
        ('$reverse(response.{"a": b})', "a"),
        ('$shuffle(response.{"a": b})', "a"),
        ('{"a": 1} ~> |$|{"b": 2}|', "a b"),
        ('{"a": 1} ~> |$|{"b": 2}, ["a"]|', None),
        ('{"result": response.{"id": id}, "next_cursor": n}', "id"),
        ('{"result": 1, "other": 2}', "result other"),
        ("{$key: 1}", None),
        ("response", None),
        ("response{name: value}", None),
        ("$sift(response, function($v) { $v })", None),
        ("()", ""),
    ],
)
def test_the_fields_of_the_records_of_a_result(text: str, fields: str | None) -> None:
    assert compile(text).find_record_fields() == (None if fields is None else frozenset(fields.split()))


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"result": response.{"id": id}, "next_cursor": n}', "next_cursor result"),
        ('($page := {"result": [], "prev_cursor": n}; $page)', "prev_cursor result"),
        ('x ? {"result": []} : {"result": [], "next_cursor": n}', "next_cursor result"),
        ('response.{"id": id}', "id"),
        ("response", None),
        ("{$key: 1}", None),
    ],
)
def test_the_keys_of_a_result(text: str, keys: str | None) -> None:
    assert find_result_keys(compile(text).tree) == (None if keys is None else frozenset(keys.split()))


@pytest.mark.parametrize(("blocks", "keys"), [(64, frozenset("a")), (65, None)])
def test_keys_are_looked_for_64_levels_down(blocks: int, keys: frozenset[str] | None) -> None:
    assert find_result_keys(compile("(" * blocks + '{"a": 1}' + ")" * blocks).tree) == keys


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"result": response, "next_cursor": n}', True),
        ("{'result': response, 'next_cursor': n}", True),
        ('$merge([response, {"next_cursor": n}])', True),
        ('response ~> |$|{"next_cursor": n}, "meta"|', True),
        ('{"result": response /* next_cursor */}', False),
        ('{"result": response, "next_cursor_color": 1}', False),
        ('{"result": response[kind != "next_cursor"]}', False),
        ('{"id": query.next_cursor}', False),
        ("response", False),
        ("$merge([response, meta])", False),
    ],
)
def test_a_key_of_a_result_is_one_that_the_expression_writes(text: str, *, expected: bool) -> None:
    assert compile(text).can_give_key("next_cursor") is expected


@pytest.mark.parametrize(
    "text",
    [
        "cursor",
        "query.cursor",
        "query.`cursor`",
        "query.'cursor'",
        "$.cursor",
        "$$.cursor",
        "rows.$$.cursor",
        "(query).cursor",
        "($q := query; $q.cursor)",
        "rows[cursor = 1]",
        "rows^(cursor)",
        "rows.{kind: cursor}",
        "{cursor: 1}",
        "$f(query.cursor)",
        "function($q) { $q.cursor }",
        "query ~> |$|{'after': cursor}|",
        "$exists(query.cursor) ? 1 : 2",
        '$lookup(query, "cursor")',
        'query ~> $lookup("cursor")',
        '$lookup(query, kind = "a" ? "cursor" : "page")',
        '($name := "cursor"; $lookup(query, $name))',
        '$sift(query, function($value, $key) { $key != "cursor" })',
        '$sift(query, function($value, $key) { $key in ["cursor", "limit"] })',
        'query ~> |$|{}, ["cursor"]|',
        '$eval("query.cursor")',
    ],
)
def test_a_read_of_a_field(text: str) -> None:
    assert compile(text).reads_field("cursor")
    assert compile(text).reads_field("other", "cursor")
    assert not compile(text).reads_field("other")


@pytest.mark.parametrize(
    "text",
    [
        "/* cursor */ query.page",
        "query.cursor_color",
        "query.next_cursor",
        "query.Cursor",
        "$cursor",
        '"cursor"',
        '"the cursor of query.cursor"',
        '{"cursor": 1}',
        '{"kind": "cursor"}',
        'rows[kind = "cursor"]',
        '$string({"kind": "cursor"})',
        '$contains(text, "no cursor")',
        '$eval("/* cursor */ query.page")',
        '$eval("query.cursor +")',
    ],
)
def test_no_read_of_a_field(text: str) -> None:
    assert not compile(text).reads_field("cursor")


@pytest.mark.parametrize(
    "text", ["query", "query.*", "**", "$lookup(query, $name)", '$lookup(query, "cur" & "sor")']
)
def test_a_field_whose_name_the_expression_does_not_hold_is_not_read(text: str) -> None:
    assert not compile(text).reads_field("cursor")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("data", ("data",)),
        ("data.items", ("data", "items")),
        ("/* the records */ data . `all items`", ("data", "all items")),
        ("$.data", ("data",)),
        ("$$.data", ("data",)),
        ("$", ()),
        ("data.items[0]", None),
        ("data.items[]", None),
        ("data.items@$item", None),
        ("data.items#$index", None),
        ("data{name: value}", None),
        ("data.$x", None),
        ("data.*", None),
        ("(data)", None),
        ("true", None),
    ],
)
def test_a_path_of_nothing_but_names_is_told_from_other_expressions(
    text: str, names: tuple[str, ...] | None
) -> None:
    assert compile(text).get_plain_path() == names
