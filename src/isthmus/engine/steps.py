"""The one runner of steps (`definitions.md` §1.12, §3.6): before and after a mapped call, and in actions.

A step sees what its place gives it (`StepScope`) and the context as it is by then. Steps run in order; one
that fails ends the run, unless it says `ignore_error`.
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
from isthmus.engine.evaluation import (
    evaluate_mapping,
    is_truthy,
    make_template_scope,
    unresolved_placeholder_error,
)
from isthmus.engine.step_requests import StepRequests
from isthmus.engine.upstream import Upstream
from isthmus.errors import IsthmusError, MappingFailed, NotExecutable
from isthmus.expressions import UNDEFINED, Expression
from isthmus.expressions.placeholders import PlaceholderError
from isthmus.kit.clock import Clock, SystemClock

__all__ = ["ActionScope", "Progress", "StepRunner", "StepScope", "make_action_runner", "run_action"]

_LOG = logging.getLogger("isthmus.engine")
_CLOCK: Final = SystemClock()


@dataclass(slots=True)
class Progress:
    """What the steps gave so far. `named`: by `name`, else `step_<index>`. `last`: of the last step that ran,
    UNDEFINED before the first. `data`: what is mapped so far, and `is_after`: in `after` steps only."""

    named: dict[str, Any] = field(default_factory=dict)
    last: Any = UNDEFINED
    data: Any = UNDEFINED
    is_after: bool = False

    def took(self, step: Step, index: int, value: Any) -> None:
        self.named[step.name or f"step_{index}"] = None if value is UNDEFINED else value
        self.last = value
        if isinstance(step, TransformStep) and self.is_after:
            self.data = value


class StepScope(Protocol):
    """What the steps of one place see."""

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        """Of expressions; those of templates are these over the usual ones."""
        ...

    def bindings(self, progress: Progress) -> Mapping[str, object] | None:
        """Variables of expressions, without their `$`."""
        ...


@dataclass(frozen=True, slots=True)
class ActionScope:
    """Of an action. `id`, `query`, `body`: the caller's, where there is one."""

    account: Mapping[str, Any]
    id: str | None = None
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Any = NO_BODY

    def names(self, progress: Progress, context: Mapping[str, Any]) -> dict[str, Any]:
        return {
            **make_template_scope(context, id=self.id, query=self.query, body=self.body),
            "previous": progress.last,
            "steps": dict(progress.named),
            "account": self.account,
        }

    def bindings(self, progress: Progress) -> Mapping[str, object] | None:
        return None if progress.last is UNDEFINED else {"previous": progress.last}


@dataclass(frozen=True, slots=True)
class StepRunner:
    """`where`: the field that holds the steps, for messages."""

    upstream: Upstream
    config: IntegrationConfig
    scope: StepScope
    where: str
    clock: Clock = _CLOCK

    async def run(self, steps: Sequence[Step], progress: Progress | None = None) -> Progress:
        """Raises what a failing step raised, MappingFailed for an expression, NotExecutable for a form."""
        progress = progress or Progress()
        for index, step in enumerate(steps):
            try:
                await self.attempt(step, index, progress)
            except IsthmusError as failed:
                if not step.ignore_error:
                    raise
                _LOG.warning("%s.%d failed with %s and is ignored", self.where, index, type(failed).__name__)
        return progress

    async def attempt(self, step: Step, index: int, progress: Progress) -> bool:
        """One step; False where its `run_if` keeps it from running. Raises what it raises."""
        names, bindings = self._seen(progress)
        if not await self._wants(step, index, names, bindings):
            return False
        value = await self._value(step, f"{self.where}.{index}", progress, names, bindings)
        progress.took(step, index, value)
        return True

    async def wants(self, step: Step, index: int, progress: Progress) -> bool:
        """Whether its `run_if` lets a step run; so it does without one. Raises MappingFailed."""
        return await self._wants(step, index, *self._seen(progress))

    def _seen(self, progress: Progress) -> tuple[dict[str, Any], Mapping[str, object] | None]:
        """Names and variables of the expressions of one step."""
        return self.scope.names(progress, self.upstream.context), self.scope.bindings(progress)

    async def _wants(
        self, step: Step, index: int, names: dict[str, Any], bindings: Mapping[str, object] | None
    ) -> bool:
        if step.run_if is None:
            return True
        return is_truthy(await evaluate_mapping(f"{self.where}.{index}.run_if", step.run_if, names, bindings))

    async def _value(
        self,
        step: Step,
        where: str,
        progress: Progress,
        names: dict[str, Any],
        bindings: Mapping[str, object] | None,
    ) -> Any:
        async def computed(expression: Expression | None) -> Any:
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
                return await computed(step.config.expression)
            case UpdateContextStep():
                return await self._merge(await computed(step.config.expression), where)
            case SetContextStep():
                try:
                    fixed = step.config.render(self._template_names(names))
                except PlaceholderError as error:
                    raise unresolved_placeholder_error(f"{where}.config", error) from error
                return await self._merge(fixed, where)
            case GetContextStep():
                return _find_in_context(self.upstream.context, step.config.path)
            case FormStep():
                raise NotExecutable(
                    f"{where} shows a form, and nobody is there to fill it in. Forms belong to "
                    "post_connect_user_form."
                )

    async def _merge(self, value: Any, where: str) -> Any:
        if not isinstance(value, Mapping):
            raise MappingFailed(
                f"{where} must give an object to merge into the context. Correct its config.",
                field=f"{where}.config",
                position=None,
                code="wrong_result",
            )
        await self.upstream.update_context(value)
        return value

    def _template_names(self, names: Mapping[str, Any]) -> dict[str, Any]:
        return {**make_template_scope(self.upstream.context, id=None, query={}, body=NO_BODY), **names}


def _find_in_context(context: Mapping[str, Any], path: str) -> Any:
    """UNDEFINED where nothing is there; the whole context for an empty path."""
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
    """The result of the action's last step that ran; None for nothing. Raises what its steps raise."""
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
    """What runs the steps of an action, with what they see."""
    facts = upstream.account
    account = {"id": facts.id, "tenant_id": facts.tenant_id, "is_sandbox": facts.is_sandbox}
    scope = ActionScope(account, id, query or {}, body)
    return StepRunner(upstream, config, scope, f"actions.{name}.steps", clock)
