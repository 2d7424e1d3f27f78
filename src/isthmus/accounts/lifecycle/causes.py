"""Says why a stage of an account's lifecycle failed, so that each reader gets a text of their own."""

from __future__ import annotations

from typing import Literal

from isthmus.accounts.lifecycle.outages import is_outage
from isthmus.accounts.lifecycle.state import CheckNotPassed
from isthmus.errors import AccountError, IsthmusError, RemoteError, UpstreamError

__all__ = ["FailureCause", "find_cause"]

FailureCause = Literal["provider", "connection", "credentials", "check", "definition"]
"""`provider`: it refused, in words of its own. `connection`: no usable answer came. `credentials`: they are
refused. `check`: the last step of a validation gave nothing truthy. `definition`: its author can fix it."""


def find_cause(error: IsthmusError) -> FailureCause:
    """Returns the cause of a failure."""
    match error:
        case CheckNotPassed():
            return "check"
        case AccountError():
            return "credentials"
        case RemoteError() if not is_outage(error):
            return "provider"
        case UpstreamError():
            return "connection"
        case _:
            return "connection" if is_outage(error) else "definition"
