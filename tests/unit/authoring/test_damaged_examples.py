"""Files of examples that are damaged: a message that names the file."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.contract.catalog import CATALOG

from isthmus.authoring.contract.catalog_entry import Models, read_entry
from isthmus.authoring.recording.example_files import plan_changes
from isthmus.authoring.recording.recorder import Recording
from isthmus.errors import SetupError

DEEP = "[" * 100_000
LONG_NUMBER = f"[{'9' * 5_000}]"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An integration with one file of examples, which a test fills."""
    (tmp_path / "examples").mkdir()
    (tmp_path / "integration.yaml").write_text("name: quillboard\n")
    return tmp_path


@pytest.mark.parametrize("text", ["", "{", DEEP, LONG_NUMBER], ids=["empty", "cut", "deep", "long number"])
def test_a_damaged_file_of_examples_is_named(folder: Path, text: str) -> None:
    path = folder / "examples" / "notes.list.json"
    path.write_text(text)
    with pytest.raises(SetupError, match=f"{path} cannot be read"):
        read_entry(folder, Models(CATALOG / "unified"))


def test_a_file_of_examples_that_the_system_does_not_give_is_named(folder: Path) -> None:
    """This one gives whoever reads it an input/output error."""
    path = folder / "examples" / "notes.list.json"
    path.symlink_to("/proc/self/mem")
    recorded = Recording("notes", "list", [{"request": {}, "response": {"status": 200}}])
    with pytest.raises(SetupError, match=f"{path} cannot be read"):
        read_entry(folder, Models(CATALOG / "unified"))
    with pytest.raises(SetupError, match=f"{path} cannot be read"):
        plan_changes(folder, [recorded], lambda _text: False)


@pytest.mark.parametrize(
    "text",
    ["{", DEEP, "{}", "[1]", '[{"response": 5}]', '[{"response": {"status": "200"}}]'],
    ids=["cut", "deep", "no list", "no objects", "no response", "no status"],
)
def test_a_recording_does_not_replace_a_file_that_it_cannot_read(folder: Path, text: str) -> None:
    path = folder / "examples" / "notes.list.json"
    path.write_text(text)
    recorded = Recording("notes", "list", [{"request": {}, "response": {"status": 200}}])
    with pytest.raises(SetupError, match=f"{path} (cannot be read|holds no exchanges)"):
        plan_changes(folder, [recorded], lambda _text: False)
