"""Checks the cells of a mapping file for known names, and for the same fields in reads and writes (source
`mapping`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from isthmus import expressions
from isthmus.authoring.lint.expression_text import find_object_keys, find_string_literals, mask_literals
from isthmus.authoring.lint.integration_subject import get_at, iter_called_methods, iter_texts
from isthmus.definitions.findings import Finding, Severity
from isthmus.definitions.json_values import as_mapping
from isthmus.expressions import ExpressionError
from isthmus.kit.close_names import find_closest_name

__all__ = ["Cell", "MappingSubject", "check_mappings"]

_NUMBER_ID: Final = re.compile(r"""(?<![\w'"])(?:'id'|"id")\s*:\s*\$(?:number|floor|round)\(""")
_WHOLE_BODY: Final = re.compile(r"\bbody\b(?!\s*[.\[]|\w)")
_FIELDS_NOT_SENT: Final = frozenset(
    {"request_body_schema", "query_schema", "response_mapping", "response_header_mapping", "error_mapping"}
)
_WRITE_METHODS: Final = frozenset({"create", "update"})
_ENVELOPE_KEYS: Final = frozenset({"remote_data", "result", "next_cursor", "prev_cursor"})


@dataclass(frozen=True, slots=True)
class Cell:
    """One entry of the `cells` of a mapping file as JSON: a unified method with its mapping. `path`: the
    dotted path of its config in the file."""

    resource: str
    method: str
    path: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class MappingSubject:
    """The cells with what they refer to.

    `integration`: the config of the mapped integration, None if unknown. `model`: the unified model with its
    schemas, None if unknown. `other_integration_names`: names of other integrations.
    """

    cells: tuple[Cell, ...]
    integration: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    other_integration_names: frozenset[str] = frozenset()


def check_mappings(subject: MappingSubject) -> Iterator[Finding]:
    """Yields the findings on all cells of a mapping file."""
    for cell in subject.cells:
        yield from _check_proxy_method(subject, cell)
        yield from _check_called_methods(subject, cell)
        yield from _check_model_names(subject, cell)
        yield from _check_body_fields(cell)
        yield from _check_id_type(cell)
        yield from _check_foreign_names(subject, cell)
    yield from _check_list_and_get(subject)
    yield from _check_writable_fields(subject)


def _list_names(cell: Cell, field: str, list_field: str, default: str) -> tuple[str, ...]:
    """Returns the names that a field can evaluate to: its text, or the list in `list_field` beside its
    expression; `default` where the field is absent."""
    value = cell.config.get(field, default)
    if isinstance(value, str):
        return (value,)
    names = get_at(value, list_field)
    return tuple(str(name) for name in names) if isinstance(names, list) else ()


def _check_proxy_method(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    """Yields findings on proxy resources and methods that the integration does not have."""
    if subject.integration is None:
        return
    resources = as_mapping(subject.integration.get("resources"))
    methods = _list_names(cell, "method", "methods", cell.method)
    names = _list_names(cell, "resource", "resources", cell.resource)
    everywhere = {method for name in names for method in as_mapping(resources.get(name))}
    for resource in names:
        if resource not in resources:
            yield _make_mapping_finding(
                "error",
                cell,
                "resource",
                f"{resource} is no resource of the integration",
                _suggest_name(resource, resources),
            )
            continue
        methods_of_resource = as_mapping(resources[resource])
        if methods and not any(name in methods_of_resource for name in methods):
            yield _make_mapping_finding(
                "error",
                cell,
                "method",
                f"{resource} has no method {' or '.join(methods)}",
                _suggest_name(methods[0], methods_of_resource),
            )
    # A choice of several need not fit every resource; one that fits none could only end in a 404.
    for method in methods if everywhere.intersection(methods) else ():
        if method not in everywhere:
            message = f"{' and '.join(names)} has no method {method}, which may be chosen"
            yield _make_mapping_finding(
                "error", cell, "method", message, _suggest_name(method, dict.fromkeys(everywhere))
            )


def _check_called_methods(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    """Yields findings on unknown resources and methods in `before`, `after` and `side_load`."""
    if subject.integration is None:
        return
    calls = [
        call for field in ("before", "after") for call in iter_called_methods(cell.config.get(field), field)
    ]
    calls += [
        (f"side_load.{key}", str(get_at(load, "resource")), str(as_mapping(load).get("method", "list")))
        for key, load in as_mapping(cell.config.get("side_load")).items()
        if get_at(load, "resource") is not None
    ]
    resources = as_mapping(subject.integration.get("resources"))
    for path, resource, method in calls:
        methods_of_resource = as_mapping(resources.get(resource))
        if resource not in resources:
            message = f"{resource} is no resource of the integration"
            yield _make_mapping_finding(
                "error", cell, f"{path}.resource", message, _suggest_name(resource, resources)
            )
        elif method not in methods_of_resource:
            message = f"{resource} has no method {method}"
            yield _make_mapping_finding(
                "error", cell, f"{path}.method", message, _suggest_name(method, methods_of_resource)
            )


def _suggest_name(name: str, names: Mapping[str, Any]) -> str:
    """Returns a correction with the name closest to `name`, or with all names. `names`: those that exist."""
    close_name = find_closest_name(name, names)
    return f"did you mean {close_name}?" if close_name else f"it has {', '.join(names) or 'none'}"


def _check_model_names(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    """Yields findings on resources, methods and record fields that the unified model does not have."""
    if subject.model is None:
        return
    resource = get_at(subject.model, "resources", cell.resource)
    if not isinstance(resource, Mapping):
        model_resources = as_mapping(subject.model.get("resources"))
        message = f"{cell.resource} is no resource of the model"
        yield _make_mapping_finding("error", cell, "", message, _suggest_name(cell.resource, model_resources))
        return
    methods = resource.get("methods")
    if isinstance(methods, list | tuple) and cell.method not in methods:
        message = f"the model does not allow {cell.method} on {cell.resource}"
        yield _make_mapping_finding("error", cell, "", message, f"it allows {', '.join(methods) or 'none'}")
    properties = as_mapping(get_at(resource, "schema", "properties"))
    for key in _find_output_keys(cell) if properties else ():
        if key not in properties and key not in _ENVELOPE_KEYS:
            yield _make_mapping_finding(
                "info",
                cell,
                "response_mapping",
                f"{key} is no field of the unified record",
                _suggest_name(key, properties),
            )


def _find_output_keys(cell: Cell) -> tuple[str, ...]:
    """Returns the names of the unified record's fields, as far as the text of `response_mapping` shows them;
    empty if it does not. Looks into an envelope (`result` with cursors)."""
    value = cell.config.get("response_mapping")
    if isinstance(value, Mapping) and "result" in value:
        value = value["result"]
    if not isinstance(value, str):
        return tuple(as_mapping(value))
    keys = find_object_keys(value)
    if "result" not in keys:
        return keys
    try:
        return tuple(sorted(expressions.compile(value).find_record_fields() or ()))
    except ExpressionError:
        return ()


def _check_body_fields(cell: Cell) -> Iterator[Finding]:
    """Yields findings on writes without a body schema, and on body fields that are never sent."""
    if cell.method not in _WRITE_METHODS:
        return
    schema = cell.config.get("request_body_schema")
    if not isinstance(schema, Mapping):
        yield _make_mapping_finding(
            "warn",
            cell,
            "request_body_schema",
            "is missing: callers are not told which fields a write needs",
            "declare the fields that are accepted and mark the required ones",
        )
        return
    text = _join_request_texts(cell)
    for name in as_mapping(schema.get("properties")) if _reads_single_fields(cell) else ():
        if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", text):
            yield _make_mapping_finding(
                "warn",
                cell,
                "request_body_mapping",
                f"{name} is accepted and never sent",
                f"map body.{name}, or take it out of request_body_schema",
            )


def _reads_single_fields(cell: Cell) -> bool:
    """Returns True if the mapping reads fields of the body only by name, never the body as a whole."""
    mapping = cell.config.get("request_body_mapping")
    return mapping is not None and not _WHOLE_BODY.search(
        " ".join(text for _, text in iter_texts(mapping, ""))
    )


def _join_request_texts(cell: Cell) -> str:
    """Returns all texts of the cell that its requests are made of, joined."""
    fields = (value for key, value in cell.config.items() if key not in _FIELDS_NOT_SENT)
    return "\n".join(text for value in fields for _, text in iter_texts(value, ""))


def _check_id_type(cell: Cell) -> Iterator[Finding]:
    """Yields a finding if the response mapping makes the id a number."""
    mapping = cell.config.get("response_mapping")
    texts = [mapping] if isinstance(mapping, str) else [f"'id': {get_at(mapping, 'id')}"]
    if any(_NUMBER_ID.search(text) for text in texts):
        yield _make_mapping_finding(
            "warn", cell, "response_mapping", "maps id to a number", "ids are strings: $string(…)"
        )


def _check_foreign_names(subject: MappingSubject, cell: Cell) -> Iterator[Finding]:
    """Yields a finding for each name of another integration in a text literal."""
    for field, value in cell.config.items():
        for text in (value,) if isinstance(value, str) else ():
            words = {
                word
                for literal in find_string_literals(text)
                for word in re.findall(r"[a-z0-9]+", literal.lower())
            }
            for name in sorted(words & subject.other_integration_names):
                yield _make_mapping_finding(
                    "warn", cell, field, f"speaks of {name}, another integration: copied?", f"remove {name}"
                )


def _check_list_and_get(subject: MappingSubject) -> Iterator[Finding]:
    """Yields a finding for each list that does not map all fields that `get` maps."""
    by_name = {(cell.resource, cell.method): cell for cell in subject.cells}
    for (resource, method), cell in by_name.items():
        listing = by_name.get((resource, "list"))
        if method != "get" or listing is None:
            continue
        single, listed = _find_output_keys(cell), set(_find_output_keys(listing))
        missing = [key for key in single if key not in listed] if listed else []
        if missing and not _merges_objects(listing):
            yield _make_mapping_finding(
                "warn",
                listing,
                "response_mapping",
                f"get maps {', '.join(missing)}, and list does not",
                "map the same fields in both",
            )


def _check_writable_fields(subject: MappingSubject) -> Iterator[Finding]:
    """Yields findings on fields that can be read and written, but not by one of `create` and `update`.

    A field can be written if the model, or the other of the two methods, accepts it.
    """
    by_name = {(cell.resource, cell.method): cell for cell in subject.cells}
    for (resource, method), cell in by_name.items():
        accepted = _list_properties(cell.config.get("request_body_schema"))
        if method not in _WRITE_METHODS or not accepted:
            continue
        shared = get_at(subject.model, "resources", resource, "request_body_schema", method)
        writable = _list_properties(shared) | {
            name
            for other in _WRITE_METHODS - {method}
            if (resource, other) in by_name
            for name in _list_properties(by_name[resource, other].config.get("request_body_schema"))
        }
        read = {
            key
            for reader in ("get", "list")
            if (resource, reader) in by_name
            for key in _find_output_keys(by_name[resource, reader])
        }
        missing = sorted(read & writable - accepted)
        if missing:
            yield _make_mapping_finding(
                "warn",
                cell,
                "request_body_schema",
                f"{', '.join(missing)} can be read and written, and not by {method}",
                "accept it and map it",
            )


def _list_properties(schema: Any) -> set[str]:
    """Returns the names of a schema's properties."""
    return set(as_mapping(get_at(schema, "properties")))


def _merges_objects(cell: Cell) -> bool:
    """Returns True if the response mapping uses `$merge`, so that its keys are not all in its text."""
    value = cell.config.get("response_mapping")
    return isinstance(value, str) and "$merge" in mask_literals(value)


def _make_mapping_finding(severity: Severity, cell: Cell, field: str, message: str, fix: str) -> Finding:
    """Makes a finding on a field of a cell. `field`: its path in the config, "" for the whole config."""
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
