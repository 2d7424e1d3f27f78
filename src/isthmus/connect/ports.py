"""What the flow needs of what comes after it."""

from __future__ import annotations

from typing import Literal, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.connect.screens import Offered, RapidForm
from isthmus.connect.sessions import Session

__all__ = ["Lifecycle", "RapidForms"]


class Lifecycle(Protocol):
    """An account between saved and active (`connect.md` §6)."""

    async def begin(self, conn: AsyncConnection, environment_id: str, account_id: str) -> None:
        """Has post-install and validation run, as a job of the caller's transaction; an account whose
        integration defines neither is active at once."""
        ...

    async def stage(self, conn: AsyncConnection, account_id: str) -> Literal["post_install", "validation"]:
        """What is running for an account that is `connecting`."""
        ...


class RapidForms(Protocol):
    """The form of an account that is active (`connect.md` §7)."""

    async def draw(self, session: Session, account_id: str, face: Offered) -> RapidForm | None:
        """None where its integration has no form. Raises RapidFormFailed where options cannot be fetched."""
        ...
