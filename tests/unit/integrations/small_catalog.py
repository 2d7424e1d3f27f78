"""A catalogue of one invented product and one model, small enough to see through."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from isthmus.integrations.catalog.shipped_files import Catalog

__all__ = ["BRIGHTFOLD", "write_catalog"]

BRIGHTFOLD = """
name: brightfold
label: Brightfold Desk
category: ticketing
sharing: allow
config:
  label: Brightfold Desk
  base_url: "{{url?:https://eu.brightfold.example/api}}"
  credentials:
    api_key:
      config:
        fields:
          - {name: url, format: url}
          - {name: region, type: single_select, options: [{label: Europe, value: eu}, {label: US, value: us}]}
          - {name: account, required: true, pattern: "[a-z]+", transform: lowercase, placeholder: acme}
          - {name: api_key, label: Key, type: password, required: true}
          - {name: pin, type: password}
    oauth2:
      config:
        auth: {tokenHost: "https://brightfold.example"}
        scope: [read, write]
  authorization: {format: header, config: {header_name: X-Desk-Key, header_value: "{{credentials.api_key}}"}}
  pagination: {format: cursor, config: {cursor_path: paging.after, cursor_param: after, limit_param: size}}
  resources:
    tickets:
      list: {path: /tickets, response_path: items}
      get: {path: "/tickets/{{id}}"}
      create: {method: post, path: /tickets, scopes: [write]}
    comments:
      list: {path: "/tickets/{{query.ticket_id}}/comments", response_path: items}
"""

MAPPING = """
unified_model: desk
integration: brightfold
cells:
  - resource_name: tickets
    method_name: list
    config:
      response_mapping_method: item
      response_mapping: "{ 'id': $string(response.no), 'title': response.subject }"
      query: {expand: owner}
  - resource_name: tickets
    method_name: get
    config: {response_mapping: "{ 'id': $string(response.no) }"}
"""

MODEL = """
name: desk
category: ticketing
description: Requests of customers.
resources:
  tickets: {description: A request., methods: [list, get, create]}
  work-logs: {description: Time spent., methods: [list]}
"""

SCHEMA = """
type: object
properties:
  id: {type: string}
  title: {type: string}
"""


def exchange(body: Any, *, status: int = 200, query: Any = None, id: str | None = None) -> dict[str, Any]:
    """Returns an exchange of the examples, as its file has it."""
    request: dict[str, Any] = {"query": query or {}}
    if id is not None:
        request["path_params"] = {"id": id}
    return {
        "provenance": "documented",
        "request": request,
        "response": {"status": status, "headers": {"content-type": "application/json"}, "body": body},
    }


def ticket(number: int) -> dict[str, Any]:
    """Returns the ticket with this number, as the provider has it."""
    return {"no": number, "subject": f"Ticket {number}"}


def write_catalog(path: Path, *, integration: str = BRIGHTFOLD, mapping: str = MAPPING) -> Catalog:
    """Writes it, over what is there."""
    folder = path / "integrations" / "brightfold"
    (folder / "mappings").mkdir(parents=True, exist_ok=True)
    (folder / "examples").mkdir(exist_ok=True)
    (folder / "integration.yaml").write_text(integration)
    (folder / "mappings" / "desk.yaml").write_text(mapping)
    model = path / "unified" / "desk"
    model.mkdir(parents=True, exist_ok=True)
    (model / "model.yaml").write_text(MODEL)
    (model / "tickets.schema.yaml").write_text(SCHEMA)
    pages = [
        exchange({"items": [ticket(1), ticket(2)], "paging": {"after": "c2"}}, query={"size": "2"}),
        exchange({"items": [ticket(3)]}, query={"size": "2", "after": "c2"}),
    ]
    gets = [exchange(ticket(number), id=str(number)) for number in (1, 2, 3)]
    gets.append(exchange({"fault": "no such ticket"}, status=404, id="999"))
    comments = [
        exchange({"items": [{"text": "one"}]}, query={"ticket_id": "1"}),
        exchange({"items": [{"text": "two"}]}, query={"ticket_id": "2"}),
    ]
    for name, exchanges in (("tickets.list", pages), ("tickets.get", gets), ("comments.list", comments)):
        (folder / "examples" / f"{name}.json").write_text(json.dumps(exchanges))
    return Catalog(path)
