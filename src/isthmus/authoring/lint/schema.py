"""Whether a definition has the shape the server accepts, and keys that nobody reads (`schema`)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from isthmus.definitions.findings import Finding, section_of
from isthmus.definitions.load import failures_of

__all__ = ["parse", "salvaged"]

M = TypeVar("M", bound=BaseModel)

_ROUNDS: Final = 50


def parse(model: type[M], data: object) -> tuple[M | None, list[Finding]]:
    """The model, or None and what is wrong."""
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, [
            Finding(
                severity="error",
                section=section_of(item["path"]),
                source="jsonata" if item["code"] == "expression" else "schema",
                path=item["path"],
                message=item["message"],
                position=position,
            )
            for item, position in zip(failures_of(error, data), _positions(error), strict=False)
        ]


def salvaged(model: type[M], data: Any, findings: list[Finding]) -> M | None:
    """What is left of an invalid document without the parts that are wrong, so that rules which read a model
    still see the rest; None where nothing sensible is left."""
    rest = copy.deepcopy(data)
    for _ in range(_ROUNDS):
        if not findings or not _take_out(rest, findings[0].path):
            return None
        parsed, findings = parse(model, rest)
        if parsed is not None:
            return parsed
    return None


def _take_out(data: Any, path: str) -> bool:
    """Remove what stands at the path, or around it where it is missing; whether there was anything."""
    names = path.split(".")
    place = data
    for depth, name in enumerate(names):
        last = depth == len(names) - 1
        if isinstance(place, dict) and name in place:
            if last or not _holds(place[name], names[depth + 1]):
                del place[name]
                return True
            place = place[name]
        elif isinstance(place, list) and name.isdigit() and int(name) < len(place):
            if last or not _holds(place[int(name)], names[depth + 1]):
                del place[int(name)]
                return True
            place = place[int(name)]
        else:
            return False
    return False


def _holds(value: Any, name: str) -> bool:
    if isinstance(value, dict):
        return name in value
    return isinstance(value, list) and name.isdigit() and int(name) < len(value)


def _positions(error: ValidationError) -> Iterator[int | None]:
    for item in error.errors(include_url=False, include_input=False):
        yield (item.get("ctx") or {}).get("position")
