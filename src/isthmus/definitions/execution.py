"""What definitions may say and the engine does not carry out yet. One list; engine work shrinks it.

A field that would change a call is refused where it is written, never ignored. A block that belongs to a
later stage of an account's life is stored and reported as not active yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from pydantic import BaseModel

from isthmus.definitions.findings import Finding
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import DefinitionInvalid
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import Pagination
from isthmus.errors import failure

__all__ = [
    "BODY_FORMATS",
    "INACTIVE_BLOCKS",
    "INACTIVE_CREDENTIALS",
    "MAPPING_FIELDS",
    "PAGINATION_FORMATS",
    "RESPONSE_FORMATS",
    "mapping_not_executed",
    "not_executed",
    "refuse",
]

PAGINATION_FORMATS: Final = frozenset({"page", "cursor", "link_header", "offset"})
BODY_FORMATS: Final = frozenset({"json", "form"})
RESPONSE_FORMATS: Final = frozenset({"json", "text", "binary"})

MAPPING_FIELDS: Final = {
    "before": "steps before the call",
    "after": "steps after the mapping",
    "side_load": "further calls for each record",
    "file_upload": "files",
}

INACTIVE_CREDENTIALS: Final = frozenset({"oauth2", "oauth2_client_credentials", "oauth", "keka_oauth"})
INACTIVE_BLOCKS: Final = {
    "actions": "actions",
    "webhook": "webhook",
    "tool_tags": "tools",
}


def not_executed(config: IntegrationConfig) -> list[Finding]:
    """Errors for fields that would change a call, infos for blocks that are stored and not active yet."""
    return [*_refused(config), *_inactive(config)]


def mapping_not_executed(mapping: MappingConfig) -> list[Finding]:
    """Errors for the fields of a mapping that would change a call."""
    return [
        _unsupported(field, f"{what} are not carried out yet", "mapping")
        for field, what in MAPPING_FIELDS.items()
        if getattr(mapping, field)
    ]


def refuse(findings: list[Finding], *, source: str, prefix: str = "") -> None:
    """Raises DefinitionInvalid if any of the findings is an error."""
    failures = [
        failure(".".join(part for part in (prefix, item.path) if part), item.message, "not_executed")
        for item in findings
        if item.severity == "error"
    ]
    if failures:
        raise DefinitionInvalid(source, failures)


def _refused(config: IntegrationConfig) -> Iterator[Finding]:
    yield from _pagination(config.pagination, "pagination")
    for resource, methods in config.resources.items():
        for name, method in methods.items():
            if method is not None:
                for finding in _method(method, f"resources.{resource}.{name}"):
                    yield _about(finding, resource, name)


def _method(method: MethodDefinition, path: str) -> Iterator[Finding]:
    if method.body_format not in BODY_FORMATS:
        yield _unsupported(
            f"{path}.body_format",
            f"bodies of the format {method.body_format} are not written yet",
            "resources",
            BODY_FORMATS,
        )
    if method.api_response_format is not None and method.api_response_format not in RESPONSE_FORMATS:
        yield _unsupported(
            f"{path}.api_response_format",
            f"answers are not read as {method.api_response_format} yet",
            "resources",
            RESPONSE_FORMATS,
        )
    yield from _pagination(method.pagination, f"{path}.pagination")


def _pagination(pagination: Pagination | None, path: str) -> Iterator[Finding]:
    if pagination is not None and pagination.format not in PAGINATION_FORMATS:
        yield _unsupported(
            f"{path}.format",
            f"pagination of the format {pagination.format} is not carried out yet",
            "pagination",
            PAGINATION_FORMATS,
        )


def _inactive(config: IntegrationConfig) -> Iterator[Finding]:
    for name in config.credentials:
        if name in INACTIVE_CREDENTIALS:
            yield _stored(f"credentials.{name}", f"accounts are not connected by {name} yet", "credentials")
    for field, what in INACTIVE_BLOCKS.items():
        value: BaseModel | dict[str, object] | None = getattr(config, field)
        if value:
            yield _stored(field, f"{what}: not active yet", field)


def _unsupported(path: str, message: str, section: str, instead: frozenset[str] = frozenset()) -> Finding:
    return Finding(
        severity="error",
        section=section,
        source="execution",
        path=path,
        message=message,
        fix=f"use one of {', '.join(sorted(instead))}" if instead else "remove it",
    )


def _stored(path: str, message: str, section: str) -> Finding:
    return Finding(severity="info", section=section, source="execution", path=path, message=message)


def _about(finding: Finding, resource: str, method: str) -> Finding:
    return replace(finding, resource=resource, method=method)
