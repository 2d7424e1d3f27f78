"""Names what a caller sends and a unified call does not use.

A mapping that reads a whole object, or fields of it by names that it computes, uses every field of it. Names
are compared at every depth; the items of a list count alike, whatever their position.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any, Final

from isthmus.definitions.authored_schemas import as_object_schema
from isthmus.definitions.json_values import as_mapping
from isthmus.engine.calls import NO_BODY, Call
from isthmus.engine.method_plans import suggest_names
from isthmus.engine.unified.caller_reads import CallerReads
from isthmus.engine.unified.remote_data import REMOTE_DATA, select_remote_data
from isthmus.errors import BadRequest, failure
from isthmus.expressions import UNDEFINED
from isthmus.expressions.field_reads import NO_FIELDS, FieldReads
from isthmus.expressions.host import Blob
from isthmus.kit.call_warnings import CallWarning

__all__ = ["CallNames", "require_known_names"]

_UNKNOWN_NAME: Final = "unknown_name"
_UNUSED_NAME: Final = "unused_name"

_MAX_NAMED: Final = 100
"""Names that a call is told, each with its similar names."""
_MAX_PLACE: Final = 200
"""Characters of a place that a call is told."""
_LIST_QUERY_NAMES: Final = frozenset({"limit", "cursor"})
_QUERY_NAMES: Final = _LIST_QUERY_NAMES | {"id"}
"""Query names with a meaning of their own (`id`: of the record, in place of that of the path)."""
_BODY_NAMES: Final = frozenset({"id", REMOTE_DATA})
"""Body fields with a meaning of their own, in every call."""
_OPEN_KEYWORDS: Final = ("$ref", "$dynamicRef", "allOf", "anyOf", "oneOf", "patternProperties")

Path = tuple[str, ...]


@dataclass(frozen=True)
class CallNames:
    """The names that one unified method knows. `reads`: those that its mapping reads. `query_schema`,
    `body_schemas`: describe those that the model knows, as their authors wrote them; a body may have what any
    of them describes. `target`: the method, for messages (`crm/contacts create`). `handles_remote_data`: the
    mapping of the body reads `remote_data` itself. `maps_body`: there is such a mapping."""

    reads: CallerReads
    query_schema: Mapping[str, Any] | None
    body_schemas: tuple[Mapping[str, Any] | None, ...]
    target: str
    handles_remote_data: bool
    maps_body: bool

    def find_unused(self, call: Call, aliased_places: Mapping[str, str]) -> tuple[CallWarning, ...]:
        """Returns a warning for each name in the query and body of a call that the mapping does not read, and
        that has no meaning of its own; those that are unknown come first. `aliased_places`: as
        `find_aliased_places` returns them."""
        query, body = call.query.nested, call.body
        if not query and body is NO_BODY:
            return ()
        own_names = _LIST_QUERY_NAMES if call.method == "list" else _QUERY_NAMES
        unread = {
            **_find_unread("query", self.reads.query, query, own_names),
            **_find_unread("body", self.reads.body, body, _BODY_NAMES),
        }
        levels: dict[Path, _Level] = {}
        unknown: list[tuple[Path, str]] = []
        unused: list[tuple[Path, str]] = []
        for path, place in unread.items():
            above = path[:-1]
            level = levels.get(above) or levels.setdefault(above, self._find_level(above))
            (unused if level.describes(path[-1]) else unknown).append((path, place))
        named = [(_UNKNOWN_NAME, *each) for each in unknown] + [(_UNUSED_NAME, *each) for each in unused]
        warnings = [
            self._make_warning(code, path[-1], _tell_place(place, aliased_places), levels[path[:-1]])
            for code, path, place in named[:_MAX_NAMED]
        ]
        warnings += self._find_lost_remote_data(body)
        if len(named) > _MAX_NAMED:
            warnings.append(CallWarning("left_out", f"{len(named) - _MAX_NAMED} more names are not used."))
        return tuple(warnings)

    def require_used_field(self, call: Call, aliased_places: Mapping[str, str]) -> None:
        """Raises BadRequest for a create or update of whose body the mapping reads nothing for the request,
        before anything is sent. `aliased_places`: see `find_unused`."""
        sent = self._select_written(call)
        if sent is not NO_BODY and not _reads_any_of_body(self.reads.sent_body, sent):
            raise self._make_lost_write_error(sent, aliased_places)

    def require_sent_field(self, call: Call, mapped: Any, aliased_places: Mapping[str, str]) -> None:
        """Raises BadRequest for a create or update of whose body the request holds nothing. `mapped`: what
        the mapping of the body gave. `aliased_places`: see `find_unused`."""
        sent = self._select_written(call)
        if sent is not NO_BODY and _is_empty(mapped) and not _reads_any_of_body(self.reads.beside_body, sent):
            raise self._make_lost_write_error(sent, aliased_places)

    def _find_lost_remote_data(self, body: Any) -> tuple[CallWarning, ...]:
        """Returns a warning for `remote_data` that is no object, where nothing reads it."""
        extra = body.get(REMOTE_DATA) if isinstance(body, Mapping) else None
        if extra is None or isinstance(extra, Mapping):
            return ()
        if self.maps_body and self.reads.body.find_below(REMOTE_DATA) is not None:
            return ()
        place = f"body.{REMOTE_DATA}"
        message = f"{place} is not used: it must be an object of further fields for the provider."
        return (CallWarning(_UNUSED_NAME, message, place),)

    def _select_written(self, call: Call) -> Any:
        """Returns the body of a create or update, without what has a meaning of its own. NO_BODY for any
        other call, where nothing is left, for bytes, and where `remote_data` is added to the request."""
        body = call.body
        if call.method not in ("create", "update") or call.body_passthrough or isinstance(body, Blob):
            return NO_BODY
        if not isinstance(body, Mapping):
            return body
        if not self.handles_remote_data and select_remote_data(call, call.record_id):
            return NO_BODY
        fields = {name: value for name, value in body.items() if name != "id"}
        if fields.get(REMOTE_DATA) in (None, {}):
            fields.pop(REMOTE_DATA, None)
        return fields or NO_BODY

    def _make_lost_write_error(self, sent: Any, aliased_places: Mapping[str, str]) -> BadRequest:
        """Returns the error for a write of which nothing would reach the provider."""
        fields = islice(sent, _MAX_NAMED) if isinstance(sent, Mapping) else ()
        places = [place for name in fields for place in _list_places_of_field(name, aliased_places)]
        told = ", ".join(place.removeprefix("body.") for place in places) or "a body without names"
        carried = ", ".join(".".join(path) for path in self.reads.sent_body.iterate_paths())
        return BadRequest(
            f"The mapping of {self.target} makes nothing of what was sent ({told}), so nothing "
            f"was sent on. It carries {carried or 'no field'}.",
            failures=[
                failure(place, "does not reach the provider", _UNUSED_NAME) for place in places or ["body"]
            ],
        )

    @cached_property
    def _query_schemas(self) -> list[Mapping[str, Any]]:
        """The schema of the query in the standard form, made for the first name that is not read."""
        return [as_object_schema(self.query_schema)]

    @cached_property
    def _body_schemas(self) -> list[Mapping[str, Any]]:
        """The schemas of the body in the standard form, made for the first name that is not read."""
        return [as_object_schema(schema) for schema in self.body_schemas]

    def _find_level(self, path: Path) -> _Level:
        """Returns what is known of an object. `path`: from `query` or `body` on."""
        kind, *names = path
        reads = self.reads.query if kind == "query" else self.reads.body
        schemas = self._query_schemas if kind == "query" else self._body_schemas
        for name in names:
            reads = reads.find_below(name) or NO_FIELDS
            schemas = [_find_below(schema, name) for schema in schemas]
        # A schema that names no properties leaves it to the others to describe them.
        schemas = [schema for schema in schemas if schema.get("properties")] or schemas
        return _Level(schemas, frozenset(reads.fields), is_top=not names)

    def _make_warning(self, code: str, name: str, place: str, level: _Level) -> CallWarning:
        """Returns the warning for one name. `place`: where it stands, as it is told."""
        if code == _UNUSED_NAME:
            message = f"{place} is not used: the mapping of {self.target} does not carry it."
        else:
            hint = suggest_names(name, level.list_known_names(), "Known there")
            message = f"{place} is not known to {self.target}. {hint}"
        return CallWarning(code, message, place)


@dataclass(frozen=True, slots=True)
class _Level:
    """What is known of one object of a query or body. `schemas`: describe it. `read_names`: those that the
    mapping reads. `is_top`: it is the query or body itself."""

    schemas: Sequence[Mapping[str, Any]]
    read_names: frozenset[str]
    is_top: bool

    def describes(self, name: str) -> bool:
        """Returns True if the model or the mapping describes a name."""
        return any(_describes(schema, name, is_top=self.is_top) for schema in self.schemas)

    def list_known_names(self) -> set[str]:
        """Returns the names that are described or read."""
        described = {name for schema in self.schemas for name in as_mapping(schema.get("properties"))}
        return described | self.read_names


def require_known_names(warnings: Iterable[CallWarning]) -> None:
    """Raises BadRequest if there are names among the warnings that neither model nor mapping knows."""
    unknown = [warning for warning in warnings if warning.code == _UNKNOWN_NAME]
    if not unknown:
        return
    others = len(unknown) - 1
    more = f" {others} more {'names are' if others > 1 else 'name is'} unknown." if others else ""
    raise BadRequest(
        f"{unknown[0].message}{more} Nothing was sent: the environment's setting unknown_names is refuse.",
        failures=[failure(warning.field or "", warning.message, _UNKNOWN_NAME) for warning in unknown],
    )


def _find_unread(kind: str, reads: FieldReads, values: Any, own_names: frozenset[str]) -> dict[Path, str]:
    """Returns the paths of the names in a query or body (`kind`) that are not read, each with the first place
    where it stands. `own_names`: names at the top that have a meaning of their own."""
    if reads.is_whole:
        return {}
    unread: dict[Path, str] = {}
    for path, place in _iterate_unread(reads, values, (kind,), kind):
        if path[1] not in own_names:
            unread.setdefault(path, place)
    return unread


def _iterate_unread(reads: FieldReads, value: Any, path: Path, place: str) -> Iterator[tuple[Path, str]]:
    """Yields path and place of each name in a value that is not read. Lists in lists are not searched."""
    if isinstance(value, list):
        for position, item in enumerate(value):
            if isinstance(item, Mapping):
                yield from _iterate_unread(reads, item, path, f"{place}.{position}")
        return
    for name, item in value.items() if isinstance(value, Mapping) else ():
        below = reads.fields.get(name)
        if below is None:
            yield (*path, name), f"{place}.{name}"
        elif not below.is_whole and isinstance(item, Mapping | list):
            yield from _iterate_unread(below, item, (*path, name), f"{place}.{name}")


def _tell_place(place: str, aliased_places: Mapping[str, str]) -> str:
    """Returns a place as the caller wrote it, under the alias that it sent, cut to _MAX_PLACE."""
    above = [each for each in aliased_places if place == each or place.startswith(f"{each}.")]
    if above:
        closest = max(above, key=len)
        place = aliased_places[closest] + place[len(closest) :]
    return place if len(place) <= _MAX_PLACE else f"{place[:_MAX_PLACE]}…"


def _list_places_of_field(name: str, aliased_places: Mapping[str, str]) -> list[str]:
    """Returns the aliases of which a field of the body was made; else its own place."""
    place = f"body.{name}"
    aliases = [alias for each, alias in aliased_places.items() if each.startswith(f"{place}.0")]
    return aliases or [_tell_place(place, {})]


def _reads_any_of_body(reads: FieldReads, body: Any) -> bool:
    """Returns True if anything in a body is read: of one without names, the whole."""
    if isinstance(body, list):
        return reads.is_whole or any(_reads_any_of_body(reads, item) for item in body)
    return reads.is_whole or (isinstance(body, Mapping) and bool(body) and _reads_any(reads, body))


def _reads_any(reads: FieldReads, value: Any) -> bool:
    """Returns True if any single value in a value is read, or an object or list without one."""
    if reads.is_whole or not value:
        return True
    if isinstance(value, Mapping):
        return any(
            name in reads.fields and _reads_any(reads.fields[name], item) for name, item in value.items()
        )
    if isinstance(value, list):
        return any(isinstance(item, list) or _reads_any(reads, item) for item in value)
    return True


def _is_empty(mapped: Any) -> bool:
    """Returns True if a mapped body is nothing, or an object with no values but such objects. An empty list
    is a value: it may empty one of the record's."""
    if isinstance(mapped, Mapping):
        return all(isinstance(item, Mapping) and _is_empty(item) for item in mapped.values())
    return mapped is UNDEFINED or mapped is None


def _find_below(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns the schema of a property, of a list that of its items; empty for one that is not described."""
    schema = as_mapping(as_mapping(schema.get("properties")).get(name))
    while isinstance(schema.get("items"), Mapping):
        schema = schema["items"]
    return schema


def _describes(schema: Mapping[str, Any], name: str, *, is_top: bool) -> bool:
    """Returns True if a schema describes the property, or leaves the names of its properties open. `is_top`:
    it is that of the whole query or body, which describes nothing where it is empty."""
    properties = as_mapping(schema.get("properties"))
    if name in properties or schema.get("additionalProperties", False) is not False:
        return True
    if any(keyword in schema for keyword in _OPEN_KEYWORDS):
        return True
    return not properties and not is_top and _allows(schema, "object")


def _allows(schema: Mapping[str, Any], kind: str) -> bool:
    """Returns True if a schema names a type."""
    kinds = schema.get("type")
    return kind in kinds if isinstance(kinds, list) else kinds == kind
