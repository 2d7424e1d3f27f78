"""The definition of a provider whose accounts have a key, or a token that is refreshed."""

from __future__ import annotations

from typing import Any

__all__ = ["make_desk_definition"]


def make_desk_definition(label: str, resources: dict[str, Any], **more: Any) -> dict[str, object]:
    """Returns a definition with these resources and both credential formats. `more`: further fields."""
    return {
        "label": label,
        "base_url": "{{url}}",
        "authorization": {"format": "bearer"},
        "credentials": {
            "api_key": {"config": {"fields": [{"name": "url"}, {"name": "api_key", "type": "password"}]}},
            "oauth2": {
                "config": {
                    "client": {"id": "app", "secret": "app-secret"},
                    "auth": {"tokenHost": "{{url}}", "tokenPath": "/token"},
                    "fields": [{"name": "url"}],
                }
            },
        },
        "resources": resources,
        **more,
    }
