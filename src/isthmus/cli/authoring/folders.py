"""Where an integration's files are: a folder, or the shipped catalogue under its name."""

from __future__ import annotations

from pathlib import Path

from isthmus.errors import SetupError
from isthmus.integrations.catalog.shipped_files import find_catalog

__all__ = ["folder_of", "unified_folders"]

_MAIN = "integration.yaml"


def folder_of(name: str) -> Path:
    """Of a folder, of the `integration.yaml` in one, or of a name in the shipped catalogue. Raises SetupError
    where there is none."""
    path = Path(name)
    if path.name == _MAIN and path.is_file():
        return path.parent
    if path.is_dir():
        return path
    shipped = {each.parent.name: each.parent for each in find_catalog().path.glob(f"integrations/*/{_MAIN}")}
    if name in shipped:
        return shipped[name]
    raise SetupError(
        f"there is no folder {name}, and no integration of that name in the catalogue. Make one with "
        f"`isthmus integrations init {path.name}`, or name one of {', '.join(sorted(shipped))}."
    )


def unified_folders(folder: Path) -> tuple[Path, ...]:
    """Folders of unified models for the integration in `folder`: those of the catalogue around it, then the
    shipped ones."""
    around = folder.resolve().parent.parent / "unified"
    return (*([around] if around.is_dir() else []), find_catalog().path / "unified")
