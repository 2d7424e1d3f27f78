"""Finds the account that a command calls: by its id, or by what only one account has."""

from __future__ import annotations

import re
from typing import Final

from isthmus.cli.record_output import Json, get_at_path, replace_control_characters
from isthmus.cli.remote.api_client import ApiClient
from isthmus.cli.remote.profiles.profile_file import Profiles
from isthmus.errors import SetupError

__all__ = ["ID_PATTERN", "choose_account"]

ID_PATTERN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
"""Matches the id of an account as a whole."""

_FILTERS: Final = ("integration.name", "tenant_id")
_MAX_CANDIDATES: Final = 10


async def choose_account(remote: ApiClient, account: str | None) -> str:
    """Returns the id of the account to call. `account`: its id, the name of its integration or its tenant id;
    None for the profile's account. Raises SetupError if there is none, or more than one."""
    chosen = account or Profiles().get_active_profile().get("defaultIntegratedAccount")
    if not chosen:
        raise SetupError(
            "no account: give one with --account, or store its id with `isthmus profiles set "
            "default-integrated-account <id>`. `isthmus accounts list` shows the accounts."
        )
    if ID_PATTERN.fullmatch(chosen):
        return chosen
    candidates: dict[str, Json] = {}
    for filter_name in _FILTERS:
        query = {filter_name: chosen, "limit": str(_MAX_CANDIDATES + 1)}
        rows, _ = await remote.fetch_page("/integrated-account", query)
        candidates |= {str(get_at_path(row, "id")): row for row in rows}
    if len(candidates) == 1:
        return next(iter(candidates))
    if not candidates:
        raise SetupError(
            f"no account has the integration or the tenant id {chosen}. `isthmus accounts list` shows the "
            "accounts."
        )
    shown = [_describe_account(id, row) for id, row in list(candidates.items())[:_MAX_CANDIDATES]]
    more = ["  …"] if len(candidates) > _MAX_CANDIDATES else []
    raise SetupError("\n".join([f"{chosen} is more than one account. Give the id of one:", *shown, *more]))


def _describe_account(id: str, row: Json) -> str:
    """Returns the line about an account in a list of candidates."""
    names = ("integration.name", "tenant_id", "status")
    texts = (id, *(str(get_at_path(row, name) or "") for name in names))
    return f"  {'  '.join(map(replace_control_characters, texts))}"
