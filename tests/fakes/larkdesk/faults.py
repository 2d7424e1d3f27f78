"""Faults on cue: what the next requests get in place of an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

__all__ = ["Fault", "FaultKind"]

FaultKind = Literal["status", "unauthorized", "hang", "reset", "garbage", "huge", "redirect", "empty_page"]


@dataclass(slots=True)
class Fault:
    """`path`: a prefix of the paths it strikes. `times`: how often; None for ever.

    `status` answers `code` with the fake's error envelope; `hang` holds the answer back for `seconds` of the
    fake's clock (or until the fake stops); `reset` drops the connection; `garbage` is no JSON under a JSON
    content type; `huge` streams `size` bytes; `redirect` points to `location`; `empty_page` is a page without
    records whose cursor goes on from the same place.
    """

    kind: FaultKind
    path: str = "/v1/"
    times: int | None = 1
    code: int = 500
    seconds: float = 3600.0
    size: int = 256 * 1024 * 1024
    location: str = "http://192.0.2.1/"

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"no fault {self.kind!r}; one of {', '.join(get_args(FaultKind))}")

    def strikes(self, path: str) -> bool:
        """Returns True if the fault applies to this request, and counts it then."""
        if not path.startswith(self.path) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True
