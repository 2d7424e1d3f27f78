"""Every check of the suite, by name, and the outcome of running them on one integration."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from isthmus.authoring.contract import checks
from isthmus.authoring.contract.catalog_entry import Entry
from isthmus.authoring.contract.lost_values_check import nothing_is_lost
from isthmus.authoring.contract.missing_values_check import gaps_are_borne
from isthmus.authoring.contract.replay_upstreams import NotRecorded
from isthmus.errors import IsthmusError

__all__ = ["CHECKS", "Check", "Outcome", "run_suite"]

Run: TypeAlias = Callable[[Entry], list[str] | Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Check:
    """`holds_when`: what is true of an integration that passes. `is_basic`: the others cannot be run on one
    that fails it, but for those that `bears_anything` says."""

    name: str
    holds_when: str
    run: Run
    is_basic: bool = False
    bears_anything: bool = False


CHECKS: Final = (
    Check("shape", "each file has the shape of its kind", checks.has_its_shape, is_basic=True),
    Check("lint", "neither errors nor warnings in any of its files", checks.lint_is_clean,
          bears_anything=True),
    Check("executes", "nothing in it is still to be built", checks.executes),
    Check("names", "what mappings and examples refer to is defined", checks.names_exist, is_basic=True),
    Check("examples", "each mapped method has an answer, each list two pages, each resource an error",
          checks.examples_are_complete),
    Check("records", "every answer maps to records that are valid against the model's schema",
          checks.records_are_valid),
    Check("pages", "a walk comes to its end, with each record once", checks.pages_end),
    Check("reads", "each listed id can be read, and is the same record", checks.listed_records_can_be_read),
    Check("errors", "each is told with its status, a message and the product's own body", checks.errors_map),
    Check("fields", "each sourced field of the model is told, or left out for a reason",
          checks.fields_are_mapped),
    Check("losses", "each value the product sends changes the unified record when it changes, or is left out "
          "for a reason", nothing_is_lost),
    Check("gaps", "records stay valid where any one value of an answer is null or absent", gaps_are_borne),
    Check("writes", "what was read can be sent back", checks.writes_are_built),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """`complaints`: a sentence each. `skipped`: a basic check before it failed."""

    name: str
    holds_when: str
    status: Literal["passed", "failed", "skipped"]
    complaints: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "holds_when": self.holds_when,
            "status": self.status,
            "complaints": list(self.complaints),
        }


async def run_suite(entry: Entry, more: Sequence[Check] = ()) -> list[Outcome]:
    """Each of `CHECKS`, then `more`. A check that an integration makes fail altogether has failed."""
    outcomes: list[Outcome] = []
    is_broken = False
    for check in (*CHECKS, *more):
        if is_broken and not check.bears_anything:
            outcomes.append(Outcome(check.name, check.holds_when, "skipped"))
            continue
        complaints = await _complaints(check, entry)
        outcomes.append(
            Outcome(check.name, check.holds_when, "failed" if complaints else "passed", complaints)
        )
        is_broken = is_broken or (check.is_basic and bool(complaints))
    return outcomes


async def _complaints(check: Check, entry: Entry) -> list[str]:
    try:
        found = check.run(entry)
        return list(await found if inspect.isawaitable(found) else found)
    except (IsthmusError, NotRecorded) as error:
        return [str(error)]
