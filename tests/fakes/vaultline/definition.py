"""The integration definition of the fake, as its author would write it."""

from __future__ import annotations

from typing import Any

from tests.fakes.vaultline.server import CONSUMER

__all__ = ["definition"]


def definition(url: str) -> dict[str, Any]:
    """`{name, category, config}` for the fake that runs at `url`."""
    return {"name": "vaultline", "category": "files", "config": _config(url)}


def _config(url: str) -> dict[str, Any]:
    """Returns the definition's config for the fake at `url`."""
    return {
        "label": "Vaultline",
        "base_url": f"{url}/v1",
        "headers": {"Accept": "application/xml"},
        "credentials": {
            "oauth": {
                "config": {
                    "requestTokenUrl": f"{url}/request",
                    "authorizeUrl": f"{url}/authorize",
                    "tokenUrl": f"{url}/token",
                    "client": {"id": CONSUMER[0], "secret": CONSUMER[1]},
                }
            }
        },
        "resources": {
            "boxes": {
                "list": {
                    "path": "/boxes",
                    "response_path": "boxes.box",
                    "pagination": {"format": "range", "config": {"range_unit": "boxes", "default_limit": 3}},
                },
                "create": {
                    "path": "/boxes",
                    "method": "post",
                    "body_format": "xml",
                    "body_format_config": {"root": "box"},
                    "response_path": "box",
                },
            },
            "files": {
                "create": {"path": "/files", "method": "post", "body_format": "multipart"},
                "store": {"path": "/files", "method": "post"},
            },
            "report": {"get": {"path": "/report", "api_response_format": "csv"}},
        },
        "actions": {
            "measure": {
                "steps": [
                    {
                        "type": "request",
                        "name": "first",
                        "config": {"path": "/echo", "method": "post", "body": {"n": "{{body.n:any}}"}},
                    },
                    {"type": "update_context", "config": "{ 'measured': $jsonParse($previous.body).n }"},
                    {"type": "transform", "config": "{ 'n': context.measured, 'tenant': account.tenant_id }"},
                ]
            },
            "fail": {
                "steps": [
                    {"type": "request", "config": {"resource": "boxes", "method": "create", "body": {}}}
                ]
            },
        },
    }
