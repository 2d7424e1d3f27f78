"""Ids of records that a sandbox creates: of the product's form, and none twice."""

from __future__ import annotations

import pytest

from isthmus.accounts.sandbox.record_ids import make_next_id, replace_id


@pytest.mark.parametrize(
    ("example", "taken", "made"),
    [
        ("104", ["101", "103"], "105"),
        ("104", ["9", "200", "name"], "201"),
        ("104", ["9" * 5_000, "200"], "201"),
        ("104", ["9" * 18, f"1{'0' * 18}"], f"1{'0' * 17}1"),
        ("NB-3", ["NB-2", "NB-12", "XY-99"], "NB-13"),
        ("cus_Qa2OrchardFrgt", ["cus_Qa3SlipwayRprs"], "cus_Qa3SlipwayRprt"),
        ("003Kd00000bbbb3IAZ", [], "003Kd00000bbbb3IBA"),
        ("00u1fkQ7hTzLmPwX9zZ", [], "00u1fkQ7hTzLmPwY0aA"),
        ("65c9e92b4d304d9736e5005f", [], "65c9e92b4d304d9736e50060"),
        ("3f2504e0-4f89-41d3-9a0c-000000000009", [], "3f2504e0-4f89-41d3-9a0c-00000000000a"),
        ("zz", ["zz0"], "zz1"),
        ("name", ["longer than it"], "namf"),
    ],
)
def test_the_next_id_follows_the_greatest_of_its_form(example: str, taken: list[str], made: str) -> None:
    assert make_next_id(example, taken) == made


def test_a_thousand_ids_are_all_different() -> None:
    for example in ("7", "S0NIGHT03", "3f2504e0-4f89-41d3-9a0c-0305e82c3351"):
        taken: list[str] = []
        for _ in range(1000):
            taken.append(make_next_id(example, taken))
        assert len({example, *taken}) == 1001


@pytest.mark.parametrize(
    ("value", "replaced"),
    [
        (
            {"url": "https://x.example/t/7/edit", "text": "7"},
            {"url": "https://x.example/t/8/edit", "text": "7"},
        ),
        ({"url": "https://x.example/t/77", "count": 7}, {"url": "https://x.example/t/77", "count": 7}),
        ([{"self": "https://x.example/7"}], [{"self": "https://x.example/8"}]),
    ],
)
def test_a_short_id_is_replaced_in_addresses_alone(value: object, replaced: object) -> None:
    assert replace_id(value, "7", "8") == replaced


def test_a_long_id_is_replaced_wherever_it_stands_alone() -> None:
    value = {"a": "id-123456", "b": 123456, "c": "see id-123456", "d": {"e": ["id-123456"]}}
    expected = {"a": "id-123457", "b": 123456, "c": "see id-123456", "d": {"e": ["id-123457"]}}
    assert replace_id(value, "id-123456", "id-123457") == expected


@pytest.mark.parametrize("new", ["²", "9" * 19, "9" * 5_000])
def test_an_id_that_is_no_plain_number_stays_text(new: str) -> None:
    assert replace_id({"id": 7}, "7", new, everywhere=True) == {"id": new}


def test_an_id_keeps_its_type() -> None:
    assert replace_id({"id": 7}, "7", "8", everywhere=True) == {"id": 8}
    assert replace_id({"id": "7"}, "7", "8", everywhere=True) == {"id": "8"}
