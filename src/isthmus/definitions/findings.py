"""What a check says about a definition (`definitions.md` §6.3)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, TypeAlias

__all__ = ["Finding", "Severity", "section_of"]

Severity: TypeAlias = Literal["error", "warn", "info"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """`path` is dotted, from the top of the document; `line` is 1-based, None where the text is not known;
    `position` is 0-based in an expression's text. `section` is the part of the definition, `source` the
    family of rules; `fix` is what would be right."""

    severity: Severity
    section: str
    source: str
    message: str
    path: str = ""
    fix: str | None = None
    resource: str | None = None
    method: str | None = None
    line: int | None = None
    position: int | None = None

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def section_of(path: str) -> str:
    """The part of the definition a path belongs to, wherever the definition stands in its file."""
    names = path.removeprefix("config.").split(".")
    return "mapping" if names[0] == "cells" else names[0]
