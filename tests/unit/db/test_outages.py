"""What counts as an outage of the database, and how often one is told."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from isthmus.db.outages import OutageReporter, describe_outage, find_outage, is_database_unavailable
from isthmus.errors import DatabaseUnavailable

SetClock = Callable[[float], None]

LOST_STATES = (
    "57P01",
    "57P02",
    "57P03",
    "57P05",
    "53100",
    "53300",
    "58030",
    "25006",
    "55P03",
    "08000",
    "08006",
)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SetClock:
    """Sets the time of the reporter."""

    def set_to(moment: float) -> None:
        monkeypatch.setattr("isthmus.db.outages.time.monotonic", partial(float, 1_000.0 + moment))

    return set_to


def refused(state: str) -> psycopg.Error:
    """The driver's error for a state."""
    return psycopg.errors.lookup(state)("refused")


@pytest.mark.parametrize(
    ("error", "is_outage"),
    [
        *((refused(state), True) for state in LOST_STATES),
        *((refused(state), False) for state in ("57014", "53200", "40001", "42P01")),
        (psycopg.OperationalError("connection refused"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.DataError("no number"), False),
        (ConnectionResetError(), True),
        (PoolTimeout(), True),
        (DatabaseUnavailable("no connection"), True),
        (ValueError(), False),
        (None, False),
    ],
    ids=lambda value: getattr(value, "sqlstate", None) or type(value).__name__,
)
def test_an_outage_is_told_from_a_statement_that_is_refused(
    error: BaseException | None, is_outage: bool
) -> None:
    assert is_database_unavailable(error) is is_outage
    if error is not None:
        assert is_database_unavailable(DBAPIError("SELECT 1", None, error)) is is_outage
        caused = RuntimeError()
        caused.__cause__ = error
        assert is_database_unavailable(caused) is is_outage


@pytest.mark.parametrize(
    ("code", "is_outage"),
    [
        (sqlite3.SQLITE_BUSY, True),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, True),
        (sqlite3.SQLITE_LOCKED, True),
        (sqlite3.SQLITE_CANTOPEN, True),
        (sqlite3.SQLITE_FULL, True),
        (sqlite3.SQLITE_IOERR_READ, True),
        (sqlite3.SQLITE_ERROR, False),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, False),
    ],
)
def test_an_outage_of_a_file_is_told_by_the_code(code: int, is_outage: bool) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    assert is_database_unavailable(error) is is_outage


def test_a_connection_that_was_invalidated_is_an_outage() -> None:
    error = DBAPIError("SELECT 1", None, ValueError(), connection_invalidated=True)
    assert is_database_unavailable(error)


@pytest.mark.parametrize(
    ("moments", "logged"),
    [
        ([0, 5, 10], 1),
        ([0, 10], 1),
        ([0, 10.5], 3),
        ([*range(0, 60, 10), 59.9], 1),
        ([*range(0, 60, 10), 60], 2),
        ([*range(0, 60, 10), 60, 65, 75], 2),
        ([*range(0, 60, 10), 60, 65, 75.5], 4),
    ],
)
def test_an_outage_is_logged_once_each_minute_and_at_its_end(
    clock: SetClock, caplog: pytest.LogCaptureFixture, moments: list[float], logged: int
) -> None:
    reporter = OutageReporter()
    for moment in moments:
        clock(moment)
        reporter.report("jobs wait", OSError("secret"))
    assert len(caplog.records) == logged
    assert reporter.last == 1_000.0 + moments[-1]
    assert "secret" not in caplog.text


def test_the_end_of_an_outage_is_logged_with_how_often_what_had_to_wait(
    clock: SetClock, caplog: pytest.LogCaptureFixture
) -> None:
    reporter = OutageReporter()
    for moment in (0.0, 1.0, 2.0, 3.0):
        clock(moment)
        reporter.report("jobs wait", OSError())
    reporter.report("requests are answered 503", OSError())
    for moment in (13.0, 13.1, 99.0):
        clock(moment)
        reporter.log_progress()
    assert [record.message for record in caplog.records] == [
        "the database is away (no connection): jobs wait",
        "the database is back after 3 s. Meanwhile: jobs wait (4), requests are answered 503 (1)",
    ]


def test_a_request_is_told_what_is_wrong_with_the_database() -> None:
    full = sqlite3.OperationalError("INSERT INTO secret")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    outage = find_outage(DBAPIError("INSERT INTO secret", None, full))
    assert outage is not None
    assert (outage.status, outage.reason) == (503, "the disk is full")
    assert int(outage.headers["retry-after"]) >= 1
    assert "secret" not in outage.message


def test_an_outage_is_found_among_the_errors_of_a_group() -> None:
    group = ExceptionGroup("", [ValueError(), ExceptionGroup("", [PoolTimeout()])])
    assert find_outage(group) is not None
    assert find_outage(ExceptionGroup("", [ValueError()])) is None


def test_an_os_error_of_a_request_is_no_outage_of_the_database() -> None:
    assert find_outage(ConnectionResetError()) is None
    assert describe_outage(ConnectionResetError()) == "no connection"
