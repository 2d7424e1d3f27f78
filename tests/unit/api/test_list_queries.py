"""The query string of a platform list."""

from __future__ import annotations

import pytest

from isthmus.api.list_queries import (
    build_list_envelope,
    check_select,
    parse_list_query,
    require_own_environment,
    select_fields,
)
from isthmus.db.listing import Filter, ListQuery, Position
from isthmus.errors import BadRequest, Forbidden
from isthmus.kit.cursors import CursorSigner

SIGNER = CursorSigner(b"0" * 32)


def read(
    *items: tuple[str, str], limit: str | None = None, cursor: str | None = None, sort: str | None = None
) -> ListQuery:
    return parse_list_query(items, limit=limit, next_cursor=cursor, sort_by=sort, signer=SIGNER)


def test_a_plain_parameter_is_an_equality_filter() -> None:
    assert read(("tenant_id", "acme")).filters == (Filter("tenant_id", "eq", ("acme",)),)


def test_an_operator_stands_in_brackets() -> None:
    assert read(("created_at[gt]", "2026-01-01")).filters == (Filter("created_at", "gt", ("2026-01-01",)),)


@pytest.mark.parametrize(
    "items",
    [
        [("status[in]", "active,connecting")],
        [("status[in][]", "active"), ("status[in][]", "connecting")],
        [("status[]", "active"), ("status[]", "connecting")],
        [("status[0]", "active"), ("status[1]", "connecting")],
        [("status", "active"), ("status", "connecting")],
    ],
)
def test_every_way_of_writing_a_list_is_one_filter(items: list[tuple[str, str]]) -> None:
    assert read(*items).filters == (Filter("status", "in", ("active", "connecting")),)


def test_names_in_brackets_before_the_operator_lead_to_a_relation() -> None:
    assert read(("integration[name][in][]", "a"), ("integration[name][in][]", "b")).filters == (
        Filter("integration.name", "in", ("a", "b")),
    )


@pytest.mark.parametrize("array", [("[]", "[]"), ("[0]", "[1]"), ("", "")])
def test_several_values_of_a_relations_field_are_all_kept(array: tuple[str, str]) -> None:
    """Whether `name` is a field or an operator is known where the fields are."""
    first, second = (f"integration[name]{each}" for each in array)
    assert read((first, "a"), (second, "b")).filters == (Filter("integration", "name", ("a", "b")),)
    assert read(("created_at[gt]", "1"), ("created_at[gt]", "2")).filters == (
        Filter("created_at", "gt", ("2",)),
    )


@pytest.mark.parametrize("operator", ["ne", "gt", "gte", "lt", "lte"])
def test_the_last_value_of_an_operator_counts(operator: str) -> None:
    assert read((f"version[{operator}]", "1"), (f"version[{operator}]", "2")).filters == (
        Filter("version", operator, ("2",)),
    )


@pytest.mark.parametrize("operator", ["in", "nin"])
def test_each_comma_divides_a_list(operator: str) -> None:
    assert read((f"status[{operator}]", "a,b"), (f"status[{operator}]", "c")).filters == (
        Filter("status", operator, ("a", "b", "c")),
    )


def test_paging_parameters_are_no_filters() -> None:
    assert read(("limit", "5"), ("next_cursor", ""), ("select", "id"), ("sort_by", "name")).filters == ()


def test_the_newest_rows_come_first_unless_asked_otherwise() -> None:
    query = read()
    assert (query.sort_by, query.descending, query.limit) == ("created_at", True, 5000)


@pytest.mark.parametrize(
    ("sort", "field", "is_descending"),
    [
        ("", "created_at", True),
        ("name", "name", False),
        ("name:", "name", False),
        ("name:asc", "name", False),
        ("name:desc", "name", True),
    ],
)
def test_a_named_order_ascends_unless_it_says_otherwise(sort: str, field: str, is_descending: bool) -> None:
    query = read(sort=sort)
    assert (query.sort_by, query.descending) == (field, is_descending)


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(BadRequest, match="unknown direction"):
        read(sort="name:up")


