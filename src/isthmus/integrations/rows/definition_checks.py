"""Checks definitions before they are stored: what cannot run, or is most likely misspelt, is refused. Each
check returns a warning for what is stored and has no effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from isthmus.definitions.aliases import find_alias_fault
from isthmus.definitions.authored_schemas import check_schema_part
from isthmus.definitions.findings import Finding, find_unknown_keys
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.json_values import as_mapping
from isthmus.definitions.layers import merge_integration, merge_mapping
from isthmus.definitions.load import DefinitionInvalid, load
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.schema_checks import check_schema
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource
from isthmus.definitions.unsupported_features import (
    find_unsupported_blocks,
    find_unsupported_steps,
    refuse_errors,
)
from isthmus.errors import failure
from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "check_integration_config",
    "check_integration_override",
    "check_mapping",
    "check_mapping_override",
    "check_record_schemas",
    "check_unified_model",
]


def check_integration_config(name: str, config: Mapping[str, Any]) -> list[CallWarning]:
    """Raises DefinitionInvalid with every failure and its path, or with every field that is not supported
    yet."""
    source = f"config of {name}"
    definition = load(IntegrationConfig, config, source=source, prefix="config")
    findings = _find_unread_parts(definition)
    refuse_errors(findings, source=source, prefix="config")
    return _to_warnings(findings, "config")


def check_integration_override(
    name: str, base: Mapping[str, Any], override: Mapping[str, Any], *, field: str
) -> list[CallWarning]:
    """Merges `override` into `base` and checks the resulting definition; the warnings are on what the
    override adds.

    `field`: the key of the request body that holds the override. Raises DefinitionInvalid if the result is
    invalid, or if the override adds fields that are not supported yet. `base` alone need not be valid: it may
    be another team's integration without its secrets, which the override supplies.
    """
    source = f"{field} of {name}"
    effective = load(IntegrationConfig, merge_integration(base, override), source=source, prefix=field)
    findings = _find_unread_parts(effective)
    if findings:
        known_paths = _list_unread_paths(name, base)
        findings = [finding for finding in findings if finding.path not in known_paths]
    refuse_errors(findings, source=source, prefix=field)
    return _to_warnings(findings, field)


def _list_unread_paths(name: str, base: Mapping[str, Any]) -> frozenset[str]:
    """Returns the paths of the parts of `base` that nothing reads; none if `base` is invalid by itself."""
    try:
        return frozenset(
            finding.path for finding in _find_unread_parts(load(IntegrationConfig, base, source=name))
        )
    except DefinitionInvalid:
        return frozenset()


def _find_unread_parts(config: IntegrationConfig) -> list[Finding]:
    """Returns findings on the keys that no field has, and on the blocks that are not supported yet."""
    return [*find_unknown_keys(config, top="warn"), *find_unsupported_blocks(config)]


def _to_warnings(findings: Iterable[Finding], prefix: str = "") -> list[CallWarning]:
    """Returns a warning for each finding that is no error. `prefix`: put before the findings' paths."""
    warnings = []
    for finding in findings:
        if finding.severity != "error":
            path = ".".join(part for part in (prefix, finding.path) if part)
            fix = f"; {finding.fix}" if finding.fix else ""
            warnings.append(
                CallWarning("definition_finding", f"{path}: {finding.message}{fix}", f"body.{path}")
            )
    return warnings


def check_unified_model(values: Mapping[str, Any], *, field: str = "", own: Any = None) -> list[CallWarning]:
    """Raises DefinitionInvalid for a row of a unified model.

    `field`: prefix of the paths of its failures. `own`: the resources of an override that is merged into the
    row, whose aliases alone are checked then: a field that an override adds hides the model's alias of its
    name.
    """
    names = ("name", "category", "description", "sharing", "resources", "webhooks")
    source = f"unified model {values['name']}"
    definition = load(
        UnifiedModelDefinition,
        {name: values[name] for name in names if name in values},
        source=source,
        prefix=field,
    )
    prefix = f"{field}." if field else ""
    failures = [
        failure(f"{prefix}resources.{resource}.aliases.{name}", fault, "alias")
        for resource, part in definition.resources.items()
        for name, fault in _find_alias_faults(
            part, None if own is None else as_mapping(as_mapping(own).get(resource))
        )
    ]
    if failures:
        raise DefinitionInvalid(source, failures)
    return _to_warnings(find_unknown_keys(definition, top="warn"), field)


