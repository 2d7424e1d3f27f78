"""Finds names of catalogued products in the source, where none belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

__all__ = ["allowed_words", "product_names", "trespasses"]

_SHORT = 6
"""A shorter name is only looked for as a word of its own, a longer one anywhere."""


def product_names(catalog: Path) -> set[str]:
    """Returns the folders of `catalog/integrations`, in lower case."""
    folder = catalog / "integrations"
    return {entry.name.lower() for entry in folder.iterdir() if entry.is_dir()} if folder.is_dir() else set()


def allowed_words(path: Path) -> set[str]:
    """Returns the words that the list of wire words allows."""
    lines = (line.split("#", 1)[0].strip().lower() for line in path.read_text().splitlines())
    return {line for line in lines if line}


def _pattern(names: set[str]) -> re.Pattern[str] | None:
    """Returns a pattern that finds any of the names; None for no names."""

    def one(name: str) -> str:
        spelled = re.sub(r"[-_]", "[-_ ]?", name)
        return spelled if len(name) >= _SHORT else rf"(?<![a-z0-9]){spelled}(?![a-z0-9])"

    ordered = sorted(names, key=len, reverse=True)
    return re.compile("|".join(map(one, ordered)), re.IGNORECASE) if ordered else None


def trespasses(source: Path, names: set[str]) -> Iterator[str]:
    """Yields `path:line: word` for each name found in a text file under `source`."""
    pattern = _pattern(names)
    if pattern is None:
        return
    for path in sorted(source.rglob("*")):
        if not path.is_file() or "__pycache__" in path.parts:
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        relative = path.relative_to(source)
        for match in pattern.finditer(str(relative)):
            yield f"{relative}: {match.group()}"
        for number, line in enumerate(lines, 1):
            for match in pattern.finditer(line):
                yield f"{relative}:{number}: {match.group()}"
