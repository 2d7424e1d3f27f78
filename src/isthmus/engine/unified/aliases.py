"""Puts what a caller sends under an alias of a model into the list field that it stands for.

`{"email": "a@b.example"}` becomes `{"email_addresses": [{"email": "a@b.example"}]}`, and `?email=a@b.example`
becomes `?email_addresses[email]=a@b.example`. Expressions see the list field only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from isthmus.definitions.aliases import FieldAlias, list_aliases, select_aliases
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.unified_model import UnifiedResource
from isthmus.engine.calls import Call
from isthmus.engine.unified.caller_reads import CallerReads
from isthmus.errors import BadRequest, failure
from isthmus.expressions.field_reads import FieldReads

__all__ = ["AliasPlan", "find_aliased_places", "plan_aliases", "resolve_aliases"]

_RECORD_METHODS: Final = frozenset({"create", "update"})

Schema = Mapping[str, Any]
Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AliasPlan:
    """The aliases that one method of a mapping takes in its body and in its query."""

    body: tuple[FieldAlias, ...] = ()
    query: tuple[FieldAlias, ...] = ()


def plan_aliases(
    reads: CallerReads,
    definition: UnifiedResource,
    method: str,
    query_schema: Schema | None,
    body_schema: Schema | None,
) -> AliasPlan:
    """Finds the aliases that a method takes: those whose list field its mapping reads by name, and that it
    neither reads nor declares itself. `reads`: what the mapping reads of a call.

    A query has the list fields that `query_schema` declares; a body those of `body_schema`, and of create and
    update all. A mapping that hands the body or query on as it is gets each name as the caller sent it.
    """
    aliases = list_aliases(definition.aliases, definition.record_schema)
    filters = as_mapping(as_mapping(query_schema).get("properties"))
    fields = as_mapping(as_mapping(body_schema).get("properties"))
    if method in _RECORD_METHODS:
        fields = {**as_mapping(definition.record_schema.get("properties")), **fields}
    return AliasPlan(
        body=_select_read(select_aliases(aliases, fields), reads.body),
        query=_select_read(select_aliases(aliases, filters), reads.query),
    )


def _select_read(aliases: tuple[FieldAlias, ...], reads: FieldReads) -> tuple[FieldAlias, ...]:
    """Returns the aliases whose list is read, and that are not read themselves."""
    if reads.is_whole:
        return ()
    return tuple(alias for alias in aliases if alias.field in reads.fields and alias.name not in reads.fields)


def resolve_aliases(plan: AliasPlan, call: Call) -> tuple[Call, dict[str, str]]:
    """Returns the call with the fields that its aliases stand for, and by alias sent (`body.email`) what it
    stands for (`body.email_addresses[].email`).

    Raises BadRequest where an alias and its list field, or two aliases, say different things.
    """
    used: dict[str, str] = {}
    if plan.query:
        query = _resolve(plan.query, "query", call.query.nested, _fill_filter, used)
        if query is not call.query.nested:
            call = replace(call, query=replace(call.query, nested=query))
    if plan.body and isinstance(call.body, dict) and not call.body_passthrough:
        body = _resolve(plan.body, "body", call.body, _fill_list, used)
        if body is not call.body:
            call = replace(call, body=body)
    return call, used


def find_aliased_places(used: Mapping[str, str], sent: Call) -> dict[str, str]:
    """Returns by each place that an alias fills (`body.addresses.0`, `query.addresses`) the alias
    (`body.address`); without those of a list that was sent, too. `used`: as `resolve_aliases` returns it.
    `sent`: the call before."""
    if not used:
        return {}
    values = {"query": sent.query.nested, "body": as_mapping(sent.body)}
    places: dict[str, str] = {}
    for alias, target in used.items():
        root, _, path = target.partition(".")
        field, _, key = path.partition("[]")
        if field not in values[root]:
            places[f"{root}.{field}{'.0' if root == 'body' else ''}{key}"] = alias
    return places


def _resolve(
    aliases: Iterable[FieldAlias],
    root: str,
    values: Mapping[str, Any],
    fill: Callable[[Any, Entry], Any],
    used: dict[str, str],
) -> Mapping[str, Any]:
    """Returns the values with list fields in place of aliases; the same object where no alias is in them.
    `fill`: returns the value of a list field, given the one sent and the entry that the aliases make, or
    raises ValueError. `used`: the aliases found are added to it."""
    sent: dict[str, list[FieldAlias]] = {}
    for alias in aliases:
        if alias.name in values:
            sent.setdefault(alias.field, []).append(alias)
            used[f"{root}.{alias.name}"] = f"{root}.{alias.target}"
    if not sent:
        return values
    result = dict(values)
    for field, group in sent.items():
        names = [alias.name for alias in group]
        entry: Entry = {}
        for alias in group:
            for key, part in _read_parts(alias, root, result.pop(alias.name)):
                if entry.setdefault(key, part) != part:
                    raise _make_conflict(root, names)
        try:
            result[field] = fill(result.get(field), entry)
        except ValueError:
            raise _make_conflict(root, [*names, field]) from None
    return result


def _read_parts(alias: FieldAlias, root: str, value: Any) -> Iterable[tuple[str, Any]]:
    """Returns the keys and values that an alias says of an entry of its list. Raises BadRequest for a value
    of another kind; a filter may be an object of operators."""
    if alias.key is None:
        if value is not None and not isinstance(value, Mapping):
            raise _make_wrong_kind(root, alias, "an object")
        return as_mapping(value).items()
    if isinstance(value, list) or (root == "body" and isinstance(value, Mapping)):
        raise _make_wrong_kind(root, alias, "one value")
    return ((alias.key, value),)


def _fill_list(sent: Any, entry: Entry) -> list[Any]:
    """Returns the list of a body: one entry, or the list as sent where it says the same. Raises ValueError
    where it does not."""
    if sent is None:
        return [entry] if entry else []
    if isinstance(sent, list) and (
        all(part is None for part in entry.values()) or any(_says(item, entry) for item in sent)
    ):
        return sent
    raise ValueError


def _fill_filter(sent: Any, entry: Entry) -> Entry:
    """Returns the filter of a list field, with what the aliases add. Raises ValueError where they say
    otherwise."""
    if sent is None:
        return entry
    if isinstance(sent, Mapping) and all(sent.get(key, part) == part for key, part in entry.items()):
        return {**sent, **entry}
    raise ValueError


def _says(item: Any, entry: Entry) -> bool:
    """Returns True if an entry that was sent holds all that the aliases say."""
    return isinstance(item, Mapping) and all(item.get(key) == part for key, part in entry.items())


def _make_wrong_kind(root: str, alias: FieldAlias, kind: str) -> BadRequest:
    """Returns the error for a value that an alias cannot take."""
    message = f"must be {kind}: it stands for {alias.target}"
    return BadRequest(
        f"The {root}'s {alias.name} {message}. Send {alias.field} for more.",
        failures=[failure(f"{root}.{alias.name}", message, "alias_kind")],
    )


def _make_conflict(root: str, names: list[str]) -> BadRequest:
    """Returns the error for names that stand for the same and say different things."""
    told = f"{', '.join(names[:-1])} and {names[-1]}"
    return BadRequest(
        f"The {root}'s {told} are the same field, and say different things. Send one of them.",
        failures=[
            failure(f"{root}.{name}", f"differs: {told} are the same field", "alias_conflict")
            for name in names
        ],
    )
