"""Who is calling."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

__all__ = ["Principal"]


@dataclass(frozen=True, slots=True)
class Principal:
    """What a valid token stands for (`api.md` §2). Everything the caller sees lies in `environment_id`.

    `user_id`: who created the token, None if nobody is known. `expires_at`: None = never.
    `integrated_account_id`: the one account that an account token opens; None for an API token.
    """

    kind: Literal["api_token", "account_token"]
    token_id: str
    token_name: str
    environment_id: str
    team_id: str
    user_id: str | None = None
    expires_at: datetime | None = None
    integrated_account_id: str | None = None

    @property
    def account_id(self) -> str:
        """Of an account token; never asked of an API token."""
        assert self.integrated_account_id is not None
        return self.integrated_account_id
