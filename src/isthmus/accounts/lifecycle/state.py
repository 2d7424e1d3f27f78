"""Reads and stores the state of an account's lifecycle while a stage is running."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.connected_definition import Stage
from isthmus.db.database import current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.tables import account_lifecycle
from isthmus.definitions.actions import Action
from isthmus.engine.evaluation import is_truthy
from isthmus.engine.steps import Progress
from isthmus.errors import IsthmusError
from isthmus.expressions import UNDEFINED

__all__ = [
    "CheckNotPassed",
    "LifecycleState",
    "StageFailed",
    "encrypt_progress",
    "list_replaceable_statuses",
    "parse_row",
    "require_passed",
    "start_validation",
]

_PROGRESS: Final = EncryptedJSON(account_lifecycle.c.progress)


class StageFailed(IsthmusError):
    """A stage failed although no step did: a result cannot be stored."""

    status = 422


class CheckNotPassed(IsthmusError):
    """All steps of a validation ran, and the last gave nothing truthy."""

    status = 422


@dataclass(frozen=True, slots=True)
class LifecycleState:
    """A row of `account_lifecycle` whose stage is running.

    `progress`: the results of the steps so far. `started_at`: when this process started or continued the
    stage; the stage's time limit counts from then. `since`: when the stage started, including crashes and
    retries. `is_requested`: False for a periodic validation. `was_failed`: the account had a failed status
    before."""

    account_id: str
    environment_id: str
    stage: Stage
    step: int
    progress: Progress
    started_at: datetime
    since: datetime
    is_reconnect: bool
    was_failed: bool
    revision: int
    is_requested: bool


def parse_row(conn: AsyncConnection, row: Mapping[str, Any]) -> LifecycleState:
    """Return the state that a row holds, with its progress decrypted."""
    stored = _PROGRESS.decrypt(get_key_ring(conn), row["id"], row["progress"]) or {}
    progress = Progress(dict(stored.get("named", {})), stored.get("last", UNDEFINED))
    return LifecycleState(
        account_id=row["id"],
        environment_id=row["environment_id"],
        stage=row["stage"],
        step=row["step"],
        progress=progress,
        started_at=current_time(conn),  # the time that a process was down does not count
        since=row["started_at"],
        is_reconnect=row["is_reconnect"],
        was_failed=row["was_failed"],
        revision=row["revision"],
        is_requested=row["due_at"] is None,
    )


def encrypt_progress(conn: AsyncConnection, state: LifecycleState) -> bytes | None:
    """Return the progress of the stage, encrypted for its row; None if there is none. Raises StageFailed if a
    result of a step is no JSON."""
    progress = state.progress
    plain: dict[str, Any] = {"named": progress.named}
    if progress.last is not UNDEFINED:
        plain["last"] = progress.last
    try:
        return _PROGRESS.encrypt(get_key_ring(conn), state.account_id, plain)
    except TypeError:  # bytes, a function, a number beyond 64 bits
        raise StageFailed(
            f"{state.stage}: what step {state.step - 1} gave cannot be kept, since it is no JSON. Take "
            "what is needed of it in the same step."
        ) from None


def start_validation(state: LifecycleState, now: datetime) -> LifecycleState:
    """Return the state at the start of the validation that follows post-install."""
    return replace(state, stage="validation", step=0, progress=Progress(), started_at=now, since=now)


def require_passed(state: LifecycleState, action: Action | None) -> None:
    """Raises CheckNotPassed if the result of the last step of a validation is not truthy. Other stages, and a
    validation without steps, pass."""
    if state.stage != "validation" or action is None or not action.steps:
        return
    last = state.progress.last
    if last is UNDEFINED or not is_truthy(last):
        raise CheckNotPassed("The check of the connection did not pass. Check what was entered.")


def list_replaceable_statuses(state: LifecycleState) -> frozenset[str]:
    """Return the account statuses that the result of the stage may replace. Any other status was set
    meanwhile, and stays."""
    return frozenset({"connecting" if state.is_requested else "active", "validation_error"})
