"""Finds what definitions may hold and is not executed: what is not supported yet, and what cannot be
executed.

What no call could execute is refused when it is written, and never ignored. A block that no part of Isthmus
uses yet is stored, and reported as not active.
"""

from __future__ import annotations

from typing import Final

from isthmus.definitions.actions import FormStep
from isthmus.definitions.findings import Finding
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.load import DefinitionInvalid
from isthmus.definitions.mapping import MappingConfig
from isthmus.errors import failure

__all__ = [
    "UNSUPPORTED_BLOCKS",
    "find_unsupported_blocks",
    "find_unsupported_steps",
    "refuse_errors",
]

UNSUPPORTED_BLOCKS: Final = {"webhook": "inbound webhooks are not taken yet"}


def find_unsupported_blocks(config: IntegrationConfig) -> list[Finding]:
    """Returns an info finding for each block of a config that is stored but not supported yet."""
    return [
        Finding(severity="info", section=field, source="execution", path=field, message=message)
        for field, message in UNSUPPORTED_BLOCKS.items()
        if getattr(config, field)
    ]


def find_unsupported_steps(mapping: MappingConfig) -> list[Finding]:
    """Returns an error finding for each step of a mapping that cannot be executed: a form needs a person to
    fill it in."""
    return [
        Finding(
            severity="error",
            section="mapping",
            source="execution",
            path=f"{field}.{index}.type",
            message="a form cannot be shown in the middle of a call",
            fix="remove it; forms belong to the action post_connect_user_form",
        )
        for field in ("before", "after")
        for index, step in enumerate(getattr(mapping, field))
        if isinstance(step, FormStep)
    ]


def refuse_errors(findings: list[Finding], *, source: str, prefix: str = "") -> None:
    """Raises DefinitionInvalid if any of the findings is an error."""
    failures = [
        failure(".".join(part for part in (prefix, item.path) if part), item.message, "not_executed")
        for item in findings
        if item.severity == "error"
    ]
    if failures:
        raise DefinitionInvalid(source, failures)
