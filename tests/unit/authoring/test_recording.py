"""Answers of status 400 and more are recorded as errors, and kept where they were written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.unit.engine.upstreams import MemoryUpstream, answer

from isthmus.authoring.contract.catalog_entry import CatalogEntry, Models
from isthmus.authoring.recording.example_files import FileChange, plan_changes
from isthmus.authoring.recording.recorder import Recorder, Recording
from isthmus.authoring.recording.redaction import Redaction

DESK = {
    "name": "desk",
    "config": {
        "base_url": "https://desk.example",
        "resources": {"notes": {"get": {"path": "/notes/{{id}}"}}},
    },
}


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_an_error_whose_body_is_broken_is_recorded_all_the_same(tmp_path: Path, status: int) -> None:
    entry = CatalogEntry("desk", tmp_path, Models(), DESK, {})
    upstream = MemoryUpstream([answer('{"fault', status)])
    recorder = Recorder(upstream, entry, entry.file.config, limit=3, pages=2, query={})
    await recorder.record_methods([("notes", "get")])
    (recording,) = await recorder.build_recordings(Redaction(b"key", frozenset()))
    assert recording.skipped is None
    (exchange,) = recording.exchanges
    assert exchange["request"] == {"path_params": {"id": "no-such-id"}}
    assert (exchange["response"]["status"], type(exchange["response"]["body"])) == (status, str)


def exchange(status: int, body: Any = None, provenance: str = "recorded") -> dict[str, Any]:
    return {"provenance": provenance, "request": {}, "response": {"status": status, "body": body}}


def plan(folder: Path, present: list[dict[str, Any]], recorded: list[dict[str, Any]]) -> FileChange:
    """What a recording does to a file with these exchanges."""
    path = folder / "examples" / "notes.list.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(present))
    (change,) = plan_changes(folder, [Recording("notes", "list", recorded)], lambda _text: False)
    return change


@pytest.mark.parametrize(
    ("status", "provenance", "is_kept"),
    [
        (400, "documented", True),
        (503, "documented", True),
        (399, "documented", False),
        (400, "recorded", False),
        (404, "documented", False),
    ],
)
def test_documented_errors_of_a_status_that_was_not_recorded_are_kept(
    tmp_path: Path, status: int, provenance: str, is_kept: bool
) -> None:
    present, recorded = exchange(status, "no", provenance), [exchange(200), exchange(404)]
    kept = json.loads(plan(tmp_path, [present], recorded).content)
    assert kept == [*recorded, *([present] if is_kept else [])]


@pytest.mark.parametrize(("status", "added", "changed"), [(400, 1, 0), (399, 0, 1)])
def test_an_error_is_another_exchange_than_the_success_of_the_same_request(
    tmp_path: Path, status: int, added: int, changed: int
) -> None:
    change = plan(tmp_path, [exchange(200)], [exchange(200), exchange(status)])
    assert (change.status, change.added, change.changed, change.removed) == ("changed", added, changed, 0)
