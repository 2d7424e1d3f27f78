"""Runs steps: those before and after a mapped call, and those of actions.

A step sees the names of its place (`StepScope`) and the account's context as it is by then. Steps run in
order; one that fails ends the run, unless it has `ignore_error`.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from isthmus.definitions.actions import (
    Action,
    FormStep,
    GetContextStep,
    RequestStep,
    SetContextStep,
    Step,
    TransformStep,
    UpdateContextStep,
)
from isthmus.definitions.integration import IntegrationConfig
from isthmus.engine.calls import NO_BODY
from isthmus.engine.evaluation import evaluate_mapping, is_truthy, make_template_scope, render
from isthmus.engine.step_requests import StepRequests
from isthmus.engine.upstream import Upstream
from isthmus.errors import IsthmusError, MappingFailed, NotExecutable
from isthmus.expressions import UNDEFINED, Expression
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["ActionScope", "Progress", "StepRunner", "StepScope", "make_action_runner", "run_action"]

_LOG = logging.getLogger("isthmus.engine")
_CLOCK: Final = SystemClock()


@dataclass(slots=True)
class Progress:
    """The results of the steps so far. `named`: by the step's `name`, else by `step_<index>`. `last`: that of
    the last step that ran, UNDEFINED before the first. `is_after`: the steps come after a mapped call, and
    `data` is the mapped data, which a transform step replaces."""

    named: dict[str, Any] = field(default_factory=dict)
    last: Any = UNDEFINED
    data: Any = UNDEFINED
    is_after: bool = False

    def record(self, step: Step, index: int, value: Any) -> None:
        """Keeps the result of a step that ran."""
        self.named[step.name or f"step_{index}"] = None if value is UNDEFINED else value
        self.last = value
        if isinstance(step, TransformStep) and self.is_after:
            self.data = value


class StepScope(Protocol):
    """The names and variables that the steps of one place see."""

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the names that expressions see. Templates see them too, over those of every template."""
        ...

    def bindings(self, progress: Progress) -> Mapping[str, object] | None:
        """Returns the variables of expressions by name, without their `$`; None for no variables."""
        ...


@dataclass(frozen=True, slots=True)
class ActionScope:
    """The scope of the steps of an action. `id`, `query`, `body`: the caller's, where there is one."""

    account: Mapping[str, Any]
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = NO_BODY

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the names that expressions and templates of the action's next step see."""
        return {
            **make_template_scope(context, id=self.id, query=self.query, body=self.body),
            "previous": progress.last,
            "steps": dict(progress.named),
            "account": self.account,
        }

    def bindings(self, progress: Progress) -> Mapping[str, object] | None:
        """Returns the variable `previous`, the result of the step before; None before the first."""
        return None if progress.last is UNDEFINED else {"previous": progress.last}


