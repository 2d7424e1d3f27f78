"""Which steps a call would run, as far as that can be told without an answer of the provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from isthmus.definitions.actions import Step
from isthmus.engine.dry_run import DryRun, NotSent, shown_request
from isthmus.engine.steps import Progress, StepRunner
from isthmus.errors import IsthmusError
from isthmus.expressions import run_in_turns

__all__ = ["PlannedSteps", "plan_steps", "unasked_steps"]


@dataclass(frozen=True, slots=True)
class PlannedSteps:
    """`shown`: one entry a step, `{name, type, outcome, reason?, request?}`; `outcome` is `ran`, `skipped`,
    `failed` or `not_run`. `waits_for`: the first step that needs an answer, None where all could be run."""

    shown: list[dict[str, Any]]
    progress: Progress
    waits_for: str | None


async def plan_steps(runner: StepRunner, upstream: DryRun, steps: Sequence[Step]) -> PlannedSteps:
    """Runs what asks nobody, on the dry run's own context; a request, and all that comes after one, is named
    and not run. Raises what a step raises that would end the call."""
    shown: list[dict[str, Any]] = []
    progress = Progress()
    waits_for: str | None = None
    for index, step in enumerate(steps):
        entry: dict[str, Any] = {"name": step.name or f"step_{index}", "type": step.type}
        shown.append(entry)
        if waits_for is not None:
            entry |= {"outcome": "not_run", "reason": f"comes after {waits_for}, whose answer it may read"}
            continue
        try:
            ran = await runner.attempt(step, index, progress)
            entry["outcome"] = "ran" if ran else "skipped"
        except NotSent as stopped:
            waits_for = entry["name"]
            request = await run_in_turns(shown_request, stopped.request, upstream.context)
            entry |= {"outcome": "not_run", "reason": "needs the provider's answer", "request": request}
        except IsthmusError as failed:
            if not step.ignore_error:
                raise
            entry |= {"outcome": "failed", "reason": failed.message}
    return PlannedSteps(shown, progress, waits_for)


def unasked_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Of steps that run on the provider's answer to the call itself."""
    return [
        {
            "name": step.name or f"step_{index}",
            "type": step.type,
            "outcome": "not_run",
            "reason": "runs on the mapped answer",
        }
        for index, step in enumerate(steps)
    ]
