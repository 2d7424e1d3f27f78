"""Merging recordings into `examples/<resource>.<method>.json`: planning the changes of files, and writing
them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from isthmus.authoring.recording.recorder import Recording
from isthmus.authoring.recording.redaction import Redaction
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
        return {
            "path": str(self.path),
            "status": self.status,
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
        }


def plan_changes(folder: Path, recordings: Sequence[Recording], redaction: Redaction) -> list[FileChange]:
    """Returns the changes that writing the recordings makes.

    Raises SetupError if a file would contain a credential of the account, or an existing file cannot be read.
    """
    found = [
        _plan_change(folder / "examples" / f"{each.name}.json", each) for each in recordings if each.exchanges
    ]
    for change in found:
        if redaction.contains_secret(change.content):
            raise SetupError(
                f"{change.path} would hold one of the account's credentials, so nothing was written. Take "
                "the field that holds it out with --redact <dotted path>."
            )
    return found


def write_changes(found: Sequence[FileChange]) -> None:
    """Writes each file that changes; a file is replaced as a whole."""
    for change in found:
        if change.status == "unchanged":
            continue
        change.path.parent.mkdir(parents=True, exist_ok=True)
        draft = change.path.with_name(f".{change.path.name}.new")
        draft.write_text(change.content, encoding="utf-8")
        draft.replace(change.path)


def _plan_change(path: Path, recording: Recording) -> FileChange:
    """Returns the new content of one file, and how it differs from the present one."""
    before = _read_exchanges(path)
    after = [*recording.exchanges, *_keep_documented_errors(before, recording.exchanges)]
    content = json.dumps(after, indent=2, ensure_ascii=False) + "\n"
    old, new = _index_by_request(before), _index_by_request(after)
    if not path.is_file():
        return FileChange(path, content, "new", added=len(new))
    if before == after:
        return FileChange(path, content, "unchanged")
    return FileChange(
        path,
        content,
        "changed",
        added=len(new.keys() - old.keys()),
        changed=sum(1 for key in new.keys() & old.keys() if new[key] != old[key]),
        removed=len(old.keys() - new.keys()),
    )


def _keep_documented_errors(
    before: Sequence[Mapping[str, Any]], recorded: Sequence[Mapping[str, Any]]
) -> list[Any]:
    """Returns the hand-written (`documented`) errors in `before` whose status was not recorded; they stay in
    the file."""
    met = {each["response"]["status"] for each in recorded}
    return [
        each
        for each in before
        if each.get("provenance") == "documented"
        and each["response"]["status"] >= _MIN_ERROR_STATUS
        and each["response"]["status"] not in met
    ]


def _index_by_request(exchanges: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the exchanges by their request and by whether they are errors, as a JSON text."""
    return {
        json.dumps(
            [each.get("request", {}), each["response"]["status"] >= _MIN_ERROR_STATUS], sort_keys=True
        ): each
        for each in exchanges
    }


def _read_exchanges(path: Path) -> list[Any]:
    """Returns the exchanges in a file; empty if there is no file. Raises SetupError if it cannot be read."""
    if not path.is_file():
        return []
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and "response" in each for each in found
    ):
        raise SetupError(
            f"{path} holds no exchanges: `isthmus integrations validate {path}` tells what is wrong."
        )
    return found
