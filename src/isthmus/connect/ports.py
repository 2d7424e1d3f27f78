"""What the flow needs of what comes after it."""

from __future__ import annotations

from typing import Protocol

from isthmus.connect.screens import Offered, RapidForm
from isthmus.connect.sessions import Session

__all__ = ["RapidForms"]


class RapidForms(Protocol):
    """The form of an account that is active (`connect.md` §7)."""

    async def draw(self, session: Session, account_id: str, face: Offered) -> RapidForm | None:
        """None where its integration has no form. Raises RapidFormFailed where options cannot be fetched."""
        ...
