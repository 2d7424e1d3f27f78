"""One integration that has a bit of everything, and what is said of a document that does not parse."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.definitions import DefinitionInvalid

__all__ = ["DESK", "failures"]

DESK: dict[str, Any] = {
    "label": "Brightfold Desk",
    "base_url": "https://{{region?:eu}}.brightfold.example/api/v2",
    "headers": {"Accept": "application/json", "X-Old": None},
    "credentials": {
        "format": "api_key",
        "config": {"fields": [{"name": "api_key", "label": "Key", "type": "password", "required": True}]},
    },
    "authorization": {
        "format": "header",
        "config": {"header_name": "X-Desk-Key", "header_value": "{{credentials.api_key}}"},
    },
    "pagination": {"format": "cursor", "config": {"cursor_path": "paging.after", "limit_param": "size"}},
    "error_expression": "status = 404 ? 'gone'",
    "resources": {
        "tickets": {
            "list": {"path": "/tickets", "response_path": "items"},
            "get": {"path": "/tickets/{{id}}", "pagination": None},
            "create": {"path": "/tickets", "method": "POST", "body": {"t": "{{body.t}}"}},
            "hidden": None,
        }
    },
}


def failures(load: Any, data: object) -> dict[str, str]:
    """Returns the message of each failure by path, for a document that `load` refuses."""
    with pytest.raises(DefinitionInvalid) as caught:
        load(data)
    return {item["path"]: item["message"] for item in caught.value.failures}
