"""Definitions are judged when they are written: what cannot be run, or would be ignored, is refused then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from isthmus.definitions import record_schema
from isthmus.definitions.execution import mapping_not_executed, not_executed, refuse
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.layers import merge_integration, merge_mapping
from isthmus.definitions.load import DefinitionInvalid, load
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.schema_forms import check_part
from isthmus.definitions.spelling import unknown_keys
from isthmus.definitions.unified_model import UnifiedModelDefinition
from isthmus.errors import failure

__all__ = [
    "check_integration_config",
    "check_integration_override",
    "check_mapping",
    "check_mapping_override",
    "check_record_schemas",
    "check_unified_model",
]


def check_integration_config(name: str, config: Mapping[str, Any]) -> None:
    """Raises DefinitionInvalid: every failure with its path, or every field that is not executed yet."""
    source = f"config of {name}"
    definition = load(IntegrationConfig, config, source=source, prefix="config")
    refuse(not_executed(definition), source=source, prefix="config")


def check_integration_override(
    name: str, base: Mapping[str, Any], override: Mapping[str, Any], *, field: str
) -> IntegrationConfig:
    """The definition that `override` makes of `base`; `field` is the name of the body's key.

    Raises DefinitionInvalid for what the override breaks, or adds and is not executed; `base` is not judged
    again. It may be whole only with the override: another team's, without its secrets.
    """
    source = f"{field} of {name}"
    effective = load(IntegrationConfig, merge_integration(base, override), source=source, prefix=field)
    added = not_executed(effective)
    if added:
        known = _unsupported_paths(name, base)
        refuse([each for each in added if each.path not in known], source=source, prefix=field)
    return effective


def _unsupported_paths(name: str, base: Mapping[str, Any]) -> frozenset[str]:
    try:
        return frozenset(each.path for each in not_executed(load(IntegrationConfig, base, source=name)))
    except DefinitionInvalid:
        return frozenset()


def check_unified_model(values: Mapping[str, Any], *, field: str = "") -> None:
    names = ("name", "category", "description", "sharing", "resources", "webhooks")
    load(
        UnifiedModelDefinition,
        {name: values[name] for name in names if name in values},
        source=f"unified model {values['name']}",
        prefix=field,
    )


def check_record_schemas(name: str, resources: Any, *, field: str = "resources") -> None:
    """Raises DefinitionInvalid for a schema of a unified model that is no JSON Schema. `resources`: those
    that were sent; what is no object is judged elsewhere."""
    failures = [
        failure(each.path, f"{each.message}{f'; {each.fix}' if each.fix else ''}", "json_schema")
        for path, schema in _iter_schemas(resources, field)
        for each in record_schema.check(schema, path, "model")
        if each.severity == "error"
    ]
    if failures:
        raise DefinitionInvalid(f"unified model {name}", failures)


def _iter_schemas(resources: Any, field: str) -> Iterator[tuple[str, Any]]:
    for name, resource in _iter_items(resources):
        own = resource.get("schema") if isinstance(resource, Mapping) else None
        if own is not None:
            yield f"{field}.{name}.schema", own
        for kind in ("query_schema", "request_body_schema"):
            by_method = resource.get(kind) if isinstance(resource, Mapping) else None
            for method, schema in _iter_items(by_method):
                if schema is not None:
                    yield f"{field}.{name}.{kind}.{method}", schema


def _iter_items(value: Any) -> Iterator[tuple[str, Any]]:
    yield from value.items() if isinstance(value, Mapping) else ()


def check_mapping(config: Mapping[str, Any], *, source: str, field: str = "config") -> None:
    what = f"mapping of {source}"
    mapping = load(MappingConfig, config, source=what, prefix=field)
    misspelt = [
        failure(f"{field}.{each.path}", f"{each.message}; {each.fix}", "unknown_field")
        for each in unknown_keys(mapping, top="warn")
        if each.fix is not None
    ]
    schemas = [
        failure(path, message, "json_schema")
        for name in ("query_schema", "request_body_schema")
        if isinstance(config.get(name), Mapping)
        for path, message in check_part(config[name], f"{field}.{name}")
    ]
    if misspelt or schemas:
        raise DefinitionInvalid(what, [*misspelt, *schemas])
    refuse(mapping_not_executed(mapping), source=what, prefix=field)


def check_mapping_override(override: Mapping[str, Any], *, source: str, field: str) -> None:
    """A partial mapping config by itself: what it names must be right whatever it is laid over."""
    check_mapping(merge_mapping({}, override), source=source, field=field)
