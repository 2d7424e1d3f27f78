"""The environment and team for which a repository is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

__all__ = ["EnvironmentScope", "Scope"]


class Scope(Protocol):
    """One environment and the team that owns it. A principal satisfies this protocol."""

    @property
    def environment_id(self) -> str:
        """The id of the environment."""

    @property
    def team_id(self) -> str:
        """The id of the team that owns it."""


@dataclass(frozen=True, slots=True)
class EnvironmentScope:
    """A scope for code that no token authenticates: bootstrap and local administration."""

    environment_id: str
    team_id: str
