"""For whom a repository is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["EnvironmentScope", "Scope"]


class Scope(Protocol):
    """One environment and the team that owns it. A principal is one."""

    @property
    def environment_id(self) -> str: ...

    @property
    def team_id(self) -> str: ...


@dataclass(frozen=True, slots=True)
class EnvironmentScope:
    """A scope without a token behind it: bootstrap, local administration."""

    environment_id: str
    team_id: str
