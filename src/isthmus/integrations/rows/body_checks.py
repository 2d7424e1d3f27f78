"""Checks request bodies before a row is written: field types, versions, taken names."""

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
    """Collects all failures of one request body, so that a caller gets them in one error.

    Each check adds a failure at `path` if `value` does not pass.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, str]] = []

    def add(self, path: str, message: str, code: str) -> None:
        """Adds a failure. `path`: the dotted path of the field. `code`: stable, for programs."""
        self.entries.append(failure(path, message, code))

    def check_slug(self, path: str, value: Any) -> None:
        """Adds a failure unless the value is a slug that is not reserved."""
        if not isinstance(value, str) or not _SLUG.fullmatch(value) or value in _RESERVED:
            self.add(
                path, "must be a slug: lower-case letters, digits, - and _, at most 64; not `meta`", "slug"
            )

    def check_one_of(self, path: str, value: Any, allowed: tuple[str, ...]) -> None:
        """Adds a failure unless the value is one of the allowed texts."""
        if value not in allowed:
            self.add(path, f"must be one of {', '.join(allowed)}", "enum")

    def check_object(self, path: str, value: Any) -> None:
        """Adds a failure unless the value is an object."""
        if not isinstance(value, Mapping):
            self.add(path, "must be an object", "type")

    def check_text(self, path: str, value: Any, *, max_length: int | None = None) -> None:
        """Adds a failure unless the value is a text that is not empty. `max_length`: the maximum number of
        characters, for columns that a database indexes."""
        if not isinstance(value, str) or not value:
            self.add(path, "must be a text that is not empty", "type")
        elif max_length is not None and len(value) > max_length:
            self.add(path, f"must have at most {max_length} characters, and has {len(value)}", "too_long")

    def check_text_or_null(self, path: str, value: Any) -> None:
        """Adds a failure unless the value is a text or null."""
        if value is not None and not isinstance(value, str):
            self.add(path, "must be a text or null", "type")

    def check_boolean(self, path: str, value: Any) -> None:
        """Adds a failure unless the value is true or false."""
        if not isinstance(value, bool):
            self.add(path, "must be true or false", "type")

    def raise_if_any(self, message: str) -> None:
        """Raises BadRequest if a failure was added. `message`: the start of its message."""
        if self.entries:
            first = self.entries[0]
            more = f" (and {len(self.entries) - 1} more in details.failures)" if len(self.entries) > 1 else ""
            raise BadRequest(f"{message}: {first['path']} {first['message']}{more}.", failures=self.entries)


def check_version(sent: Any, current: int) -> None:
    """Optimistic locking: raises Conflict if `sent` is not the row's current version.

    None skips the check. Raises BadRequest for a value that is not an integer.
    """
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
    """Returns the error for a name that another row has. `kind`: the noun with its article, such as `an
    integration`."""
    return Conflict(f"there is already {kind} named {name}. Choose another name, or update that one.")