@dataclass(frozen=True, slots=True)
class StepRunner:
    """Runs the steps of one place. `where`: the field that holds them, for messages."""

    upstream: Upstream
    config: IntegrationConfig
    scope: StepScope
    where: str
    clock: Clock = _CLOCK

    async def run(self, steps: Sequence[Step], progress: Progress | None = None) -> Progress:
        """Runs the steps in order, and returns their results. Raises what a failing step raises,
        MappingFailed for an expression, NotExecutable for a form."""
        progress = progress or Progress()
        for index, step in enumerate(steps):
            try:
                await self.run_step(step, index, progress)
            except IsthmusError as error:
                if not step.ignore_error:
                    raise
                _LOG.warning("%s.%d failed with %s and is ignored", self.where, index, type(error).__name__)
        return progress

    async def run_step(self, step: Step, index: int, progress: Progress) -> bool:
        """Runs one step and keeps its result in `progress`. Returns False if its `run_if` keeps it from
        running. Raises what the step raises."""
        names, bindings = self._make_names(progress)
        if not await self._evaluate_run_if(step, index, names, bindings):
            return False
        value = await self._execute(step, f"{self.where}.{index}", progress, names, bindings)
        progress.record(step, index, value)
        return True

    async def should_run(self, step: Step, index: int, progress: Progress) -> bool:
        """Returns True if the step has no `run_if`, or a truthy one. Raises MappingFailed."""
        return await self._evaluate_run_if(step, index, *self._make_names(progress))

    def _make_names(self, progress: Progress) -> tuple[dict[str, Any], Mapping[str, object] | None]:
        """Returns the names and the variables that the expressions of the next step see; None for no
        variables."""
        return self.scope.names(progress, self.upstream.context), self.scope.bindings(progress)

    async def _evaluate_run_if(
        self, step: Step, index: int, names: dict[str, Any], bindings: Mapping[str, object] | None
    ) -> bool:
        """Returns True if the step has no `run_if`, or a truthy one."""
        if step.run_if is None:
            return True
        return is_truthy(await evaluate_mapping(f"{self.where}.{index}.run_if", step.run_if, names, bindings))

    async def _execute(
        self,
        step: Step,
        where: str,
        progress: Progress,
        names: dict[str, Any],
        bindings: Mapping[str, object] | None,
    ) -> Any:
        """Runs a step by its type, and returns its result. `where`: its place, for messages."""

        async def compute(expression: Expression | None) -> Any:
            """Returns the value of the step's expression; the result of the step before where it has none."""
            if expression is None:
                return progress.last
            return await evaluate_mapping(f"{where}.config.expression", expression, names, bindings)

        match step:
            case RequestStep():
                config = step.config
                if isinstance(config, Expression):
                    config = await evaluate_mapping(f"{where}.config", config, names, bindings)
                requests = StepRequests(self.upstream, self.config, self.clock)
                return await requests.send(config, names, f"{where}.config")
            case TransformStep():
                return await compute(step.config.expression)
            case UpdateContextStep():
                return await self._merge_into_context(await compute(step.config.expression), where)
            case SetContextStep():
                fixed = render(step.config, self._make_template_names(names), f"{where}.config")
                return await self._merge_into_context(fixed, where)
            case GetContextStep():
                return _find_in_context(self.upstream.context, step.config.path)
            case FormStep():
                raise NotExecutable(
                    f"{where} shows a form, and nobody is there to fill it in. Forms belong to "
                    "post_connect_user_form."
                )

    async def _merge_into_context(self, value: Any, where: str) -> Any:
        """Merges an object into the context, and returns it. Raises MappingFailed for anything else."""
        if not isinstance(value, Mapping):
            raise MappingFailed(
                f"{where} must give an object to merge into the context. Correct its config.",
                field=f"{where}.config",
                position=None,
                code="wrong_result",
            )
        await self.upstream.update_context(value)
        return value

    def _make_template_names(self, names: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the names that the templates of a step see."""
        return {**make_template_scope(self.upstream.context, id=None, query={}, body=NO_BODY), **names}


def _find_in_context(context: Mapping[str, Any], path: str) -> Any:
    """Returns the value at a dotted path of the context; UNDEFINED where there is none, the whole context for
    an empty path."""
    value: Any = dict(context)
    for name in path.split(".") if path else ():
        value = value.get(name, UNDEFINED) if isinstance(value, Mapping) else UNDEFINED
    return value


async def run_action(
    upstream: Upstream,
    config: IntegrationConfig,
    name: str,
    action: Action,
    *,
    id: str | None = None,
    query: Mapping[str, Any] | None = None,
    body: Any = NO_BODY,
    clock: Clock = _CLOCK,
) -> Any:
    """Runs an action. Returns the result of its last step that ran, None for none. Raises what the steps
    raise."""
    runner = make_action_runner(upstream, config, name, id=id, query=query, body=body, clock=clock)
    progress = await runner.run(action.steps)
    return None if progress.last is UNDEFINED else progress.last


def make_action_runner(
    upstream: Upstream,
    config: IntegrationConfig,
    name: str,
    *,
    id: str | None = None,
    query: Mapping[str, Any] | None = None,
    body: Any = NO_BODY,
    clock: Clock = _CLOCK,
) -> StepRunner:
    """Returns the runner of the steps of an action. `id`, `query`, `body`: of the caller, for the steps to
    see."""
    facts = upstream.account
    account = {"id": facts.id, "tenant_id": facts.tenant_id, "is_sandbox": facts.is_sandbox}
    scope = ActionScope(account, id, query or {}, body)
    return StepRunner(upstream, config, scope, f"actions.{name}.steps", clock)
