"""Runs a case on both sides and brings the results into one form that can be compared."""

from __future__ import annotations

import asyncio
import json
import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isthmus.expressions import UNDEFINED, ExpressionError, Services, compile
from isthmus.expressions.host import ArrayBuffer, Blob, Stream
from tests.npm import NODE, install_packages

__all__ = ["Case", "Outcome", "install_peer", "run_ours", "run_peer"]

PACKAGES = ("@truto/truto-jsonata@3.0.6", "jsonata@2.2.1")
MISSING = {"$": "undefined"}


@dataclass(frozen=True)
class Case:
    """`function` is what the case is about, without `$`."""

    function: str
    expression: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """A value in comparable form, or an error's message."""

    value: Any = None
    error: str | None = None

    def agrees(self, other: Outcome) -> bool:
        """Returns True if both are errors, or the same value."""
        if self.error is not None or other.error is not None:
            return self.error is not None and other.error is not None
        return same(self.value, other.value)


def same(ours: Any, theirs: Any) -> bool:
    """Returns True if two JSON values are the same."""
    if isinstance(ours, float) or isinstance(theirs, float):
        if isinstance(ours, bool) or isinstance(theirs, bool):
            return ours is theirs
        both = isinstance(ours, (int, float)) and isinstance(theirs, (int, float))
        return both and math.isclose(ours, theirs, rel_tol=1e-12, abs_tol=1e-300)
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return ours.keys() == theirs.keys() and all(same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    return bool(ours == theirs)


def install_peer() -> Path:
    """Installs the peer; returns its folder, with its script beside the packages it imports."""
    folder = install_packages(*PACKAGES)
    shutil.copy(Path(__file__).parent / "peer.mjs", folder / "peer.mjs")
    return folder


def run_peer(folder: Path, cases: Sequence[Case]) -> list[Outcome]:
    """Runs the cases in one process of Node; returns the original's outcome of each."""
    lines = "".join(json.dumps({"expression": case.expression, "data": case.data}) + "\n" for case in cases)
    done = subprocess.run(
        [NODE, "peer.mjs"],
        cwd=folder,
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        timeout=1_200,
        env={**os.environ, "TZ": "UTC"},
    )
    outcomes = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(outcomes) == len(cases), done.stderr[-2_000:]
    return [
        Outcome(error=entry["error"])
        if "error" in entry
        else Outcome(_to_comparable_peer_value(entry["value"]))
        for entry in outcomes
    ]


def _to_comparable_peer_value(value: Any) -> Any:
    """Returns the peer's value: dates and URLs as their JSON, missing fields left out."""
    if isinstance(value, list):
        return [None if item == MISSING else _to_comparable_peer_value(item) for item in value]
    if not isinstance(value, dict):
        return value
    name = value.get("$")
    if name in {"DateTime", "URL", "Date"}:
        return value["json"]
    if name in {"Blob", "ArrayBuffer", "ReadableStream"}:
        return {"$": name}
    hidden = (MISSING, {"$": "function"})
    return {key: _to_comparable_peer_value(item) for key, item in value.items() if item not in hidden}


def run_ours(case: Case, **settings: object) -> Outcome:
    """Runs a case in our functions; returns the outcome. `settings`: switches of functions."""
    services = Services(settings=settings)
    try:
        result = asyncio.run(compile(case.expression).evaluate_async(case.data, services=services))
    except ExpressionError as error:
        return Outcome(error=error.message)
    return Outcome(_to_comparable_value(result))


def _to_comparable_value(value: Any) -> Any:
    """Returns our value as JSON, without what is missing."""
    if value is UNDEFINED:
        return MISSING
    if isinstance(value, float):
        if not math.isfinite(value):
            return {"$": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    if isinstance(value, list):
        return [None if item is UNDEFINED else _to_comparable_value(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_comparable_value(item) for key, item in value.items() if item is not UNDEFINED}
    names = {Blob: "Blob", ArrayBuffer: "ArrayBuffer", Stream: "ReadableStream"}
    return {"$": names[type(value)]} if type(value) in names else value
