"""Plans and writes `examples/<resource>.<method>.json` from recordings. Replaces a file's exchanges, but
keeps hand-written error examples."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from isthmus.authoring.recording.recorder import Recording
from isthmus.errors import SetupError

__all__ = ["FileChange", "plan_changes", "write_changes"]

_MIN_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True)
class FileChange:
    """What writing a recording does to one file.

    `added`, `changed`, `removed`: numbers of exchanges, which are compared by their request.
    """

    path: Path
    content: str
    status: Literal["new", "changed", "unchanged"]
    added: int = 0
    changed: int = 0
    removed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Returns the change as JSON, without the content."""
        return {
            "path": str(self.path),
            "status": self.status,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
        }


def plan_changes(
    folder: Path, recordings: Sequence[Recording], contains_secret: Callable[[str], bool]
) -> list[FileChange]:
    """Returns the files to write for the recordings, without writing them. A recording replaces the exchanges
    of its file; documented errors of a status that was not recorded stay.

    `contains_secret`: returns True for a text that holds a credential of the account. Raises SetupError if a
    file would hold one, or an existing file cannot be read.
    """
    changes = [
        _plan_change(folder / "examples" / f"{recording.name}.json", recording)
        for recording in recordings
        if recording.exchanges
    ]
    for change in changes:
        if contains_secret(change.content):
            raise SetupError(
                f"{change.path} would hold one of the account's credentials, so nothing was written. Take "
                "the field that holds it out with --redact <dotted path>."
            )
    return changes


def write_changes(changes: Sequence[FileChange]) -> None:
    """Writes each file that changes, as a whole and in one step."""
    for change in changes:
        if change.status == "unchanged":
            continue
        change.path.parent.mkdir(parents=True, exist_ok=True)
        new_file = change.path.with_name(f".{change.path.name}.new")
        new_file.write_text(change.content, encoding="utf-8")
        new_file.replace(change.path)


def _plan_change(path: Path, recording: Recording) -> FileChange:
    """Compares the new content of one file with the present one."""
    present_exchanges = _read_exchanges(path)
    new_exchanges = [
        *recording.exchanges,
        *_select_documented_errors_to_keep(present_exchanges, recording.exchanges),
    ]
    content = json.dumps(new_exchanges, indent=2, ensure_ascii=False) + "\n"
    present_by_request, new_by_request = (
        _index_by_request(present_exchanges),
        _index_by_request(new_exchanges),
    )
    if not path.is_file():
        return FileChange(path, content, "new", added=len(new_by_request))
    if present_exchanges == new_exchanges:
        return FileChange(path, content, "unchanged")
    return FileChange(
        path,
        content,
        "changed",
        added=len(new_by_request.keys() - present_by_request.keys()),
        changed=sum(
            1
            for key in new_by_request.keys() & present_by_request.keys()
            if new_by_request[key] != present_by_request[key]
        ),
        removed=len(present_by_request.keys() - new_by_request.keys()),
    )


def _select_documented_errors_to_keep(
    present: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Returns the hand-written (`documented`) errors among the exchanges of a file whose status was not
    recorded."""
    recorded_statuses = {each["response"]["status"] for each in recorded}
    return [
        each
        for each in present
        if each.get("provenance") == "documented"
        and each["response"]["status"] >= _MIN_ERROR_STATUS
        and each["response"]["status"] not in recorded_statuses
    ]


def _index_by_request(exchanges: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the exchanges by a JSON text of their request and of whether they are errors."""
    return {
        json.dumps(
            [exchange.get("request", {}), exchange["response"]["status"] >= _MIN_ERROR_STATUS], sort_keys=True
        ): exchange
        for exchange in exchanges
    }


def _read_exchanges(path: Path) -> list[Any]:
    """Reads the exchanges in a file; none if there is no file. Raises SetupError if it cannot be read."""
    if not path.is_file():
        return []
    try:
        exchanges = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    if not isinstance(exchanges, list) or not all(map(_has_status, exchanges)):
        raise SetupError(
            f"{path} holds no exchanges: `isthmus integrations validate {path}` tells what is wrong."
        )
    return exchanges


def _has_status(exchange: object) -> bool:
    """Returns True for an object with the status of a response."""
    response = exchange.get("response") if isinstance(exchange, dict) else None
    return isinstance(response, dict) and isinstance(response.get("status"), int)
