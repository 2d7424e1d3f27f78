"""Date-times and durations, at the moment `running.NOW`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value

from isthmus.expressions.host.datetimes.durations import Duration
from isthmus.expressions.host.datetimes.value import DateTime
from isthmus.expressions.host.datetimes.zones import find_zone
from isthmus.expressions.limits import MAX_PICTURE_CHARS

CASES = [
    line.rsplit(" => ", 1)
    for line in (Path(__file__).parent / "datetime_cases.txt").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize(("expression", "expected"), CASES, ids=[expression for expression, _ in CASES])
def test_date_times_give_what_mapping_authors_know(expression: str, expected: str) -> None:
    found = json.loads(json.dumps(value(expression)))
    assert found == json.loads(expected)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("$dtFromFormat(missing, 'yyyy')", "fromFormat requires an input string and a format"),
        ("$dtFromFormat('2024', missing)", "fromFormat requires an input string and a format"),
        ("$dtFromFormat(null, 'yyyy')", "dtFromFormat: text and format must be text, not null"),
        ("$dtFromFormat(2024, 'yyyy')", "dtFromFormat: text and format must be text, not a number"),
        ("$dtFromFormat('2024', 2024)", "dtFromFormat: text and format must be text, not a number"),
        ("$dtFromIso('2024-01-31').plus({'foo': 1})", "Invalid unit foo"),
        ("$dtFromIso('2024-01-31').minus({'foo': 1})", "Invalid unit foo"),
        ("$dtFromIso('2024-01-31').startOf('foo')", "Invalid unit foo"),
        ("$dtFromIso('2024-01-31').endOf('foo')", "Invalid unit foo"),
        ("$dtFromIso('2024-01-31').set({'foo': 1})", "Invalid unit foo"),
        ("$dtFromIso('2024-01-31').plus({'days': true})", "Invalid unit value true"),
        (
            "$dtFromFormat('2024 3 1', 'kkkk W M')",
            "Can't mix weekYear/weekNumber units with year/month/day or ordinals",
        ),
        *(
            (
                f"$dtFromFormat('{text} 9', '{week} {other}')",
                "Can't mix weekYear/weekNumber units with year/month/day or ordinals",
            )
            for text, week in (("2024", "kkkk"), ("20", "WW"))
            for other in ("y", "M", "d", "o")
        ),
        ("$dtFromFormat('100 2', 'o d')", "Can't mix ordinal dates with month/day"),
        ("$dtFromFormat('100 2', 'o M')", "Can't mix ordinal dates with month/day"),
        ("$dtFromIso('2024-01-31').set({'ordinal': 1, 'day': 2})", "Can't mix ordinal dates with month/day"),
        (
            "$dtFromIso('2024-01-31').set({'ordinal': 1, 'month': 2})",
            "Can't mix ordinal dates with month/day",
        ),
        ("$dtFromIso('2024-01-31').set({'day': true})", "Invalid unit value true"),
        ("$dtFromIso('2024-01-31').set({'day': ''})", "Invalid unit value "),
        ("$dtFromIso('2024-01-31').set({'day': 1e17})", "Invalid unit value 100000000000000000"),
        ("$dtFromIso('2024-01-31').set({'day': -1e17})", "Invalid unit value -100000000000000000"),
        ("$dtFromIso('2024-01-31').plus({'days': ''})", "Invalid unit value "),
        ("$dtFromIso('2024-01-31').plus({'days': [1]})", "Invalid unit value 1"),
        ("$dtFromIso('2024-01-31').plus(1e17)", "Invalid unit value 100000000000000000"),
        (
            "$dtFromIso('2024-01-31').hasSame('2024-01-31', 'day')",
            "hasSame: the other value must be a date-time",
        ),
        (
            "$dtFromIso('2024-01-31').toFormat('MMMM', {'locale': 'xx'})",
            "Incorrect locale information provided: xx",
        ),
        (
            "$dtFromIso('2024-01-31').toFormat('MMMM', {'locale': '1'})",
            "Incorrect locale information provided: 1",
        ),
    ],
)
def test_date_time_errors(expression: str, message: str) -> None:
    assert error(expression).message == message


@pytest.mark.parametrize(
    "expression",
    [
        "$dtFromIso('2024-01-31').plus('x')",
        "$dtFromIso('2024-01-31').plus(missing)",
        "$dtFromIso('2024-01-31').plus(null)",
        "$dtFromIso('2024-01-31').toFormat(missing)",
        "$dtFromIso('2024-01-31').set({'weekNumber': 2, 'month': 3})",
    ],
)
def test_senseless_arguments_are_errors(expression: str) -> None:
    error(expression)


@pytest.mark.parametrize("week_field", ["weekYear", "weekNumber"])
@pytest.mark.parametrize("other", ["year", "month", "day", "ordinal"])
def test_week_fields_exclude_calendar_fields(week_field: str, other: str) -> None:
    tokens = {
        "weekYear": "kkkk",
        "weekNumber": "WW",
        "year": "yyyy",
        "month": "MM",
        "day": "dd",
        "ordinal": "ooo",
    }
    texts = {"kkkk": "2024", "WW": "02", "yyyy": "2024", "MM": "02", "dd": "02", "ooo": "002"}
    pattern = f"{tokens[week_field]} {tokens[other]}"
    text = f"{texts[tokens[week_field]]} {texts[tokens[other]]}"
    for expression in (
        f"$dtFromFormat('{text}', '{pattern}')",
        f"$dtFromIso('2024-01-31').set({{'{week_field}': 2, '{other}': 2}})",
    ):
        message = error(expression).message
        assert message == "Can't mix weekYear/weekNumber units with year/month/day or ordinals"


@pytest.mark.parametrize("name", ["../x", "America", "nowhere", "a" * 300])
def test_a_name_of_no_zone_is_none(name: str) -> None:
    assert find_zone(name) is None


def test_texts_of_times_are_read_up_to_a_length() -> None:
    longest = "2024-01-01T00:00:00.5" + "(" * (MAX_PICTURE_CHARS - 21)
    check("$dtFromFormat(t, 'yyyy').isValid", False, {"t": longest})
    assert error("$dtFromFormat(t, 'yyyy')", {"t": longest + "("}).code == "ISTHMUS_LIMIT"


@pytest.mark.parametrize("text", ["''", "null", "missing", "'x'", "5", "'2024-02-30'", "'2024-13-01'"])
def test_what_cannot_be_read_is_an_invalid_value_and_no_error(text: str) -> None:
    check(f"$dtFromIso({text}).isValid", False)


def test_years_run_from_1_to_9999() -> None:
    check("$dtFromIso('9999-12-01').plus({'years': 1}).isValid", False)
    check("$dtFromIso('2024-01-01').plus({'years': 1e9}).isValid", False)
    check("$dtFromIso('+012024-01-01').isValid", False)


def test_a_python_datetime_in_the_input_shows_the_members_of_a_date() -> None:
    data = {"at": datetime(2024, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)}
    check("at.toISOString()", "2024-01-02T03:04:05.678Z", data)
    check("at.getTime()", 1704164645678, data)
    check("$string({'a': at})", '{"a":"2024-01-02T03:04:05.678Z"}', data)


STAMPS = st.integers(-2_000_000_000_000, 4_000_000_000_000)
ZONES = st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])


@given(STAMPS, ZONES, st.integers(-400, 400))
def test_plus_days_keeps_the_local_time_as_zoneinfo_does(stamp: int, name: str, days: int) -> None:
    zone = find_zone(name)
    assert zone is not None
    moved = DateTime(stamp, zone).plus(Duration({"days": days}))
    local = datetime.fromtimestamp(stamp / 1000, ZoneInfo(name)).replace(microsecond=0)
    expected = (local.replace(tzinfo=None) + timedelta(days=days)).replace(tzinfo=ZoneInfo(name))
    exists = datetime.fromtimestamp(expected.timestamp(), ZoneInfo(name)).replace(tzinfo=None)
    if exists == expected.replace(tzinfo=None):
        assert moved.local.replace(microsecond=0) == exists


@given(STAMPS, ZONES, st.integers(-5_000, 5_000))
def test_minus_undoes_plus_for_hours(stamp: int, name: str, hours: int) -> None:
    zone = find_zone(name)
    assert zone is not None
    moment = DateTime(stamp, zone)
    there = moment.plus(Duration({"hours": hours}))
    assert there.plus(Duration({"hours": -hours})).epoch_ms == stamp


@given(STAMPS, STAMPS, st.lists(st.sampled_from(["years", "months", "weeks", "days", "hours"]), min_size=1))
def test_a_difference_added_to_the_start_gives_the_end(first: int, second: int, units: list[str]) -> None:
    start, end = sorted((first // 3_600_000 * 3_600_000, second // 3_600_000 * 3_600_000))
    wanted = [*units, "milliseconds"]
    data = {"a": start, "b": end, "units": wanted}
    assert (
        value(
            "($a := $dtFromFormat($string(a / 1000), 'fromSeconds'); $b := $dtFromFormat($string(b / 1000),"
            " 'fromSeconds'); $a.plus($b.diff($a, units)).toMillis() - b)",
            data,
        )
        == 0
    )
