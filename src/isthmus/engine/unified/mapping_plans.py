"""Compiles mappings to plans: what is known of a unified call before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.aliases import add_aliases, list_aliases
from isthmus.definitions.mapping import MappingConfig, MethodChoice, ResourceChoice, SideLoad
from isthmus.definitions.object_mapping import ObjectMapping
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.definitions.unsupported_features import find_unsupported_steps
from isthmus.engine.evaluation import evaluate_mapping
from isthmus.engine.input_schemas import InputSchema
from isthmus.engine.method_plans import PlanCache, suggest_names
from isthmus.engine.unified.aliases import AliasPlan, plan_aliases
from isthmus.engine.unified.call_names import CallNames
from isthmus.engine.unified.caller_reads import find_caller_reads
from isthmus.engine.unified.remote_data import REMOTE_DATA
from isthmus.errors import BadRequest, NotExecutable, NotFound, failure
from isthmus.expressions import Expression

__all__ = [
    "MappingPlan",
    "ResponseView",
    "SideLoadPlan",
    "UnifiedTarget",
    "choose_name",
    "merge_schemas",
    "plan_mapping",
    "require_method",
]

_VIRTUAL_KEYS: Final = ("body", "headers", "statusCode")
_CURSORS: Final = ("next_cursor", "prev_cursor")


@dataclass(frozen=True, slots=True, eq=False)
class UnifiedTarget:
    """The unified resource that is called. `definition`: what the environment's model says of it.
    `integration`: the name of the account's integration, "" where it does not matter."""

    model: str
    resource: str
    definition: UnifiedResource
    integration: str = ""

    @property
    def name(self) -> str:
        """Model and resource: `crm/contacts`."""
        return f"{self.model}/{self.resource}"


@dataclass(frozen=True, slots=True)
class ResponseView:
    """What a mapping reads of an answer. `virtual`: the keys among `body`, `headers` and `statusCode` that
    it reads, which `response` needs beside the data's own. `reads_whole`: it reads `response` as the whole
    answer where the data is no object."""

    virtual: tuple[str, ...]
    reads_whole: bool

    @classmethod
    def from_mapping(cls, mapping: Expression | ObjectMapping | None) -> ResponseView:
        """Finds out what the expressions of a mapping read of an answer: for no mapping, nothing."""
        if mapping is None:
            return cls((), reads_whole=False)
        return cls(
            tuple(name for name in _VIRTUAL_KEYS if mapping.reads_field(name)),
            reads_whole=any(mapping.reads_path("response", name) for name in _VIRTUAL_KEYS),
        )


@dataclass(frozen=True, slots=True)
class SideLoadPlan:
    """One side load of a mapping. `key`: of the record, for its mapped answer."""

    key: str
    spec: SideLoad
    response: ResponseView


@dataclass(frozen=True, slots=True, eq=False)
class MappingPlan:
    """A mapping, compiled for one unified method. `response`, `header_response`: what the two mappings of an
    answer read. `handles_remote_data`: the body's mapping reads `remote_data` itself, so nothing more is done
    with it. `scopes`: OAuth scopes that the model names for this integration and method, beside those of the
    provider's method. `names_cursors`, `names_way_back`: the mapping of the answer may set cursors itself,
    and `prev_cursor` among them. `places_cursor`: the body's mapping reads the cursor itself, so no page
    overwrites where it put it. `call_names`: the names that a call may send."""

    mapping: MappingConfig
    definition: UnifiedResource
    query_schema: InputSchema
    body_schema: InputSchema
    aliases: AliasPlan
    response: ResponseView
    header_response: ResponseView
    side_loads: tuple[SideLoadPlan, ...]
    handles_remote_data: bool
    scopes: tuple[str, ...]
    names_cursors: bool
    names_way_back: bool
    places_cursor: bool
    call_names: CallNames


_PLANS: Final[PlanCache[MappingConfig, tuple[str, str], MappingPlan]] = PlanCache()


def plan_mapping(mapping: MappingConfig, target: UnifiedTarget, method: str) -> MappingPlan:
    """Returns the plan of a mapping, the same object for the same mapping and target. Raises NotExecutable
    for a field that is not supported yet."""
    plans = _PLANS.get_entries(mapping)
    key = (target.integration, method)
    plan = plans.get(key)
    if plan is None or plan.definition is not target.definition:
        plan = plans[key] = _make_plan(mapping, target, method)
    return plan


