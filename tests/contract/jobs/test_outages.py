"""What counts as an outage of the database, and how often one is told."""

from __future__ import annotations

import logging
import sqlite3
from functools import partial

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from isthmus.jobs.database_outages import DatabaseUnavailable, OutageReporter, is_database_unavailable
from isthmus.jobs.lock_timeout import is_lock_conflict

LOST_STATES = ("57P01", "57P02", "57P03", "57P05", "53100", "53300", "58030", "08000", "08006")


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
        (DatabaseUnavailable(), True),
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


@pytest.mark.parametrize(("state", "is_conflict"), [("55P03", True), ("40P01", True), ("40001", False)])
def test_a_lock_that_is_waited_for_in_vain_is_a_conflict(state: str, is_conflict: bool) -> None:
    assert is_lock_conflict(DBAPIError("SELECT 1", None, refused(state))) is is_conflict


@pytest.mark.parametrize(
    ("moments", "logged"),
    [
        ([0, 5, 10], 1),
        ([0, 10], 1),
        ([0, 10.5], 2),
        ([*range(0, 60, 10), 59.9], 1),
        ([*range(0, 60, 10), 60], 2),
        ([*range(0, 60, 10), 60, 65, 75], 2),
    ],
)
def test_an_outage_is_logged_once_and_again_every_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, moments: list[float], logged: int
) -> None:
    reporter = OutageReporter()
    with caplog.at_level(logging.WARNING, "isthmus.jobs"):
        for moment in moments:
            monkeypatch.setattr(
                "isthmus.jobs.database_outages.time.monotonic", partial(float, 1_000.0 + moment)
            )
            reporter.report("jobs wait", OSError("secret"))
    assert len(caplog.records) == logged
    assert reporter.last == 1_000.0 + moments[-1]
    assert "secret" not in caplog.text
