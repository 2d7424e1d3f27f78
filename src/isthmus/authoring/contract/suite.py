"""Lists all contract checks, and runs them on one integration."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from isthmus.authoring.contract import checks
from isthmus.authoring.contract.catalog_entry import CatalogEntry
from isthmus.authoring.contract.lost_values_check import check_lost_values
from isthmus.authoring.contract.missing_values_check import check_missing_values
from isthmus.authoring.contract.replay_upstreams import NotRecorded
from isthmus.authoring.contract.validation_check import check_validation
from isthmus.errors import IsthmusError

__all__ = ["CHECKS", "Check", "Outcome", "run_suite"]

CheckFunction: TypeAlias = Callable[[CatalogEntry], list[str] | Awaitable[list[str]]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the suite.

    `holds_when`: what is true of an integration that passes. `is_basic`: later checks are skipped if this one
    fails, except those with `runs_on_broken`.
    """

    name: str
    holds_when: str
    run: CheckFunction
    is_basic: bool = False
    runs_on_broken: bool = False


CHECKS: Final = (
    Check("shape", "each file has the shape of its kind", checks.check_file_shapes, is_basic=True),
    Check("lint", "neither errors nor warnings in any of its files", checks.check_lint,
          runs_on_broken=True),
    Check("executes", "it uses no feature that is still unsupported", checks.check_support),
    Check("names", "what mappings and examples refer to is defined", checks.check_references, is_basic=True),
    Check("examples", "each tool and each mapped method has an answer, each mapped list two pages, and each "
          "mapped resource an error", checks.check_example_coverage),
    Check("validation", "connecting fails where the provider refuses the credentials", check_validation),
    Check("records", "every answer maps to records that are valid against the model's schema",
          checks.check_records),
    Check("pages", "reading all pages ends, and gives each record once", checks.check_pagination),
    Check("reads", "each listed id can be read, and is the same record", checks.check_listed_ids),
    Check("errors", "each error is raised with its status, a message and the provider's own body",
          checks.check_errors),
    Check("fields", "each sourced field of the model is filled, or listed as unmapped with a reason",
          checks.check_field_coverage),
    Check("losses", "each value the provider sends changes the unified record when it changes, or is left "
          "out for a reason", check_lost_values),
    Check("gaps", "records stay valid when any one value of an answer is null or absent",
          check_missing_values),
    Check("writes", "what was read can be sent back", checks.check_writes),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one check. `complaints`: one sentence each. Status `skipped`: a basic check failed
    before."""

    name: str
    holds_when: str
    status: Literal["passed", "failed", "skipped"]
    complaints: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """Returns the outcome as JSON."""
        return {
            "name": self.name,
            "holds_when": self.holds_when,
            "status": self.status,
            "complaints": list(self.complaints),
        }


async def run_suite(entry: CatalogEntry, more: Sequence[Check] = ()) -> list[Outcome]:
    """Runs `CHECKS`, then `more`. Returns one outcome for each. A check that raises an error of ours has
    failed."""
    outcomes: list[Outcome] = []
    is_broken = False
    for check in (*CHECKS, *more):
        if is_broken and not check.runs_on_broken:
            outcomes.append(Outcome(check.name, check.holds_when, "skipped"))
            continue
        complaints = await _run_check(check, entry)
        outcomes.append(
            Outcome(check.name, check.holds_when, "failed" if complaints else "passed", complaints)
        )
        is_broken = is_broken or (check.is_basic and bool(complaints))
    return outcomes


async def _run_check(check: Check, entry: CatalogEntry) -> list[str]:
    """Runs one check, synchronous or not. Returns its complaints; an error of ours is one."""
    try:
        result = check.run(entry)
        return list(await result if inspect.isawaitable(result) else result)
    except (IsthmusError, NotRecorded) as error:
        return [str(error)]
