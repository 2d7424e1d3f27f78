"""Finds which fields of a caller's query and body the expressions and templates of a mapping read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from isthmus.definitions.actions import (
    RequestStep,
    ResourceCall,
    SetContextStep,
    Step,
    UpdateContextStep,
)
from isthmus.definitions.mapping import MappingConfig, MethodChoice, ResourceChoice
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.object_mapping import ObjectMapping
from isthmus.expressions import Expression
from isthmus.expressions.field_reads import ALL_FIELDS, NO_FIELDS, FieldReads, merge_reads
from isthmus.expressions.placeholders import Template

__all__ = ["CallerReads", "find_caller_reads"]

_QUERY_NAMES: Final = ("query", "rawQuery")
_METHOD_FIELDS: Final = ("path", "base_url", "pagination_path", "headers", "query", "body")
_SENDING_STEPS: Final = (RequestStep, SetContextStep, UpdateContextStep)

_Site = Expression | ObjectMapping | Template


@dataclass(frozen=True, slots=True)
class CallerReads:
    """What a mapping reads of a call. `query`, `body`: for the request, or for the answer. `sent_body`: of
    the body, for the request, and for what the steps after it send or store. `beside_body`: the part of that
    which is read by anything but the mapping of the body."""

    query: FieldReads
    body: FieldReads
    sent_body: FieldReads
    beside_body: FieldReads


def find_caller_reads(mapping: MappingConfig) -> CallerReads:
    """Returns what a mapping reads of a call. Where it maps no query, or no body, that goes to the provider
    as it is, and every field of it is read.

    `error_mapping` and `is_partial_expression` do not count: they change neither the request nor the records.
    """
    body_mapping = FieldReads(fields={"body": ALL_FIELDS})
    if mapping.request_body_mapping is not None:
        body_mapping = mapping.request_body_mapping.find_field_reads()
    beside_body = _read_sites(_iterate_request_sites(mapping))
    behind_answer = _read_sites(_iterate_sites_behind_answer(mapping))
    # Where an answer is mapped, `body` is the provider's.
    of_answer = _read_sites(_iterate_answer_sites(mapping))
    query = ALL_FIELDS
    if mapping.query_mapping is not None:
        every_site = (body_mapping, beside_body, behind_answer, of_answer)
        query = merge_reads(_select(reads, name) for reads in every_site for name in _QUERY_NAMES)
    sent_body = merge_reads(_select(reads, "body") for reads in (body_mapping, beside_body))
    return CallerReads(
        query=query,
        body=merge_reads((sent_body, _select(behind_answer, "body"))),
        sent_body=sent_body,
        beside_body=_select(beside_body, "body"),
    )


def _read_sites(sites: Iterable[_Site]) -> FieldReads:
    """Returns what some expressions and templates read of their input together."""
    return merge_reads(site.find_field_reads() for site in sites)


def _select(reads: FieldReads, name: str) -> FieldReads:
    """Returns what is read of one field of the input."""
    return reads.find_below(name) or NO_FIELDS


def _iterate_request_sites(mapping: MappingConfig) -> Iterator[_Site]:
    """Yields what makes the request and those of the steps behind it, except the mapping of the body."""
    for choice in (mapping.resource, mapping.method):
        if isinstance(choice, ResourceChoice | MethodChoice):
            yield choice.expression
    yield from _drop_none(
        mapping.query_mapping,
        mapping.query,
        mapping.body,
        mapping.path_mapping,
        mapping.request_header_mapping,
    )
    yield from _iterate_steps(mapping.before)
    yield from _iterate_steps(_select_sending_steps(mapping.after))


def _select_sending_steps(steps: Sequence[Step]) -> Sequence[Step]:
    """Returns the steps up to the last that sends or stores something, which the others may lead to."""
    ends = [at for at, step in enumerate(steps, 1) if isinstance(step, _SENDING_STEPS)]
    return steps[: ends[-1]] if ends else ()


def _iterate_answer_sites(mapping: MappingConfig) -> Iterator[_Site]:
    """Yields what maps an answer."""
    yield from _drop_none(mapping.response_mapping, mapping.response_header_mapping)
    for load in mapping.side_load.values():
        yield from _drop_none(load.response_mapping)


def _iterate_sites_behind_answer(mapping: MappingConfig) -> Iterator[_Site]:
    """Yields what comes behind the answer and sees the caller's body."""
    yield from _iterate_steps(mapping.after)
    for load in mapping.side_load.values():
        yield from _drop_none(load.run_if, load.id, load.query, load.body)


def _iterate_steps(steps: Iterable[Step]) -> Iterator[_Site]:
    """Yields the expressions and templates of steps."""
    for step in steps:
        yield from _drop_none(step.run_if)
        match step:
            case RequestStep(config=MethodDefinition() as method):
                for name in _METHOD_FIELDS:
                    yield from _iterate_values(getattr(method, name))
            case RequestStep(config=ResourceCall() as call):
                yield from _drop_none(call.id, call.query, call.body)
            case RequestStep() | SetContextStep():
                yield from _iterate_values(step.config)
            case _:
                yield from _iterate_values(getattr(step.config, "expression", None))


def _iterate_values(value: object) -> Iterator[_Site]:
    """Yields the expression or template that a field holds, or those of its entries."""
    if isinstance(value, Expression | ObjectMapping | Template):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _iterate_values(item)


def _drop_none(*sites: _Site | None) -> Iterator[_Site]:
    """Yields the sites that a mapping has."""
    return (site for site in sites if site is not None)
