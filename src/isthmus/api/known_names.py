"""Refuses the query parameters that a platform route does not have, by name.

A route's names are those of its declaration, which its OpenAPI operation shows too: the parameters of its
function, and the filters that `declare_filters` adds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from fastapi import APIRouter, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query
from fastapi.routing import APIRoute

from isthmus.api.list_queries import split_query_name
from isthmus.db.listing import OPERATORS, FilterColumns, get_value_type
from isthmus.errors import BadRequest, failure
from isthmus.kit.close_names import find_close_names

__all__ = [
    "COMMA_LIST",
    "declare_filters",
    "declare_unread_parameters",
    "list_body_fields",
    "list_query_names",
    "refuse_unknown_query_names",
    "suggest_close_names",
]

COMMA_LIST: Final = {"x-comma-list": True}
"""Marks the schema of a parameter that is also read as an array: `a[]=`, `a[0]=`."""

_OPERATORS_KEY: Final = "x-operators"
"""Marks a parameter that is a filter, `field[operator]=`."""

_JSON_TYPES: Final[Mapping[type, str]] = {bool: "boolean", int: "integer"}
_MAX_NAMED: Final = 10
_MAX_SHOWN_LENGTH: Final = 100
_ENVIRONMENT: Final = "environment_id"
_PROBES: Final = "health"
"""The tag of routes that take any parameter: load balancers add some of their own."""

RouteKey: TypeAlias = tuple[str, frozenset[str]]
"""The path of a route, and its verbs."""


@dataclass(frozen=True, slots=True)
class QueryNames:
    """The query parameters of a route. `arrays`: those of `parameters` that may be sent as an array.
    `filters`: fields, dotted for a relation."""

    parameters: frozenset[str]
    arrays: frozenset[str]
    filters: frozenset[str]

    def has(self, name: str) -> bool:
        """Returns True for the name of a parameter as it may be sent, such as `tenant_id[in][]`."""
        if name in self.parameters:
            return True
        field, operator = split_query_name(name)
        # A client that nests its parameters writes the filter `a.b=1` as `a[b]=1`.
        return (
            field in self.filters
            or f"{field}.{operator}" in self.filters
            or (field in self.arrays and operator == "in")
        )


def declare_filters(filters: FilterColumns) -> dict[str, Any]:
    """Returns the `openapi_extra` of a list that takes these filters, and the token's own environment.
    `filters`: columns by field."""
    parameters = [
        {
            "name": name,
            "in": "query",
            "required": False,
            "description": "Filter, also with an operator: `field[operator]=`.",
            "schema": {"type": _JSON_TYPES.get(get_value_type(column), "string")},
            _OPERATORS_KEY: list(OPERATORS),
        }
        for name, column in filters.items()
    ]
    if _ENVIRONMENT not in filters:
        parameters.append(
            {
                "name": _ENVIRONMENT,
                "in": "query",
                "required": False,
                "description": "That of the token; 403 for any other.",
                "schema": {"type": "string"},
            }
        )
    return {"parameters": parameters}


def declare_unread_parameters(*names: str) -> dict[str, Any]:
    """Returns the `openapi_extra` of a route that accepts these parameters and does not read them, because a
    published client sends them."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "deprecated": True,
                "description": "Accepted from clients that send it, and not read.",
                "schema": {"type": "string"},
            }
            for name in names
        ]
    }


def list_query_names(routers: Iterable[APIRouter]) -> dict[RouteKey, QueryNames]:
    """Returns the query parameters of the routes that refuse any other: all but those that no document shows,
    and those for probes."""
    return {
        _make_key(route): _read_declared_names(route)
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema and _PROBES not in route.tags
    }


def _make_key(route: APIRoute) -> RouteKey:
    """Returns what tells a route from all others."""
    return route.path, frozenset(route.methods or ())


def _read_declared_names(route: APIRoute) -> QueryNames:
    """Returns the query parameters that a route declares."""
    parameters = get_flat_params(route.dependant)
    declared = [field for field in parameters if isinstance(field.field_info, Query)]
    added = [each for each in (route.openapi_extra or {}).get("parameters", ()) if each["in"] == "query"]
    return QueryNames(
        frozenset([field.alias for field in declared] + [each["name"] for each in added]),
        frozenset(field.alias for field in declared if field.field_info.json_schema_extra == COMMA_LIST),
        frozenset(each["name"] for each in added if _OPERATORS_KEY in each),
    )


async def refuse_unknown_query_names(request: Request) -> None:
    """Raises BadRequest if the query has a parameter that the route does not have. Called once the sender is
    known: nobody else learns what a route takes."""
    if not request.scope["query_string"]:
        return
    names: QueryNames | None = request.app.state.query_names.get(_make_key(request.scope["route"]))
    if names is None:
        return
    unknown = list(dict.fromkeys(name for name in request.query_params if not names.has(name)))
    if not unknown:
        return
    known = names.parameters
    failures = [
        failure(name, f"is not a parameter of this route{suggest_close_names(name, known)}", "unknown_name")
        for name in unknown[:_MAX_NAMED]
    ]
    all_names = f"; it takes {', '.join(sorted(known))}" if known else "; it takes none"
    advice = suggest_close_names(unknown[0], known) or all_names
    more = f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else ""
    route = f"{request.method} {request.scope['route'].path}"
    shown = unknown[0][:_MAX_SHOWN_LENGTH]
    raise BadRequest(f"{shown} is not a parameter of {route}{advice}{more}.", failures=failures)


def list_body_fields(route: APIRoute) -> frozenset[str]:
    """Returns the fields of the model of a route's body; none if it has no body."""
    model = route.body_field.field_info.annotation if route.body_field is not None else None
    return frozenset(getattr(model, "model_fields", ()))


def suggest_close_names(name: str, known: Iterable[str]) -> str:
    """Returns the end of a message, with the known names that are close to `name`; empty if none is."""
    close = find_close_names(name, known)
    return f"; close to it: {', '.join(close)}" if close else ""
