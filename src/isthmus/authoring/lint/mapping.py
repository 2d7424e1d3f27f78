"""Whether mappings lead somewhere, and say the same of a record in each direction (`mapping`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus import expressions
from isthmus.authoring.lint.scan import masked, object_keys, string_literals
from isthmus.authoring.lint.subject import at, called, text_leaves
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_mapping
from isthmus.expressions import ExpressionError
from isthmus.kit.close_names import closest

__all__ = ["Cell", "MappingSubject", "check"]

_NUMBER_ID: Final = re.compile(r"""(?<![\w'"])(?:'id'|"id")\s*:\s*\$(?:number|floor|round)\(""")
_WHOLE_BODY: Final = re.compile(r"\bbody\b(?!\s*[.\[]|\w)")
_NOT_SENT: Final = frozenset(
    {"request_body_schema", "query_schema", "response_mapping", "response_header_mapping", "error_mapping"}
)
_WRITES: Final = frozenset({"create", "update"})
_OWN_KEYS: Final = frozenset({"remote_data", "result", "next_cursor", "prev_cursor"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as JSON; `path` is that of its config in the file."""

    resource: str
    method: str
    path: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class MappingSubject:
    """`integration`: the config of the integration it maps, None where it is not known; `model`: the unified
    model with its schemas, likewise; `others`: names of other integrations."""

    cells: tuple[Cell, ...]
    integration: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    others: frozenset[str] = frozenset()


def check(subject: MappingSubject) -> Iterator[Finding]:
    for cell in subject.cells:
        yield from _routing(subject, cell)
        yield from _beside(subject, cell)
        yield from _model(subject, cell)
        yield from _bodies(cell)
        yield from _identity(cell)
        yield from _leaks(subject, cell)
    yield from _consistency(subject)
    yield from _writes(subject)


def _names(cell: Cell, field: str, listed: str, default: str) -> tuple[str, ...]:
    value = cell.config.get(field, default)
    if isinstance(value, str):
        return (value,)
    names = at(value, listed)
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _routing(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    if subject.integration is None:
        return
    resources = as_mapping(subject.integration.get("resources"))
    methods = _names(cell, "method", "methods", cell.method)
    names = _names(cell, "resource", "resources", cell.resource)
    everywhere = {method for name in names for method in as_mapping(resources.get(name))}
    for resource in names:
        if resource not in resources:
            yield _finding(
                "error",
                cell,
                "resource",
                f"{resource} is no resource of the integration",
                _close(resource, resources),
            )
            continue
        known = as_mapping(resources[resource])
        if methods and not any(name in known for name in methods):
            yield _finding(
                "error",
                cell,
                "method",
                f"{resource} has no method {' or '.join(methods)}",
                _close(methods[0], known),
            )
    # A choice of several need not fit every resource; one that fits none could only end in a 404.
    for method in methods if everywhere.intersection(methods) else ():
        if method not in everywhere:
            message = f"{' and '.join(names)} has no method {method}, which may be chosen"
            yield _finding("error", cell, "method", message, _close(method, dict.fromkeys(everywhere)))


def _beside(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    """What is called before, after, and for each record."""
    if subject.integration is None:
        return
    calls = [call for field in ("before", "after") for call in called(cell.config.get(field), field)]
    calls += [
        (f"side_load.{key}", str(at(load, "resource")), str(as_mapping(load).get("method", "list")))
        for key, load in as_mapping(cell.config.get("side_load")).items()
        if at(load, "resource") is not None
    ]
    resources = as_mapping(subject.integration.get("resources"))
    for path, resource, method in calls:
        known = as_mapping(resources.get(resource))
        if resource not in resources:
            message = f"{resource} is no resource of the integration"
            yield _finding("error", cell, f"{path}.resource", message, _close(resource, resources))
        elif method not in known:
            message = f"{resource} has no method {method}"
            yield _finding("error", cell, f"{path}.method", message, _close(method, known))


def _close(name: str, known: Mapping[str, Any]) -> str:
    close = closest(name, known)
    return f"did you mean {close}?" if close else f"it has {', '.join(known) or 'none'}"


def _model(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    if subject.model is None:
        return
    resource = at(subject.model, "resources", cell.resource)
    if not isinstance(resource, Mapping):
        known = as_mapping(subject.model.get("resources"))
        message = f"{cell.resource} is no resource of the model"
        yield _finding("error", cell, "", message, _close(cell.resource, known))
        return
    methods = resource.get("methods")
    if isinstance(methods, list | tuple) and cell.method not in methods:
        message = f"the model does not allow {cell.method} on {cell.resource}"
        yield _finding("error", cell, "", message, f"it allows {', '.join(methods) or 'none'}")
    properties = as_mapping(at(resource, "schema", "properties"))
    for key in _output_keys(cell) if properties else ():
        if key not in properties and key not in _OWN_KEYS:
            yield _finding(
                "info",
                cell,
                "response_mapping",
                f"{key} is no field of the unified record",
                _close(key, properties),
            )


def _output_keys(cell: Cell) -> tuple[str, ...]:
    """The fields of the records, in an envelope with a cursor or not; empty where they cannot be read off."""
    value = cell.config.get("response_mapping")
    if isinstance(value, Mapping) and "result" in value:
        value = value["result"]
    if not isinstance(value, str):
        return tuple(as_mapping(value))
    keys = object_keys(value)
    if "result" not in keys:
        return keys
    try:
        return tuple(sorted(expressions.compile(value).find_record_fields() or ()))
    except ExpressionError:
        return ()


def _bodies(cell: Cell) -> Iterator[Finding]:
    if cell.method not in _WRITES:
        return
    schema = cell.config.get("request_body_schema")
    if not isinstance(schema, Mapping):
        yield _finding(
            "warn",
            cell,
            "request_body_schema",
            "is missing: callers are not told which fields a write needs",
            "declare the fields that are accepted and mark the required ones",
        )
        return
    text = _texts_but_schemas(cell)
    for name in as_mapping(schema.get("properties")) if _picks_fields(cell) else ():
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield _finding(
                "warn",
                cell,
                "request_body_mapping",
                f"{name} is accepted and never sent",
                f"map body.{name}, or take it out of request_body_schema",
            )


def _picks_fields(cell: Cell) -> bool:
    """Whether the mapping reads the body name by name, and never as a whole."""
    mapping = cell.config.get("request_body_mapping")
    return mapping is not None and not _WHOLE_BODY.search(
        " ".join(text for _, text in text_leaves(mapping, ""))
    )


def _texts_but_schemas(cell: Cell) -> str:
    """Everything a request of the cell is made of; what it answers does not count."""
    fields = (value for key, value in cell.config.items() if key not in _NOT_SENT)
    return "\n".join(text for value in fields for _, text in text_leaves(value, ""))


def _identity(cell: Cell) -> Iterator[Finding]:
    mapping = cell.config.get("response_mapping")
    texts = [mapping] if isinstance(mapping, str) else [f"'id': {at(mapping, 'id')}"]
    if any(_NUMBER_ID.search(text) for text in texts):
        yield _finding("warn", cell, "response_mapping", "maps id to a number", "ids are strings: $string(…)")


def _leaks(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    for field, value in cell.config.items():
        for text in (value,) if isinstance(value, str) else ():
            words = {
                word
                for literal in string_literals(text)
                for word in re.findall(r"[a-z0-9]+", literal.lower())
            }
            for name in sorted(words & subject.others):
                yield _finding(
                    "warn", cell, field, f"speaks of {name}, another integration: copied?", f"remove {name}"
                )


def _consistency(subject: MappingSubject) -> Iterator[Finding]:
    by_name = {(cell.resource, cell.method): cell for cell in subject.cells}
    for (resource, method), cell in by_name.items():
        listing = by_name.get((resource, "list"))
        if method != "get" or listing is None:
            continue
        single, listed = _output_keys(cell), set(_output_keys(listing))
        missing = [key for key in single if key not in listed] if listed else []
        if missing and not _spreads(listing):
            yield _finding(
                "warn",
                listing,
                "response_mapping",
                f"get maps {', '.join(missing)}, and list does not",
                "map the same fields in both",
            )


def _writes(subject: MappingSubject) -> Iterator[Finding]:
    """A field that is read, that can be written, and that a write leaves out. That it can be written is known
    from the model, or from the resource's other write."""
    by_name = {(cell.resource, cell.method): cell for cell in subject.cells}
    for (resource, method), cell in by_name.items():
        accepted = _accepted(cell.config.get("request_body_schema"))
        if method not in _WRITES or not accepted:
            continue
        shared = at(subject.model, "resources", resource, "request_body_schema", method)
        writable = _accepted(shared) | {
            name
            for other in _WRITES - {method}
            if (resource, other) in by_name
            for name in _accepted(by_name[resource, other].config.get("request_body_schema"))
        }
        read = {
            key
            for each in ("get", "list")
            if (resource, each) in by_name
            for key in _output_keys(by_name[resource, each])
        }
        missing = sorted(read & writable - accepted)
        if missing:
            yield _finding(
                "warn",
                cell,
                "request_body_schema",
                f"{', '.join(missing)} can be read and written, and not by {method}",
                "accept it and map it",
            )


def _accepted(schema: Any) -> set[str]:
    return set(as_mapping(at(schema, "properties")))


def _spreads(cell: Cell) -> bool:
    """Whether the record is put together in a way that its keys cannot be read off."""
    value = cell.config.get("response_mapping")
    return isinstance(value, str) and "$merge" in masked(value)


def _finding(severity: Severity, cell: Cell, field: str, message: str, fix: str) -> Finding:
    return Finding(
        severity=severity,
        section="mapping",
        source="mapping",
        path=f"{cell.path}.{field}" if field else cell.path,
        message=message,
        fix=fix,
        resource=cell.resource,
        method=cell.method,
    )
