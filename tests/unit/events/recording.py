"""What tests of events share: events that happen, and subscribers that write down what they saw."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db import Database
from isthmus.events import (
    Occurrence,
    Relay,
    Subscribers,
    emit,
)
from isthmus.events.catalogue import IntegratedAccountDeleted
from isthmus.kit.ids import new_id

__all__ = ["HERE", "THERE", "Recorder", "happen", "relay_to"]

HERE, THERE = new_id(), new_id()
"""Two environments."""


async def happen(database: Database, *resources: str, environment_id: str = HERE) -> list[str]:
    """Records an event for each resource, in one transaction; returns their ids."""
    async with database.write() as conn:
        return [
            await emit(
                conn,
                IntegratedAccountDeleted.model_validate(
                    {"environment_id": environment_id, "payload": {"id": resource}}
                ),
            )
            for resource in resources
        ]


class Recorder:
    """A subscriber that fails for the resources in `refuses`."""

    def __init__(self) -> None:
        self.saw: list[str] = []
        self.refuses: set[str] = set()

    async def __call__(self, conn: AsyncConnection, occurrence: Occurrence) -> None:
        """Writes an event down, or fails."""
        if occurrence.resource_id in self.refuses:
            raise ValueError("not now")
        self.saw.append(occurrence.id)


def relay_to(database: Database, *recorders: Recorder, name: str = "*") -> Relay:
    """Builds a relay whose subscribers are the recorders. `name`: of the event, `*` for all."""
    subscribers = Subscribers()
    for number, recorder in enumerate(recorders):
        subscribers.subscribe(name, recorder, stable_name=f"recorder {number}")
    return Relay(database, subscribers)
