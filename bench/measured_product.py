"""Runs the product with one account whose provider is the measured upstream."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.product import Product

__all__ = ["PAGE", "put_mapping", "run_product"]

PAGE = json.dumps(
    {
        "items": [
            {
                "number": number,
                "given_name": "Ada",
                "family_name": f"Quill {number}",
                "mail": f"ada.{number}@customer.example",
                "phone": f"+1555{number:07d}",
                "changed": "2024-03-01T08:00:00Z",
            }
            for number in range(1, 21)
        ],
        "paging": {"after": "MjA"},
    }
)

_CONFIG: dict[str, Any] = {
    "label": "Bench",
    "base_url": "{{credentials.url}}",
    "headers": {"Accept": "application/json"},
    "credentials": {
        "api_key": {
            "config": {
                "fields": [
                    {"name": "url", "label": "Address", "type": "text", "required": True},
                    {"name": "api_key", "label": "Key", "type": "password", "required": True},
                ]
            }
        }
    },
    "authorization": {
        "format": "header",
        "config": {"header_name": "X-Key", "header_value": "{{credentials.api_key}}"},
    },
    "pagination": {"format": "cursor", "config": {"cursor_path": "paging.after", "cursor_param": "after"}},
    "resources": {"contacts": {"list": {"path": "/contacts", "response_path": "items"}}},
}

_MAPPING = {
    "response_mapping_method": "item",
    "response_mapping": """{
        "id": $string(response.number),
        "first_name": response.given_name,
        "last_name": response.family_name,
        "name": $join([response.given_name, response.family_name], " "),
        "email_addresses": response.mail ? [{"email": response.mail}] : [],
        "phone_numbers": response.phone ? [{"number": response.phone}] : [],
        "updated_at": response.changed
    }""",
}


def put_mapping(product: Product, account: str, mapping: Mapping[str, Any]) -> None:
    """Changes the mapping by which the account's contacts are listed; values that are not named stay."""
    override = {"crm": {"contacts": {"list": mapping}}}
    product.call("PATCH", f"/integrated-account/{account}", {"unified_model_override": override})


@contextmanager
def run_product(
    folder: Path, upstream: str, *, database: str | None = None, env: Mapping[str, str] | None = None
) -> Iterator[tuple[Product, str, Mapping[str, str]]]:
    """Runs the product; yields it, the id of the account on `upstream`, and the headers of a call.

    `database` and `env` are those of `Product`.
    """
    product = Product(folder, database=database, env=env)
    product.start()
    try:
        created = product.call(
            "POST", "/integration", {"name": "bench", "category": "crm", "config": _CONFIG}
        )
        account = product.account(
            product.install(created),
            {"url": upstream, "api_key": "secret"},
        )
        put_mapping(product, account, _MAPPING)
        yield product, account, {"Authorization": f"Bearer {product.token}"}
    finally:
        product.stop()
