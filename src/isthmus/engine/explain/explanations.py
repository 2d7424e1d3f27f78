"""Explains a call instead of sending it: the request it would send, by which method, after which steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from isthmus.definitions.actions import Action, Step
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine import custom, proxy
from isthmus.engine.calls import Call
from isthmus.engine.custom import CustomCall
from isthmus.engine.explain.dry_run import DryRun, NotSent, describe_request
from isthmus.engine.pagination import get_visible_cursor
from isthmus.engine.requests import build_request
from isthmus.engine.steps import Progress, StepRunner, make_action_runner
from isthmus.engine.unified.mapping_plans import UnifiedTarget
from isthmus.engine.unified.pipeline import CallStepScope, PreparedCall, prepare_call
from isthmus.engine.unified.request_mapping import CallerInput, map_request
from isthmus.engine.upstream import OutgoingRequest
from isthmus.errors import IsthmusError
from isthmus.expressions import run_in_turns
from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "CallExplanation",
    "ExplainedSteps",
    "describe_after_steps",
    "explain_action",
    "explain_custom",
    "explain_proxy",
    "explain_steps",
    "explain_unified",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallExplanation:
    """What a call would do. `request`: as `describe_request` returns it; None where it is not known, which
    `obstacle` explains. `waits_for`: the step before the call whose answer the request may depend on, None
    where it is certain. `resource`, `method`: of the integration, None where no method of it is called;
    `definition`: of that method. `aliases`: by alias of the model that the caller sent (`body.email`), what
    it was read as. `before`, `side_load`, `after`: the steps and further calls. `warnings`: what the call
    would leave out."""

    kind: str
    resource: str | None = None
    method: str | None = None
    definition: MethodDefinition | None = None
    request: Mapping[str, Any] | None = None
    obstacle: str | None = None
    waits_for: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    before: list[dict[str, Any]] = field(default_factory=list)
    side_load: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)
    warnings: tuple[CallWarning, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """The explanation as JSON."""
        definition = None
        if self.definition is not None:
            definition = self.definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return {
            "kind": self.kind,
            "request": self.request,
            "is_certain": self.request is not None and self.waits_for is None,
            "obstacle": self.obstacle,
            "waits_for": self.waits_for,
            "resource": self.resource,
            "method": self.method,
            "definition": definition,
            "aliases": self.aliases,
            "before": self.before,
            "side_load": self.side_load,
            "after": self.after,
            "warnings": [asdict(warning) for warning in self.warnings],
        }


async def explain_proxy(
    dry_run: DryRun, config: IntegrationConfig, resource: str, call: Call
) -> CallExplanation:
    """Explains a proxy call. Raises what the call would raise before sending."""
    try:
        await proxy.call_method(dry_run, config, resource, call)
    except NotSent as stopped:
        return await _explain_request("proxy", dry_run, config, stopped.request)
    raise AssertionError("a call ends by sending")


async def explain_custom(dry_run: DryRun, config: IntegrationConfig, call: CustomCall) -> CallExplanation:
    """Explains a custom call. Raises what the call would raise before sending."""
    try:
        await custom.call_custom(dry_run, config, call)
    except NotSent as stopped:
        return CallExplanation(
            kind="custom", request=await run_in_turns(describe_request, stopped.request, dry_run.context)
        )
    raise AssertionError("a call ends by sending")


async def explain_action(
    dry_run: DryRun, config: IntegrationConfig, name: str, action: Action, call: Call
) -> CallExplanation:
    """Explains an action: its steps are in `before`, since an action sends nothing else."""
    runner = make_action_runner(
        dry_run, config, name, id=call.record_id, query=call.query.nested, body=call.body
    )
    steps = await explain_steps(runner, dry_run, action.steps)
    return CallExplanation(kind="action", method=name, before=steps.entries, waits_for=steps.waits_for)


async def explain_unified(
    dry_run: DryRun,
    config: IntegrationConfig,
    target: UnifiedTarget,
    mapping: MappingConfig,
    call: Call,
    *,
    refuses_unknown_names: bool = False,
) -> CallExplanation:
    """Explains a unified call. Raises what the call would raise before sending; behind a step that was not
    run, that becomes the `obstacle`."""
    prepared = await prepare_call(
        config, target, mapping, call, dry_run.context, refuses_unknown_names=refuses_unknown_names
    )
    runner = StepRunner(dry_run, config, CallStepScope(prepared.caller), "before")
    steps = await explain_steps(runner, dry_run, mapping.before)
    caller = replace(prepared.caller, before=steps.progress.named, context=dry_run.context)
    request, obstacle = None, None
    try:
        request = await _describe_unified_request(dry_run, prepared, caller)
    except IsthmusError as error:
        if steps.waits_for is None:
            raise
        obstacle = error.message
    return CallExplanation(
        kind="unified",
        resource=prepared.method.resource,
        method=prepared.method.name,
        definition=prepared.method.definition,
        request=request,
        obstacle=obstacle,
        waits_for=steps.waits_for,
        aliases=prepared.aliases,
        before=steps.entries,
        side_load=[_describe_side_load(key, mapping) for key in mapping.side_load],
        after=describe_after_steps(mapping.after),
        warnings=prepared.caller.warnings,
    )


async def _describe_unified_request(
    dry_run: DryRun, prepared: PreparedCall, caller: CallerInput
) -> dict[str, Any]:
    """Describes the request that a unified call would send, as `describe_request` does."""
    method, cursor = prepared.method, prepared.cursor
    inputs = await map_request(prepared.plan, method, caller, get_visible_cursor(method.paginator, cursor))
    outgoing, _ = await run_in_turns(
        partial(
            build_request,
            method,
            inputs,
            dry_run.context,
            dry_run.account.authentication_method,
            cursor,
            cursor_key=dry_run.account.cursor_key,
        )
    )
    return await run_in_turns(describe_request, outgoing, dry_run.context)


def _describe_side_load(key: str, mapping: MappingConfig) -> dict[str, Any]:
    """Describes a side load, which an explanation never runs: `{key, resource, method, outcome, reason}`."""
    spec = mapping.side_load[key]
    return {
        "key": key,
        "resource": spec.resource,
        "method": spec.method,
        "outcome": "not_run",
        "reason": "runs for each record of the answer",
    }


async def _explain_request(
    kind: str, dry_run: DryRun, config: IntegrationConfig, outgoing: OutgoingRequest
) -> CallExplanation:
    """Explains a call that consists of one request of a method. `kind`: of the call, for the caller."""
    operation = outgoing.operation
    return CallExplanation(
        kind=kind,
        resource=operation.resource,
        method=operation.method,
        definition=config.find_method(operation.resource, operation.method),
        request=await run_in_turns(describe_request, outgoing, dry_run.context),
    )


@dataclass(frozen=True, slots=True)
class ExplainedSteps:
    """Steps, run as far as they can be without an answer of the provider. `entries`: one per step, `{name,
    type, outcome, reason?, request?}`; `outcome` is `ran`, `skipped`, `failed` or `not_run`. `waits_for`:
    the first step that needs an answer, None where all could be run."""

    entries: list[dict[str, Any]]
    progress: Progress
    waits_for: str | None


async def explain_steps(runner: StepRunner, upstream: DryRun, steps: Sequence[Step]) -> ExplainedSteps:
    """Runs the steps that send nothing, on the dry run's own context. A step that sends a request, and all
    behind it, are listed and not run. Raises what a step raises that would end the call."""
    entries: list[dict[str, Any]] = []
    progress = Progress()
    waits_for: str | None = None
    for index, step in enumerate(steps):
        entry: dict[str, Any] = {"name": step.name or f"step_{index}", "type": step.type}
        entries.append(entry)
        if waits_for is not None:
            entry |= {"outcome": "not_run", "reason": f"comes after {waits_for}, whose answer it may read"}
            continue
        try:
            ran = await runner.run_step(step, index, progress)
            entry["outcome"] = "ran" if ran else "skipped"
        except NotSent as stopped:
            waits_for = entry["name"]
            request = await run_in_turns(describe_request, stopped.request, upstream.context)
            entry |= {"outcome": "not_run", "reason": "needs the provider's answer", "request": request}
        except IsthmusError as error:
            if not step.ignore_error:
                raise
            entry |= {"outcome": "failed", "reason": error.message}
    return ExplainedSteps(entries, progress, waits_for)


def describe_after_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Describes the steps that run on the mapped answer, none of which is run: one `{name, type, outcome,
    reason}` each."""
    return [
        {
            "name": step.name or f"step_{index}",
            "type": step.type,
            "outcome": "not_run",
            "reason": "runs on the mapped answer",
        }
        for index, step in enumerate(steps)
    ]