@pytest.mark.parametrize(
    ("given", "is_refused"),
    [
        (("environment_id", "own"), False),
        (("environment_id", "foreign"), True),
        (("environment_id[in]", "own,foreign"), True),
        (("environment_id[ne]", "foreign"), False),
        (("team_id", "foreign"), False),
    ],
)
def test_a_list_of_another_environment_is_refused(given: tuple[str, str], is_refused: bool) -> None:
    if is_refused:
        with pytest.raises(Forbidden, match="environment foreign is not this token's"):
            require_own_environment(read(given), "own")
    else:
        require_own_environment(read(given), "own")


@pytest.mark.parametrize(
    ("select", "unknown"),
    [
        ("id", None),
        ("integration.name", None),
        ("id,nothing", None),
        (" id ", None),
        (",", None),
        ("nothing", "nothing"),
        (",nothing,id.x", None),
        ("nothing.id,no", "nothing"),
    ],
)
def test_a_selection_names_a_field_of_the_rows(select: str, unknown: str | None) -> None:
    if unknown is None:
        check_select(select, ["id", "integration"])
    else:
        with pytest.raises(BadRequest, match=rf"select={unknown} names no field.*: id, integration\."):
            check_select(select, ["id", "integration"])


@pytest.mark.parametrize(
    ("select", "selected"),
    [
        ("id.x", {}),
        ("integration.none.name", {"integration": {}}),
        ("integration.name.x", {"integration": {}}),
        ("integration.none", {"integration": {}}),
    ],
)
def test_a_path_that_leads_nowhere_is_left_out(select: str, selected: dict[str, object]) -> None:
    assert select_fields({"id": "1", "integration": {"name": "b"}}, select) == selected


def test_an_empty_cursor_is_the_first_page() -> None:
    assert read(cursor="").after is None


@pytest.mark.parametrize(
    ("limit", "size"), [("1", 1), ("5000", 5000), ("", 5000), (None, 5000), ("000000007", 7)]
)
def test_a_page_may_be_as_large_as_is_allowed(limit: str | None, size: int) -> None:
    assert read(limit=limit).limit == size


@pytest.mark.parametrize("limit", ["0", "-1", "x", "5001", "1.5", "٣", "0000000007", "1" * 5_000])
def test_a_limit_that_is_no_page_size_is_refused(limit: str) -> None:
    with pytest.raises(BadRequest, match="whole number from 1 to 5000"):
        read(limit=limit)


def test_a_cursor_leads_to_the_place_its_page_ended() -> None:
    query = read(limit="1")
    envelope = build_list_envelope(
        [{"id": "b"}], Position("2026-01-01T00:00:00+00:00", "b"), query, None, SIGNER
    )
    assert read(cursor=envelope["next_cursor"]).after == Position("2026-01-01T00:00:00+00:00", "b")


@pytest.mark.parametrize("cursor", ["x", "AAAA", "eyJrIjoxfQ", "é"])
def test_a_cursor_nobody_wrote_is_refused(cursor: str) -> None:
    with pytest.raises(BadRequest, match="next_cursor"):
        read(cursor=cursor)


def test_a_cursor_of_another_order_is_refused() -> None:
    envelope = build_list_envelope([{"id": "b"}], Position("x", "b"), read(), None, SIGNER)
    with pytest.raises(BadRequest, match="sort_by"):
        read(cursor=envelope["next_cursor"], sort="name")


def test_a_cursor_of_another_list_is_refused() -> None:
    query = read()
    envelope = build_list_envelope(
        [{"id": "b"}], Position("x", "b"), query, None, SIGNER.for_list("/integration")
    )
    with pytest.raises(BadRequest, match="not a cursor of this list"):
        SIGNER.for_list("/unified-model").decode(envelope["next_cursor"])
    assert SIGNER.for_list("/integration").decode(envelope["next_cursor"])["id"] == "b"


def test_select_keeps_only_the_named_fields() -> None:
    rows = [{"id": "1", "name": "a", "integration": {"id": "2", "name": "b"}}]
    envelope = build_list_envelope(rows, None, read(), "id,integration.name,nothing", SIGNER)
    assert envelope == {
        "result": [{"id": "1", "integration": {"name": "b"}}],
        "next_cursor": None,
        "limit": 5000,
    }
