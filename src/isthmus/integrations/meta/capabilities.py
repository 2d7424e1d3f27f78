"""Bodies of the capability endpoints: which proxy and unified methods an integration or an account offers."""

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

    `described_only`: leaves out proxy methods without a description.
    """

    type: Literal["proxy", "unified", "all"] = "all"
    methods: Collection[str] | None = None
    resource: str | None = None
    described_only: bool = True


def build_capabilities(
    described: IntegrationDescription,
    mapped: Sequence[MappedResource],
    wanted: CapabilityFilter,
    *,
    name_template: str | None = None,
) -> dict[str, Any]:
    """Returns all capabilities that `wanted` selects. `name_template`: see `assign_tool_names`."""
    names = name_tools(described, name_template)
    return {
        "integration": {
            "id": described.id,
            "name": described.name,
            "label": described.label,
            "category": described.category,
        },
        "proxy": _build_proxy(described, names, wanted) if wanted.type != "unified" else [],
        "unified": _build_unified(mapped, wanted) if wanted.type != "proxy" else [],
        "auth": _build_auth(described),
        "ai_readiness": _count_documented(described),
    }


def build_unified_apis(mapped: Sequence[MappedResource]) -> list[dict[str, Any]]:
    """Returns one entry for each unified model, with its mapped resources."""
    by_model: dict[str, dict[str, Any]] = {}
    for each in mapped:
        model = each.model
        entry = by_model.setdefault(
            model.id,
            {
                "id": model.id,
                "name": model.name,
                "label": each.model_label,
                "category": model.category,
                "description": model.description,
                "is_installed": model.install_id is not None,
                "resources": [],
            },
        )
        entry["resources"].append(_resource_fields(each))
    return list(by_model.values())


def _build_proxy(
    described: IntegrationDescription, names: Mapping[tuple[str, str], str], wanted: CapabilityFilter
) -> list[dict[str, Any]]:
    """Returns the proxy methods that `wanted` selects, by resource; resources without one are left out."""
    resources: dict[str, list[dict[str, Any]]] = {}
    for method in described.methods:
        if wanted.resource not in (None, method.resource):
            continue
        if wanted.methods is not None and method.name not in wanted.methods:
            continue
        if wanted.described_only and method.description is None:
            continue
        url = method.definition.get("api_documentation_url")
        resources.setdefault(method.resource, []).append(
            {
                "method": method.name,
                "name": names[method.resource, method.name],
                "description": method.description,
                "has_description": method.description is not None,
                "has_query_schema": method.query_schema is not None,
                "has_body_schema": method.body_schema is not None,
                "has_response_schema": method.response_schema is not None,
                "api_documentation_url": url if isinstance(url, str) else None,
            }
        )
    return [{"resource": name, "methods": methods} for name, methods in resources.items()]


def _build_unified(mapped: Sequence[MappedResource], wanted: CapabilityFilter) -> list[dict[str, Any]]:
    """Returns the unified resources and methods that `wanted` selects."""
    return [
        {
            "model": each.model.name,
            "model_label": each.model_label,
            **_resource_fields(each),
            "env_overridden": each.is_overridden,
        }
        for each in mapped
        if wanted.resource in (None, each.resource)
    ]


def _resource_fields(each: MappedResource) -> dict[str, Any]:
    return {
        "resource": each.resource,
        "description": each.definition.get("description"),
        "docs_url": each.definition.get("docs_url"),
        "methods": list(each.methods),
    }


def _build_auth(described: IntegrationDescription) -> dict[str, Any]:
    """Returns all credential formats, and the fields of all their forms, each name once."""
    credentials = normalise_credentials(described.config.get("credentials"))
    entries = credentials if isinstance(credentials, Mapping) else {}
    fields: dict[str, dict[str, Any]] = {}
    link = described.texts.get("oauth_documentation_link")
    for entry in entries.values():
        config = entry.get("config") if isinstance(entry, Mapping) else None
        for each in (config or {}).get("fields") or ():
            fields.setdefault(each["name"], _credential_field(each))
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
    whole = len(described.methods)
    documented = sum(method.description is not None for method in described.methods)
    return {
        "proxy_methods": whole,
        "proxy_methods_with_descriptions": documented,
        "ai_ready_score": round(documented / whole, 4) if whole else 0,
    }
