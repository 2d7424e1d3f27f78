"""Routes of the wire protocol that are not served yet, and what will bring them.

`test_routes.py` holds it to the truth: what the specification names is in our document or stands here,
and nothing stands here that is there already. Work that brings an entry takes it out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["FIELDS", "FILTERS", "LATER_BEHAVIOUR", "LATER_PARAMETERS", "LATER_ROUTES", "PARAMETERS"]

AUTOMATION: Final = "workflows, daemons and scheduled work"
DASHBOARD: Final = "the dashboard, whose users sign in"
FILES: Final = "storage of files and large payloads"
LOGS: Final = "the log of calls"
MCP: Final = "the MCP server"
SYNCS: Final = "sync jobs and their destinations"
WEBHOOKS: Final = "webhooks in both directions"


def _crud(path: str) -> tuple[str, ...]:
    """Returns the routes of a resource below a path, such as `GET /things/{id}`."""
    row_path = f"{path}/{{id}}"
    return (f"GET {path}", f"POST {path}", f"GET {row_path}", f"PATCH {row_path}", f"DELETE {row_path}")


_ROUTES: Final[Mapping[str, tuple[str, ...]]] = {
    MCP: (
        "GET /integrated-account/{id}/mcp",
        "POST /integrated-account/{id}/mcp",
        "GET /integrated-account/{id}/mcp/{token_id}",
        "PATCH /integrated-account/{id}/mcp/{token_id}",
        "DELETE /integrated-account/{id}/mcp/{token_id}",
        "POST /mcp/{token}",
    ),
    WEBHOOKS: (
        "POST /integrated-account-webhook/{id}",
        "POST /environment-integration-webhook/{id}",
        *_crud("/webhook"),
        "POST /webhook/test",
        *_crud("/notification-destination"),
    ),
    SYNCS: (
        *_crud("/sync-job"),
        *_crud("/sync-job-run"),
        *_crud("/sync-job-run-state"),
        *_crud("/sync-job-template"),
        *_crud("/sync-job-cron-trigger"),
        "POST /sync-job-cron-trigger/{id}/schedule",
        *_crud("/datastore"),
        "POST /datastore/{id}/test/{method}",
    ),
    AUTOMATION: (
        *_crud("/alarm"),
        *_crud("/workflow"),
        *_crud("/workflow-run"),
        *_crud("/daemon"),
        *_crud("/daemon-job"),
        *_crud("/daemon-job-run"),
        *_crud("/daemon-job-cron-trigger"),
        "POST /daemon-job-cron-trigger/{id}/schedule",
    ),
    LOGS: ("GET /log",),
    FILES: ("POST /file",),
}

LATER_ROUTES: Final[Mapping[str, str]] = {
    route: reason for reason, routes in _ROUTES.items() for route in routes
}
"""`VERB /path` -> what will bring it."""

_LIST: Final = ("limit", "next_cursor", "select", "sort_by")
_CALL: Final = ("integrated_account_id",)
_PAGES: Final = ("limit", "next_cursor", "prev_cursor")
_UNIFIED: Final = (
    "truto_ignore_remote_data",
    "truto_exclude_fields",
    "truto_response_format",
    "remote_query",
)
_CAPABILITIES: Final = ("type", "methods", "resource", "has_description")
_TOOLS: Final = ("methods", "tags")

PARAMETERS: Final[Mapping[str, tuple[str, ...]]] = {
    **{
        f"GET {path}": _LIST
        for path in (
            "/environment",
            "/team",
            "/user",
            "/integration",
            "/environment-integration",
            "/unified-model",
            "/unified-model-resource-method",
            "/environment-unified-model",
            "/environment-unified-model-resource-method",
            "/integrated-account",
            "/sandbox-integrated-account",
            "/api-token",
            "/category",
            "/documentation",
            "/static-gate",
        )
    },
    "GET /unified/{model}/{resource}": (*_CALL, *_PAGES, *_UNIFIED, "truto_key_by", "truto_super_query"),
    "GET /unified/{model}/{resource}/{id}": (*_CALL, *_UNIFIED),
    "POST /unified/{model}/{resource}": (*_CALL, *_UNIFIED, "truto_body_passthrough"),
    "PATCH /unified/{model}/{resource}/{id}": (*_CALL, *_UNIFIED, "truto_body_passthrough"),
    "DELETE /unified/{model}/{resource}/{id}": _CALL,
    "GET /proxy/{resource}": (*_CALL, *_PAGES),
    "GET /proxy/{resource}/{id}": _CALL,
    "POST /proxy/{resource}": (*_CALL, "truto_body_passthrough"),
    "PATCH /proxy/{resource}/{id}": (*_CALL, "truto_body_passthrough"),
    "POST /proxy/_/{action}": _CALL,
    "GET /custom/{path}": _CALL,
    "GET /unified/meta/{model}/{integration}": ("format", "environment_id"),
    "GET /unified/{model}/{resource}/meta/{method}": _CALL,
    "GET /unified/{model}/{resource}/{integration}/meta/{method}": _CALL,
    "GET /integration/{id}/capabilities": _CAPABILITIES,
    "GET /integrated-account/{id}/capabilities": _CAPABILITIES,
    "GET /integration/{id}/tools": _TOOLS,
    "GET /integrated-account/{id}/tools": _TOOLS,
}
"""The parameters that the wire protocol gives a served route. Filters are in `FILTERS`."""

_ROW: Final = ("id", "created_at", "updated_at")
_OWNED: Final = (
    *_ROW,
    "name",
    "category",
    "sharing",
    "team_id",
    "team",
    "installed_environment",
    "version",
)
_CELL: Final = (*_ROW, "integration_name", "resource_name", "method_name", "config", "version")

FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "/environment": (*_ROW, "name", "team_id"),
    "/team": (*_ROW, "name", "domain", "logo"),
    "/user": (
        *_ROW, "name", "email", "is_active", "is_staff", "last_login_at", "role", "team", "environment",
    ),
    "/integration": (*_OWNED, "is_beta", "config", "can_install"),
    "/environment-integration": (
        *_ROW, "integration_id", "environment_id", "is_enabled", "is_active", "show_in_catalog", "override",
        "integration", "isthmus_callback_url",
    ),
    "/unified-model": (*_OWNED, "description", "resources", "scopes", "docs", "webhooks"),
    "/unified-model-resource-method": (*_CELL, "unified_model_id"),
    "/environment-unified-model": (*_ROW, "unified_model_id", "environment_id", "override", "unified_model"),
    "/environment-unified-model-resource-method": (*_CELL, "environment_unified_model_id"),
    "/integrated-account": (
        *_ROW, "tenant_id", "environment_integration_id", "environment_id", "status", "authentication_method",
        "region", "is_sandbox", "context", "object_store_context_fields", "unified_model_override",
        "integration_override", "features", "truto_static_gate_id", "last_error", "last_forbidden_error",
        "last_action_run_result", "integration", "environment_integration",
    ),
    "/sandbox-integrated-account": (*_ROW, "integrated_account"),
    "/api-token": (*_ROW, "name", "environment_id", "created_by", "expires_at"),
    "/documentation": (
        *_ROW, "entity_id", "entity_type", "type", "content", "resource", "method", "authentication_method",
        "integration_name",
    ),
}  # fmt: skip
"""The fields that the wire protocol gives the rows of a served route."""

_FILTERS_OF_A_CELL: Final = ("integration_name", "resource_name", "method_name", "version")

FILTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "/integration": ("id", "name", "sharing", "category", "is_beta", "created_at", "version"),
    "/environment-integration": ("integration_id", "integration.name", "is_enabled", "is_active"),
    "/unified-model": ("name", "category", "sharing", "version"),
    "/unified-model-resource-method": ("unified_model_id", *_FILTERS_OF_A_CELL),
    "/environment-unified-model": ("unified_model_id", "unified_model.name"),
    "/environment-unified-model-resource-method": ("environment_unified_model_id", *_FILTERS_OF_A_CELL),
    "/integrated-account": (
        "tenant_id", "is_sandbox", "status", "integration.name", "features.super_query", "created_at",
        "updated_at", "authentication_method", "environment_integration_id",
    ),
    "/api-token": ("name", "created_at", "expires_at"),
    "/environment": ("name", "created_at"),
    "/team": ("name",),
    "/user": ("name", "email", "is_active"),
}  # fmt: skip
"""The filters that the wire protocol or its clients name, and some that follow from the fields."""

LATER_PARAMETERS: Final[Mapping[tuple[str, str], str]] = {
    ("GET /unified/{model}/{resource}", "truto_super_query"): SYNCS,
}
"""`(VERB /path, parameter)` -> what will bring it."""

LATER_BEHAVIOUR: Final[Mapping[str, str]] = {
    "a session cookie in the place of an API token, and what is answered 403 without one": DASHBOARD,
    "integrated_account.features.super_query is ever anything but null": SYNCS,
    "a value sent as {truto_obj_store: true, data} is kept apart from the row": FILES,
}
"""What a route that is served does not do yet. No test sees one of these come: who brings it takes it out."""
