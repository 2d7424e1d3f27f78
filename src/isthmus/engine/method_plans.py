"""Compiles the methods of a definition to plans: what is known of a call before it is made.

A plan is made once for each effective definition, and kept as long as the definition lives.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Generic, TypeVar

from isthmus.definitions.authorization import Authorization, BearerAuthorization
from isthmus.definitions.body_path import BodyPath
from isthmus.definitions.credentials import OAuth1Credential
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.pagination import Paginator, make_paginator
from isthmus.engine.queries import ArrayFormat
from isthmus.engine.responses import DataPath, should_stream
from isthmus.engine.upstream import OAuth1Signature
from isthmus.engine.urls import BaseUrl, PathTemplate
from isthmus.errors import DefinitionError, NotFound
from isthmus.expressions import Expression
from isthmus.expressions.placeholders import Template
from isthmus.kit.close_names import find_close_names, find_name_ignoring_separator

__all__ = [
    "MethodPlan",
    "PlanCache",
    "find_method_name",
    "plan_ad_hoc_method",
    "plan_method",
    "suggest_names",
]

Owner = TypeVar("Owner")
K = TypeVar("K")
V = TypeVar("V")


class PlanCache(Generic[Owner, K, V]):
    """One dictionary per owner, kept as long as the owner lives. Owners are told apart by identity, because
    definitions are too large to compare.

    What is kept must not hold its owner, or both live forever: plans hold shallow copies.
    """

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[Owner], dict[K, V]]] = {}

    def get_entries(self, owner: Owner) -> dict[K, V]:
        """Returns the dictionary of an owner, an empty one at first. Changes of it are kept."""
        key = id(owner)
        entry = self._entries.get(key)
        if entry is not None and entry[0]() is owner:
            return entry[1]
        entries: dict[K, V] = {}
        self._entries[key] = weakref.ref(owner, lambda _: self._entries.pop(key, None)), entries
        return entries


Entry = tuple[str, Template]


@dataclass(frozen=True, slots=True, eq=False)
class MethodPlan:
    """A method of an integration, compiled. `headers` and `query`: templates of the integration under
    those of the method, names removed by null left out. `dynamic_headers`, `dynamic_query`: the method's
    expression, where it has one instead. `paginator`: for calls that ask for a list. `later_path`: the
    path of every page after the first. `cursor_root`: where in the body the paginator looks, None for the
    whole. `streams`: given status and headers of an answer, whether it is passed on as it arrives."""

    resource: str
    name: str
    config: IntegrationConfig
    definition: MethodDefinition
    verb: str
    base_url: BaseUrl
    path: PathTemplate
    headers: tuple[Entry, ...]
    removed_headers: frozenset[str]
    dynamic_headers: Expression | None
    query: tuple[Entry, ...]
    dynamic_query: Expression | None
    array_format: ArrayFormat
    paginator: Paginator | None
    later_path: PathTemplate | None
    cursor_root: BodyPath | None
    response_path: DataPath | None
    error_expression: Expression | None
    streams: Callable[[int, Mapping[str, str]], bool]
    _authorizations: dict[str | None, Authorization | OAuth1Signature | None] = field(default_factory=dict)

    def choose_authorization(self, credential_format: str | None) -> Authorization | OAuth1Signature | None:
        """Returns the authorization of an account that connected by this credential format; None where the
        method sends none."""
        if credential_format not in self._authorizations:
            self._authorizations[credential_format] = self._make_authorization(credential_format)
        return self._authorizations[credential_format]

    def _make_authorization(self, credential_format: str | None) -> Authorization | OAuth1Signature | None:
        """Returns the definition's authorization, an OAuth 1.0a signature in place of a bearer token where
        the account connected by `oauth`; None for none."""
        spec = self.config.choose_authorization(self.definition, credential_format or "")
        if credential_format == "oauth" and isinstance(spec, BearerAuthorization) and not spec.config.token:
            credential = self.config.credentials.get("oauth")
            if isinstance(credential, OAuth1Credential):
                return OAuth1Signature(credential.config)
        return spec


_PLANS: Final[PlanCache[IntegrationConfig, tuple[str, str], MethodPlan]] = PlanCache()
_AD_HOC_PLANS: Final[PlanCache[MethodDefinition, str, tuple[weakref.ref[IntegrationConfig], MethodPlan]]] = (
    PlanCache()
)


def plan_method(config: IntegrationConfig, resource: str, method: str) -> MethodPlan:
    """Returns the plan of a method, the same object for the same `config` object.

    Raises NotFound, suggesting similar names, and DefinitionError for a method that cannot be called.
    """
    plans = _PLANS.get_entries(config)
    plan = plans.get((resource, method))
    if plan is None:
        definition = _find_definition(config, resource, method)
        where = f"resources.{resource}.{method}"
        plan = plans[resource, method] = _make_plan(config, resource, method, definition, where)
    return plan


def find_method_name(config: IntegrationConfig, resource: str, name: str) -> str:
    """Returns the definition's name of a method that a caller may have written with `-` for `_`, or the other
    way round; `name` itself where there is none."""
    methods = config.resources.get(resource, {})
    if name in methods:
        return name
    return find_name_ignoring_separator(name, [key for key in methods if methods[key] is not None]) or name


def plan_ad_hoc_method(
    config: IntegrationConfig, resource: str, name: str, definition: MethodDefinition, *, where: str
) -> MethodPlan:
    """Returns the plan of a method that belongs to no resource: one written out in a step, or sent by a
    caller. Kept as long as `definition` lives. `where`: its place, for messages."""
    plans = _AD_HOC_PLANS.get_entries(definition)
    config_ref, plan = plans.get(where, (None, None))
    if plan is None or config_ref is None or config_ref() is not config:
        plan = _make_plan(config, resource, name, definition, where)
        plans[where] = weakref.ref(config), plan
    return plan


def _find_definition(config: IntegrationConfig, resource: str, method: str) -> MethodDefinition:
    """Returns the method by its exact names. Raises NotFound, suggesting similar names."""
    methods = {name: item for name, item in config.resources.get(resource, {}).items() if item is not None}
    definition = methods.get(method)
    if definition is not None:
        return definition
    label = config.label or "this integration"
    if not methods:
        raise NotFound(
            f"{label} has no resource {resource!r}. "
            f"{suggest_names(resource, config.resources, 'Its resources')} "
            "Names are case-sensitive; resources are defined in integration.config.resources.",
            details={"resource": resource, "available": sorted(config.resources)},
        )
    raise NotFound(
        f"The resource {resource!r} of {label} has no method {method!r}. "
        f"{suggest_names(method, methods, 'Its methods')} "
        f"Methods are defined in integration.config.resources.{resource}.",
        details={"resource": resource, "method": method, "available": sorted(methods)},
    )


def suggest_names(name: str, names: Iterable[str], label: str) -> str:
    """Returns a sentence for whoever mistyped a name: the similar names, or else up to ten that exist.
    `names`: those that exist. `label`: what they are, for example "Its methods"."""
    candidates = sorted(names)
    if not candidates:
        return f"{label}: none."
    close = find_close_names(name, candidates)
    if close:
        return f"Did you mean {' or '.join(close)}?"
    shown = ", ".join(candidates[:10])
    return f"{label} are {shown}{', …' if len(candidates) > 10 else ''}."


def _make_plan(
    config: IntegrationConfig, resource: str, name: str, definition: MethodDefinition, where: str
) -> MethodPlan:
    """Compiles a method. The plan holds copies of `config` and `definition`, which own it (see `PlanCache`).
    `where`: its place in the definition, for messages. Raises DefinitionError for a method without a base
    URL."""
    base, place = (
        (definition.base_url, f"{where}.base_url") if definition.base_url else (config.base_url, "base_url")
    )
    if base is None:
        raise DefinitionError(
            "The integration has no base_url, so nothing can be called. Add config.base_url."
        )
    own_headers = definition.headers if isinstance(definition.headers, Mapping) else {}
    own_query = definition.query if isinstance(definition.query, Mapping) else {}
    later = definition.later_path
    headers, removed = _merge_headers(config.headers, own_headers)
    pages = config.choose_pagination(definition)
    return MethodPlan(
        resource=resource,
        name=name,
        config=config.model_copy(),
        definition=definition.model_copy(),
        verb=definition.method.upper(),
        base_url=BaseUrl(base, place),
        path=PathTemplate(definition.path, f"{where}.path"),
        headers=headers,
        removed_headers=removed,
        dynamic_headers=definition.headers if isinstance(definition.headers, Expression) else None,
        query=_merge_query(config.query, own_query),
        dynamic_query=definition.query if isinstance(definition.query, Expression) else None,
        array_format=config.choose_query_array_format(definition),
        paginator=make_paginator(pages) if pages is not None and _is_pageable(name, definition) else None,
        later_path=None if later is None else PathTemplate(later, f"{where}.pagination_path"),
        cursor_root=definition.cursor_root,
        response_path=DataPath(definition.response_path) if definition.response_path else None,
        error_expression=config.choose_error_expression(definition),
        streams=partial(should_stream, definition.api_response_format),
    )


def _is_pageable(name: str, definition: MethodDefinition) -> bool:
    """Returns True if calls of the method can be paged: a list, a method that declares pagination, and a
    custom method, which a unified list can call."""
    return name not in {"get", "create", "update", "delete"} or definition.declares("pagination")


def _merge_headers(
    low: Mapping[str, Template | None], high: Mapping[str, Template | None]
) -> tuple[tuple[Entry, ...], frozenset[str]]:
    """Returns the header templates of two levels, `high` over `low`, and the lower-case names that null
    removes at any level. Names are compared without case."""
    merged: dict[str, Entry] = {}
    removed = set()
    for name, template in (*low.items(), *high.items()):
        key = name.lower()
        if template is None or template.source is None:
            removed.add(key)
        else:
            merged[key] = (name, template)
    return tuple(entry for key, entry in merged.items() if key not in removed), frozenset(removed)


def _merge_query(
    low: Mapping[str, Template | None], high: Mapping[str, Template | None]
) -> tuple[Entry, ...]:
    """Returns the query templates of two levels as `(name, template)`, `high` winning; null drops the entry
    of `low`."""
    merged = {**low, **high}
    return tuple((name, template) for name, template in merged.items() if template is not None)