def _find_alias_faults(resource: UnifiedResource, own: Any) -> Iterator[tuple[str, str]]:
    """Yields (alias, what is wrong with it). `own`: an override of the resource, whose aliases alone are
    checked; None for all."""
    for name, target in resource.aliases.items():
        fault = find_alias_fault(name, target, resource.record_schema)
        if fault is not None and (own is None or name in as_mapping(as_mapping(own).get("aliases"))):
            yield name, fault


def check_record_schemas(name: str, resources: Any, *, field: str = "resources") -> list[CallWarning]:
    """Raises DefinitionInvalid if a schema in a unified model's resources is not a JSON Schema.

    `resources`: as sent; values that are not objects are skipped, since `check_unified_model` refuses them.
    """
    findings = [
        finding
        for path, schema in _iter_schemas(resources, field)
        for finding in check_schema(schema, path, "model")
    ]
    failures = [
        failure(finding.path, f"{finding.message}{f'; {finding.fix}' if finding.fix else ''}", "json_schema")
        for finding in findings
        if finding.severity == "error"
    ]
    if failures:
        raise DefinitionInvalid(f"unified model {name}", failures)
    return _to_warnings(findings)


def _iter_schemas(resources: Any, field: str) -> Iterator[tuple[str, Any]]:
    """Yields (path, value) of each schema: of records, and by method of queries and request bodies."""
    for name, resource in _iter_items(resources):
        record_schema = resource.get("schema") if isinstance(resource, Mapping) else None
        if record_schema is not None:
            yield f"{field}.{name}.schema", record_schema
        for kind in ("query_schema", "request_body_schema"):
            by_method = resource.get(kind) if isinstance(resource, Mapping) else None
            for method, schema in _iter_items(by_method):
                if schema is not None:
                    yield f"{field}.{name}.{kind}.{method}", schema


def _iter_items(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields the (key, value) items of an object; none of any other value."""
    yield from value.items() if isinstance(value, Mapping) else ()


def check_mapping(config: Mapping[str, Any], *, source: str, field: str = "config") -> list[CallWarning]:
    """Raises DefinitionInvalid for a mapping's config with misspelt keys, bad schemas or unsupported fields.

    `source`: the name of the mapping in messages. `field`: prefix of the paths of its failures.
    """
    label = f"mapping of {source}"
    mapping = load(MappingConfig, config, source=label, prefix=field)
    unknown = list(find_unknown_keys(mapping, top="warn"))
    misspelt = [
        failure(f"{field}.{finding.path}", f"{finding.message}; {finding.fix}", "unknown_field")
        for finding in unknown
        if finding.fix is not None
    ]
    schemas = [
        failure(path, message, "json_schema")
        for name in ("query_schema", "request_body_schema")
        if isinstance(config.get(name), Mapping)
        for path, message in check_schema_part(config[name], f"{field}.{name}")
    ]
    if misspelt or schemas:
        raise DefinitionInvalid(label, [*misspelt, *schemas])
    refuse_errors(find_unsupported_steps(mapping), source=label, prefix=field)
    return _to_warnings(unknown, field)


def check_mapping_override(override: Mapping[str, Any], *, source: str, field: str) -> list[CallWarning]:
    """Checks a partial mapping config by itself, whatever it is merged over. Raises like `check_mapping`."""
    return check_mapping(merge_mapping({}, override), source=source, field=field)