def _make_plan(mapping: MappingConfig, target: UnifiedTarget, method: str) -> MappingPlan:
    """Compiles a mapping. The plan holds a copy of `mapping`, which owns it (see `PlanCache`). Raises
    NotExecutable for a step that cannot be executed."""
    for finding in find_unsupported_steps(mapping):
        raise NotExecutable(
            f"The mapping of {target.name} {method} uses {finding.path}, and {finding.message}. Remove it."
        )
    definition = target.definition
    body_mapping, answer_mapping = mapping.request_body_mapping, mapping.response_mapping
    reads = find_caller_reads(mapping)
    aliases = list_aliases(definition.aliases, definition.record_schema)
    query_schema = merge_schemas(definition.query_schema.get(method), mapping.query_schema)
    body_schema = merge_schemas(definition.request_body_schema.get(method), mapping.request_body_schema)
    handles_remote_data = body_mapping is not None and body_mapping.reads_field(REMOTE_DATA)
    return MappingPlan(
        mapping=mapping.model_copy(),
        definition=definition,
        query_schema=InputSchema(query_schema),
        body_schema=InputSchema(body_schema),
        aliases=plan_aliases(reads, definition, method, query_schema, body_schema),
        response=ResponseView.from_mapping(mapping.response_mapping),
        header_response=ResponseView.from_mapping(mapping.response_header_mapping),
        side_loads=tuple(
            SideLoadPlan(key, spec, ResponseView.from_mapping(spec.response_mapping))
            for key, spec in mapping.side_load.items()
        ),
        handles_remote_data=handles_remote_data,
        names_cursors=answer_mapping is not None and any(map(answer_mapping.can_give_key, _CURSORS)),
        names_way_back=answer_mapping is not None and answer_mapping.can_give_key("prev_cursor"),
        places_cursor=body_mapping is not None and body_mapping.reads_field("cursor", "next_cursor"),
        scopes=definition.scopes.get(target.integration, {}).get(method, ()),
        call_names=CallNames(
            reads=reads,
            query_schema=add_aliases(query_schema or {}, aliases),
            body_schemas=(add_aliases(definition.record_schema, aliases), body_schema),
            target=f"{target.name} {method}",
            handles_remote_data=handles_remote_data,
            maps_body=body_mapping is not None,
        ),
    )


def merge_schemas(low: Mapping[str, Any] | None, high: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Merges two layers of a JSON Schema: objects by key, anything else as `high` (the mapping) has it.
    Returns None where both are None."""
    if not low or not high:
        return high or low
    return {
        **low,
        **{
            key: merge_schemas(low[key], value)
            if isinstance(value, Mapping) and isinstance(low.get(key), Mapping)
            else value
            for key, value in high.items()
        },
    }


def require_method(target: UnifiedTarget, method: str) -> None:
    """Raises NotFound for a method that the model does not allow on this resource."""
    allowed = target.definition.methods
    if allowed and method not in allowed:
        raise NotFound(
            f"{target.name} has no method {method!r}. {suggest_names(method, allowed, 'Its methods')}",
            details={"model": target.model, "resource": target.resource, "method": method},
        )


async def choose_name(
    field: str,
    choice: str | ResourceChoice | MethodChoice | None,
    default: str,
    scope: Mapping[str, Any],
) -> str:
    """Returns the name of the proxy resource or method that a mapping chooses; `default` where it does not
    choose. `field`: `resource` or `method`. Raises BadRequest for a computed name outside of its list."""
    if choice is None:
        return default
    if isinstance(choice, str):
        return choice
    allowed = choice.resources if isinstance(choice, ResourceChoice) else choice.methods
    chosen_name = await evaluate_mapping(f"{field}.expression", choice.expression, scope)
    if isinstance(chosen_name, str) and chosen_name in allowed:
        return chosen_name
    raise BadRequest(
        f"The mapping's {field} expression chose none of {', '.join(allowed)} for this query and body.",
        failures=[failure(field, f"must be one of {', '.join(allowed)}", "not_allowed")],
    )
