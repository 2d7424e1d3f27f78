"""An integration definition of which no rule has anything to say, to plant mistakes in."""

from __future__ import annotations

import copy
from typing import Any

CLEAN: dict[str, Any] = {
    "label": "Brightfold Desk",
    "base_url": "https://{{region}}.brightfold.example",
    "headers": {"Accept": "application/json"},
    "credentials": {
        "format": "api_key",
        "config": {"fields": [{"name": "region"}, {"name": "api_key", "type": "password"}]},
    },
    "authorization": {
        "format": "header",
        "config": {"header_name": "X-Key", "header_value": "{{credentials.api_key}}"},
    },
    "pagination": {"format": "cursor", "config": {"cursor_path": "next"}},
    "rate_limit": {"is_rate_limited": "status = 429"},
    "error_expression": "data.fault",
    "actions": {"validation": {"steps": [{"type": "request", "config": {"path": "/me"}}]}},
    "resources": {
        "tickets": {
            "list": {"path": "/tickets", "response_path": "rows"},
            "get": {"path": "/tickets/{{id}}"},
            "create": {"path": "/tickets", "method": "post", "body_schema": {"subject": {"type": "string"}}},
            "update": {
                "path": "/tickets/{{id}}",
                "method": "post",
                "body_schema": {"subject": {"type": "string"}},
            },
        }
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    """CLEAN with one value put at a dotted path; `...` takes it away."""
    config = copy.deepcopy(CLEAN)
    place: Any = config
    *parents, last = path.split(".")
    for name in parents:
        place = place.setdefault(name, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return config
