"""Builds the bodies of the capability endpoints: which proxy and unified methods an integration or an account
offers."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from isthmus.definitions.credentials import normalise_credentials
from isthmus.integrations.meta.integration_description import IntegrationDescription
from isthmus.integrations.meta.mapped_resources import MappedResource
from isthmus.integrations.meta.tools import name_tools

__all__ = ["CapabilityFilter", "build_capabilities", "build_unified_apis"]


@dataclass(frozen=True, slots=True)
class CapabilityFilter:
    """Which capabilities to list. `methods` and `described_only` apply to proxy methods only.

    `methods`: names of proxy methods. `described_only`: leaves out proxy methods without a description.
    """

    type: Literal["proxy", "unified", "all"] = "all"
    methods: Collection[str] | None = None
    resource: str | None = None
    described_only: bool = True


def build_capabilities(
    described: IntegrationDescription,
    mapped: Sequence[MappedResource],
    capability_filter: CapabilityFilter,
    *,
    name_template: str | None = None,
) -> dict[str, Any]:
    """Returns all capabilities that `capability_filter` selects. `name_template`: see
    `tool_names.assign_tool_names`."""
    tool_names = name_tools(described, name_template)
    return {
        "integration": {
            "id": described.id,
            "name": described.name,
            "label": described.label,
            "category": described.category,
        },
        "proxy": _build_proxy(described, tool_names, capability_filter)
        if capability_filter.type != "unified"
        else [],
        "unified": _build_unified(mapped, capability_filter) if capability_filter.type != "proxy" else [],
        "auth": _build_auth(described),
        "ai_readiness": _count_documented(described),
    }


def build_unified_apis(mapped: Sequence[MappedResource]) -> list[dict[str, Any]]:
    """Returns one entry for each unified model, with its mapped resources."""
    by_model: dict[str, dict[str, Any]] = {}
    for resource in mapped:
        model = resource.model
        entry = by_model.setdefault(
            model.id,
            {
                "id": model.id,
                "name": model.name,
                "label": resource.model_label,
                "category": model.category,
                "description": model.description,
                "is_installed": model.install_id is not None,
                "resources": [],
            },
        )
        entry["resources"].append(_resource_fields(resource))
    return list(by_model.values())


def _build_proxy(
    described: IntegrationDescription,
    tool_names: Mapping[tuple[str, str], str],
    capability_filter: CapabilityFilter,
) -> list[dict[str, Any]]:
    """Returns the proxy methods that `capability_filter` selects, whatever its `type`, by resource; resources
    without one are left out."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for method in described.methods:
        if capability_filter.resource not in (None, method.resource):
            continue
        if capability_filter.methods is not None and method.name not in capability_filter.methods:
            continue
        if capability_filter.described_only and method.description is None:
            continue
        url = method.definition.get("api_documentation_url")
        resources.setdefault(method.resource, []).append(
            {
                "method": method.name,
                "name": tool_names[method.resource, method.name],
                "description": method.description,
                "has_description": method.description is not None,
                "has_query_schema": method.query_schema is not None,
                "has_body_schema": method.body_schema is not None,
                "has_response_schema": method.response_schema is not None,
                "api_documentation_url": url if isinstance(url, str) else None,
            }
        )
    return [{"resource": name, "methods": methods} for name, methods in resources.items()]


def _build_unified(
    mapped: Sequence[MappedResource], capability_filter: CapabilityFilter
) -> list[dict[str, Any]]:
    """Returns the unified resources and methods that `capability_filter` selects."""
    return [
        {
            "model": resource.model.name,
            "model_label": resource.model_label,
            **_resource_fields(resource),
            "env_overridden": resource.is_overridden,
        }
        for resource in mapped
        if capability_filter.resource in (None, resource.resource)
    ]


def _resource_fields(resource: MappedResource) -> dict[str, Any]:
    """Returns the fields of a unified resource in a response."""
    return {
        "resource": resource.resource,
        "description": resource.definition.get("description"),
        "docs_url": resource.definition.get("docs_url"),
        "methods": list(resource.methods),
    }


def _build_auth(described: IntegrationDescription) -> dict[str, Any]:
    """Returns all credential formats, and the fields of all their forms, each name once."""
    credentials = normalise_credentials(described.config.get("credentials"))
    entries = credentials if isinstance(credentials, Mapping) else {}
    fields: dict[str, dict[str, Any]] = {}
    link = described.texts.get("oauth_documentation_link")
    for entry in entries.values():
        config = entry.get("config") if isinstance(entry, Mapping) else None
        for field in (config or {}).get("fields") or ():
            fields.setdefault(field["name"], _credential_field(field))
        link = link or (config or {}).get("documentation_link")
    auth = {"formats": list(entries), "fields": list(fields.values())}
    return auth | ({"documentation_link": link} if link else {})


def _credential_field(each: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the public properties of a field in a credential form."""
    field = {
        "name": each["name"],
        "label": each.get("label") or each["name"],
        "type": each.get("type") or "text",
        "required": bool(each.get("required")),
    }
    return field | {name: each[name] for name in ("format", "placeholder") if each.get(name) is not None}


def _count_documented(described: IntegrationDescription) -> dict[str, Any]:
    """Returns how many proxy methods have a description, as numbers and as a share; the filter does not
    count."""
    total = len(described.methods)
    documented = sum(method.description is not None for method in described.methods)
    return {
        "proxy_methods": total,
        "proxy_methods_with_descriptions": documented,
        "ai_ready_score": round(documented / total, 4) if total else 0,
    }
