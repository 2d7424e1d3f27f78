"""Cron expressions: what is refused and how that is told; that firings come after a moment. How clocks are
followed that go forward and back: `tests/contract/jobs/test_schedules.py`."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice
from zoneinfo import ZoneInfo

import pytest

from isthmus.kit.cron import CronError, check_cron, find_next_firing, iterate_firings

MOMENT = datetime(2030, 1, 1, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize("expression", ["* * * *", "* * * * * *", "", "@reboot", "@weekly @daily"])
def test_an_expression_has_five_fields(expression: str) -> None:
    with pytest.raises(CronError, match="must have five fields"):
        iterate_firings(expression, "UTC", MOMENT)  # at once, before any firing is asked for


@pytest.mark.parametrize("expression", ["60 * * * *", "* * 0 * *", "a b c d e", "* * * * 8"])
def test_a_field_that_cannot_be_right_is_refused(expression: str) -> None:
    with pytest.raises(CronError, match="is no cron expression"):
        check_cron(expression, "UTC")


@pytest.mark.parametrize("zone", ["Nowhere/Land", "", "/etc/passwd", "../UTC", "Europe", "a\x00b"])
def test_a_time_zone_must_be_known(zone: str) -> None:
    with pytest.raises(CronError, match="is no time zone"):
        check_cron("* * * * *", zone)


@pytest.mark.parametrize(
    ("nickname", "first"),
    [
        ("@hourly", datetime(2030, 1, 1, 10, tzinfo=UTC)),
        (" @Daily ", datetime(2030, 1, 2, tzinfo=UTC)),
        ("@midnight", datetime(2030, 1, 2, tzinfo=UTC)),
        ("@weekly", datetime(2030, 1, 6, tzinfo=UTC)),
        ("@monthly", datetime(2030, 2, 1, tzinfo=UTC)),
        ("@yearly", datetime(2031, 1, 1, tzinfo=UTC)),
        ("@annually", datetime(2031, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_nickname_stands_for_an_expression(nickname: str, first: datetime) -> None:
    assert find_next_firing(nickname, "UTC", MOMENT) == first


def test_the_moment_itself_is_not_after_it() -> None:
    assert list(islice(iterate_firings("30 9 * * *", "UTC", MOMENT), 2)) == [
        datetime(2030, 1, 2, 9, 30, tzinfo=UTC),
        datetime(2030, 1, 3, 9, 30, tzinfo=UTC),
    ]


def test_no_firing_lies_before_the_moment_in_an_hour_that_comes_twice() -> None:
    """02:30 of that night in Berlin is first 00:30 UTC, then 01:30; the first of them is past."""
    moment = datetime(2030, 10, 27, 1, 15, tzinfo=UTC)
    assert moment.astimezone(ZoneInfo("Europe/Berlin")).hour == 2
    following = find_next_firing("30 2 * * *", "Europe/Berlin", moment)
    assert following == datetime(2030, 10, 28, 1, 30, tzinfo=UTC)
