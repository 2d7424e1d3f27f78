"""What every write of this room checks before it touches a row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from isthmus.errors import BadRequest, Conflict, failure

__all__ = ["SHARING", "Failures", "check_version", "name_taken_error"]

SHARING: Final = ("deny", "ask", "allow")
_SLUG: Final = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?")
_RESERVED: Final = frozenset({"meta"})


class Failures:
    """Collects what is wrong with one body, so that a caller learns all of it at once."""

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def add(self, path: str, message: str, code: str) -> None:
        self.entries.append(failure(path, message, code))

    def slug(self, path: str, value: Any) -> None:
        if not isinstance(value, str) or not _SLUG.fullmatch(value) or value in _RESERVED:
            self.add(
                path, "must be a slug: lower-case letters, digits, - and _, at most 64; not `meta`", "slug"
            )

    def one_of(self, path: str, value: Any, allowed: tuple[str, ...]) -> None:
        if value not in allowed:
            self.add(path, f"must be one of {', '.join(allowed)}", "enum")

    def object(self, path: str, value: Any) -> None:
        if not isinstance(value, Mapping):
            self.add(path, "must be an object", "type")

    def text(self, path: str, value: Any, *, most: int | None = None) -> None:
        """`most`: of characters, for what a database keeps in an index."""
        if not isinstance(value, str) or not value:
            self.add(path, "must be a text that is not empty", "type")
        elif most is not None and len(value) > most:
            self.add(path, f"must have at most {most} characters, and has {len(value)}", "too_long")

    def text_or_null(self, path: str, value: Any) -> None:
        if value is not None and not isinstance(value, str):
            self.add(path, "must be a text or null", "type")

    def flag(self, path: str, value: Any) -> None:
        if not isinstance(value, bool):
            self.add(path, "must be true or false", "type")

    def throw(self, what: str) -> None:
        """Raises BadRequest if anything was added."""
        if self.entries:
            first = self.entries[0]
            more = f" (and {len(self.entries) - 1} more in details.failures)" if len(self.entries) > 1 else ""
            raise BadRequest(f"{what}: {first['path']} {first['message']}{more}.", failures=self.entries)


def check_version(sent: Any, current: int) -> None:
    """The optimistic lock (`api.md` §1.9, A2): optional; a stale one is a Conflict that tells the current."""
    if sent is None:
        return
    if isinstance(sent, bool) or not isinstance(sent, int):
        raise BadRequest(
            "version must be the whole number that was read with the row.",
            failures=[failure("version", "must be a whole number", "type")],
        )
    if sent != current:
        raise Conflict(
            f"version {sent} is stale: the row is at version {current}. Read it again, redo the change, "
            f"and send version {current}.",
            details={"version": current},
        )


def name_taken_error(kind: str, name: str) -> Conflict:
    return Conflict(f"there is already {kind} named {name}. Choose another name, or update that one.")
