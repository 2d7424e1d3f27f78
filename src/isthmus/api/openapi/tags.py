"""The tags of the OpenAPI document: the groups of its operations, each with a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["TAGS", "build_model_tag"]

_TEXTS: Final[Mapping[str, str]] = {
    "unified API": "Records of any integration in the schema of a unified model, and the models themselves.",
    "proxy API": "Records as the provider has them, with its authorization, pagination and errors handled.",
    "custom API": "Any path of the provider's own API.",
    "batch API": "Several calls of one account in one request.",
    "me": "Whose token it is.",
    "integrated accounts": "Accounts of your customers at providers: status, credentials, overrides.",
    "link tokens": "Tokens with which a person connects one account.",
    "integrations": "What can be connected, as its definition describes it.",
    "environment integrations": "Installs of integrations in the environment, with its overrides.",
    "categories": "The kinds of service that integrations and unified models belong to.",
    "unified models": "Sets of resources with one schema each, the same for every integration.",
    "environment unified models": "Installs of unified models in the environment, with its overrides.",
    "mappings": "How an integration carries out a method of a unified model, and overrides of it.",
    "layers": "The merged definition and mappings of an account or install, with their layers.",
    "capabilities and tools": "What can be called for an integration or account; also as tools for agents.",
    "documentation": "Texts and schemas about integrations and unified models.",
    "schemas": "JSON Schemas of definition files and of unified records.",
    "events": "Changes that were made, of the last 30 days.",
    "static gates": "Fixed addresses through which an account's outgoing calls leave.",
    "environments": "Worlds of their own inside a team, with their own installs, accounts and tokens.",
    "API tokens": "Tokens of the environment, without their secrets.",
    "teams": "The owner of environments, definitions and users.",
    "users": "People of the team.",
    "health": "Whether the server works.",
}

TAGS: Final = [{"name": name, "description": text} for name, text in _TEXTS.items()]
"""The tags of all operations but those that are added for a unified model."""


def build_model_tag(model: str) -> dict[str, str]:
    """Builds the tag of the operations of one unified model."""
    return {
        "name": f"unified: {model}",
        "description": f"The resources of the unified model {model}, as the environment has it.",
    }
