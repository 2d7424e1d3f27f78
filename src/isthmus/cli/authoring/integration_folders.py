"""Finds the folder of an integration, given by path or by its name in the shipped catalogue."""

from __future__ import annotations

from pathlib import Path

from isthmus.errors import SetupError
from isthmus.integrations.catalog.shipped_files import find_catalog

__all__ = ["find_folder", "list_model_folders"]

_MAIN = "integration.yaml"


def find_folder(name: str) -> Path:
    """Returns the folder that `name` stands for: a folder, an `integration.yaml` in one, or a shipped
    integration.

    Raises SetupError if there is none.
    """
    path = Path(name)
    if path.name == _MAIN and path.is_file():
        return path.parent
    if path.is_dir():
        return path
    shipped = {
        path_of_file.parent.name: path_of_file.parent
        for path_of_file in find_catalog().path.glob(f"integrations/*/{_MAIN}")
    }
    if name in shipped:
        return shipped[name]
    raise SetupError(
        f"there is no folder {name}, and no integration of that name in the catalogue. Make one with "
        f"`isthmus integrations init {path.name}`, or name one of {', '.join(sorted(shipped))}."
    )


def list_model_folders(folder: Path, own: Path | None = None) -> tuple[Path, ...]:
    """Returns the folders with unified models for the integration in `folder`: `own`, beside it, then the
    shipped ones.

    Raises SetupError if there is no model in `own`.
    """
    if own is not None and not any(own.glob("*/model.yaml")):
        raise SetupError(f"{own} is no folder of unified models: --models names one with <name>/model.yaml.")
    sibling = folder.resolve().parent.parent / "unified"
    candidates = ([own] if own is not None else []) + ([sibling] if sibling.is_dir() else [])
    return (*candidates, find_catalog().path / "unified")
