"""The kinds of rows that commands know are those of the server."""

from __future__ import annotations

from typing import Any

import pytest

from isthmus.api.platform_app import build_platform
from isthmus.api.resources import ROUTERS
from isthmus.cli.remote.resources.command_groups import GROUPS, CommandGroup

VERBS = {
    "l": ("", "get"),
    "g": ("/{id}", "get"),
    "c": ("", "post"),
    "u": ("/{id}", "patch"),
    "d": ("/{id}", "delete"),
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_platform(ROUTERS).openapi()


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: group.name)
def test_each_operation_has_its_route(group: CommandGroup, document: dict[str, Any]) -> None:
    for letter in group.operations:
        below, verb = VERBS[letter]
        assert verb in document["paths"][group.route + below], (group.name, letter)


@pytest.mark.parametrize("group", GROUPS.values(), ids=lambda group: group.name)
def test_each_column_and_field_is_one_of_the_rows(group: CommandGroup, document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def properties(operation: dict[str, Any], where: str) -> set[str]:
        holder = operation["requestBody"] if where == "body" else operation["responses"]["200"]
        name = holder["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        return set(schemas[name]["properties"])

    if "g" in group.operations:
        shown = properties(document["paths"][f"{group.route}/{{id}}"]["get"], "answer")
        assert {column.partition(".")[0] for column in group.columns} <= shown
    for letter in set(group.operations) & {"c"}:
        below, verb = VERBS[letter]
        sent = properties(document["paths"][group.route + below][verb], "body")
        assert set(group.fields) - {"status"} <= sent, group.name
