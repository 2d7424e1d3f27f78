"""What definitions may say and is not carried out yet, or cannot be. One list; later work shrinks it.

What no call could carry out is refused where it is written, never ignored. A block that belongs to a later
stage of an account's life is stored and reported as not active yet.
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
    "INACTIVE_BLOCKS",
    "find_inactive_blocks",
    "find_unsupported_steps",
    "refuse_errors",
]

INACTIVE_BLOCKS: Final = {"webhook": "inbound webhooks are not taken yet"}


def find_inactive_blocks(config: IntegrationConfig) -> list[Finding]:
    """Infos for blocks that are stored and not active yet."""
    return [
        Finding(severity="info", section=field, source="execution", path=field, message=message)
        for field, message in INACTIVE_BLOCKS.items()
        if getattr(config, field)
    ]


def find_unsupported_steps(mapping: MappingConfig) -> list[Finding]:
    """Errors for steps of a mapping that nothing could carry out: a form waits for a person."""
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
