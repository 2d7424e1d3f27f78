"""Which errors mean that a transaction of the engine gave way."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from isthmus.db.outages import is_lock_conflict


@pytest.mark.parametrize(("state", "is_conflict"), [("55P03", True), ("40P01", True), ("40001", False)])
def test_a_lock_that_is_waited_for_in_vain_is_a_conflict(state: str, is_conflict: bool) -> None:
    error = psycopg.errors.lookup(state)("refused")
    assert is_lock_conflict(DBAPIError("SELECT 1", None, error)) is is_conflict
