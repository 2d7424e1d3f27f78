"""The setting of an environment for its unified calls: what becomes of names that nobody knows.

    {"unknown_names": "warn"}   the call is made, and its answer names them
    {"unknown_names": "refuse"} the call is answered with 400

New environments refuse; those without the setting warn.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from isthmus.errors import BadRequest, failure

__all__ = ["CALL_SETTING_NAMES", "NEW_SETTINGS", "check_call_settings", "refuses_unknown_names"]

_UNKNOWN_NAMES: Final = "unknown_names"
_REFUSE: Final = "refuse"
_CHOICES: Final = ("warn", _REFUSE)

CALL_SETTING_NAMES: Final = (_UNKNOWN_NAMES,)
NEW_SETTINGS: Final[Mapping[str, Any]] = {_UNKNOWN_NAMES: _REFUSE}
"""The settings of an environment that is created."""


def refuses_unknown_names(settings: Mapping[str, Any]) -> bool:
    """Return True if unified calls are refused that send a name which neither model nor mapping knows.
    `settings`: as they are stored."""
    return settings.get(_UNKNOWN_NAMES) == _REFUSE


def check_call_settings(settings: Mapping[str, Any]) -> None:
    """Raises BadRequest for an invalid value. Null is always valid: it removes the setting."""
    value = settings.get(_UNKNOWN_NAMES)
    if value is None or value in _CHOICES:
        return
    words = f"must be one of {', '.join(_CHOICES)}"
    raise BadRequest(
        f"settings.{_UNKNOWN_NAMES} {words}.",
        failures=[failure(f"settings.{_UNKNOWN_NAMES}", words, "bad_value")],
    )
