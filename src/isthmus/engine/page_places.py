"""Where what a page adds goes: into the URL or the body, and over what (`definitions.md` §1.6, §1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.bodies import omits_body
from isthmus.engine.calls import NO_BODY
from isthmus.engine.pagination import Step
from isthmus.errors import BadRequest, failure

__all__ = ["Unpaged", "dotted", "no_room", "not_paged", "takes_query"]

_WRITES: Final = frozenset({"post", "put", "patch"})


@dataclass(frozen=True, slots=True)
class Unpaged:
    """A request without what its page adds. `query`: in the URL. `body`: before encoding, with the call's
    query in it where `takes_query`."""

    query: Mapping[str, Any]
    body: Any
    takes_query: bool

    def with_page(self, step: Step, *, in_body: bool) -> tuple[Mapping[str, Any], Any]:
        """Query and body with the page's parameters. Raises BadRequest for a body without room for them."""
        query, body, parts = self.query, self.body, step.parts
        if in_body:
            params = step.params if parts is None else {**step.params, **parts.query}
            body = _placed(body, params) if params else body
        else:
            query = {**query, **step.params}
            if parts is not None and self.takes_query:
                body = _under(body, parts.query)
            elif parts is not None:
                query.update(parts.query)
        return query, body if parts is None else _under(body, parts.body)


def takes_query(method: MethodDefinition, body: Any, *, later_page: bool) -> bool:
    """Whether the call's query goes into the body: where the method says so and the body, before encoding,
    has room for it, being an object or not there yet. Else it stays in the URL: it is never lost."""
    if not method.add_query_to_body or method.method not in _WRITES:
        return False
    is_open = body is NO_BODY and not omits_body(method, later_page=later_page)
    return is_open or isinstance(body, dict)


def dotted(body: Any) -> dict[str, Any]:
    """What an object holds, by dotted names; empty for anything else."""
    found: dict[str, Any] = {}
    rest = [("", body)]
    while rest:
        path, value = rest.pop()
        if isinstance(value, dict):
            rest += [(f"{path}.{key}" if path else str(key), item) for key, item in value.items()]
        elif value is not None and path:
            found[path] = value
    return found


def _under(body: Any, high: Mapping[str, Any]) -> Any:
    if not high:
        return body
    if body is NO_BODY:
        return dict(high)
    if not isinstance(body, dict):
        raise no_room()
    return {**body, **high}


def _placed(body: Any, params: Mapping[str, Any]) -> Any:
    """`params` in the body; a dotted name leads into objects (`variables.after`), made where none are."""
    if body is not NO_BODY and not isinstance(body, dict):
        raise no_room()
    placed: dict[str, Any] = dict(body) if isinstance(body, dict) else {}
    for name, value in params.items():
        *above, last = name.split(".")
        place = placed
        for key in above:
            inner = place.get(key)
            place[key] = place = dict(inner) if isinstance(inner, dict) else {}
        place[last] = value
    return placed


def not_paged() -> BadRequest:
    return BadRequest(
        "This list puts its cursor into the body, and bytes that are passed through cannot be paged. Send "
        "the body as JSON, without truto_body_passthrough, or send no cursor.",
        failures=[failure("next_cursor", "must be absent beside truto_body_passthrough", "bad_cursor")],
    )


def no_room() -> BadRequest:
    return BadRequest(
        "The body must be an object, because this list puts its page into it.",
        failures=[failure("body", "must be an object", "bad_body")],
    )
