"""Our routes and those of the specification: each is served, or is known to be still to come."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from truto_python_sdk import TrutoApi

from isthmus.api.platform_app import build_platform
from isthmus.api.resources import ROUTERS
from tests.contract.routes import FIELDS, LATER_BEHAVIOUR, LATER_PARAMETERS, LATER_ROUTES, PARAMETERS

SPECIFICATION = Path(__file__).parents[3] / "shared" / "spec" / "api.md"
VERBS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
BY_NAME: Final = {
    "list": "GET {}",
    "create": "POST {}",
    "get": "GET {}/{{}}",
    "update": "PATCH {}/{{}}",
    "delete": "DELETE {}/{{}}",
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_platform(ROUTERS).openapi()


@pytest.fixture(scope="module")
def served(document: dict[str, Any]) -> dict[str, Any]:
    """`VERB /path` -> operation."""
    return {
        f"{verb.upper()} {path}": operation
        for path, operations in document["paths"].items()
        for verb, operation in operations.items()
    }


@pytest.fixture(scope="module")
def known(served: dict[str, Any]) -> set[str]:
    """Of what is served and what is to come: the shapes."""
    return {shape(route) for route in (*served, *LATER_ROUTES)}


@pytest.fixture(scope="module")
def specification() -> str:
    if not SPECIFICATION.is_file():
        pytest.skip("shared spec/api.md absent")
    return SPECIFICATION.read_text("utf-8")


def shape(route: str) -> str:
    """Names in braces do not count."""
    return re.sub(r"{[^}]*}", "{}", route)


def parameters(operation: dict[str, Any]) -> set[str]:
    return {
        each["name"].partition("[")[0] for each in operation.get("parameters", ()) if each["in"] == "query"
    }


def test_what_is_still_to_come_is_not_there_yet(served: dict[str, Any]) -> None:
    assert sorted(set(LATER_ROUTES) & set(served)) == [], "these are there: take them out of routes.py"
    assert {shape(route) for route in LATER_ROUTES} & {shape(route) for route in served} == set()
    there = [(route, name) for route, name in LATER_PARAMETERS if name in parameters(served[route])]
    assert there == []
    assert all(LATER_BEHAVIOUR.values())


@pytest.mark.parametrize("route", list(PARAMETERS))
def test_each_parameter_is_there_or_to_come(served: dict[str, Any], route: str) -> None:
    later = {name for each, name in LATER_PARAMETERS if each == route}
    missing = set(PARAMETERS[route]) - parameters(served[route]) - later
    assert missing == set()


@pytest.mark.parametrize("path", list(FIELDS))
def test_each_field_is_in_the_rows(document: dict[str, Any], served: dict[str, Any], path: str) -> None:
    answer = served[f"GET {path}/{{id}}"]["responses"]["200"]["content"]["application/json"]["schema"]
    schema = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
    assert set(FIELDS[path]) - set(schema["properties"]) == set()


def written_out(text: str) -> Iterator[str]:
    """Each `VERB /path` of a text, in one code span or with the verb before it."""
    for spans in (r"\b(GET|POST|PUT|PATCH|DELETE) `(/[^`]*)`", r"`(GET|POST|PUT|PATCH|DELETE) (/[^`]*)`"):
        for verb, path in re.findall(spans, text):
            yield f"{verb} {plain(path)}"


def plain(path: str) -> str:
    """Without query and doubled slashes, with a bare `{}` for a name."""
    path = re.sub(r"\[/?(\{[^}]*\})\]|/(?=/)", "", path.partition("?")[0])
    return re.sub(r"{[^}]*}|<[^>]*>", "{}", path).rstrip("/") or "/"


def of_the_clients(text: str) -> Iterator[str]:
    """Section 7: a row's routes with their verbs, and those that its methods' names tell."""
    section = text.partition("\n## 7 ")[2].partition("\n## ")[0]
    for row in (line.split("|")[2:5] for line in section.splitlines() if line.startswith("| ")):
        methods, routes = " ".join(row), row[2]
        yield from (route for route in written_out(routes) if " /{" not in route)
        named = set(BY_NAME) if "CRUD" in methods else set(re.findall(r"\b[a-z]+\b", methods)) & set(BY_NAME)
        for path in re.findall(r"(?<![A-Z] )`(?!/custom)(/[^`\[]+)(?:\[/{id}\])?`", routes):
            yield from (BY_NAME[name].format(plain(path)).replace("{{}}", "{}") for name in named)


def test_each_route_that_a_client_calls_is_there_or_to_come(specification: str, known: set[str]) -> None:
    called = set(of_the_clients(specification))
    assert len(called) > 100
    assert sorted(called - known) == []


class Recorder:
    """Takes the place of the SDK's way out: which routes it would call."""

    def __init__(self) -> None:
        self.routes: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        verb = name.removeprefix("_").upper()
        assert verb in VERBS, name

        def call(endpoint: str, data: Any = None, params: Any = None) -> None:
            self.routes.add(f"{verb} /{endpoint}")

        return call


def of_the_sdk() -> set[str]:
    """Every route that a method of the published Python SDK calls, with `{}` for each argument. Two methods
    cannot be called: they name an argument twice in the published client."""
    found = Recorder()
    for resource in vars(TrutoApi("token")).values():
        for name, method in inspect.getmembers(type(resource), inspect.isfunction):
            if name == "__init__" or not type(resource).__module__.startswith("truto_python_sdk."):
                continue
            own = type(resource)(found)
            needed = [
                each
                for each in inspect.signature(getattr(own, name)).parameters.values()
                if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
            ]
            try:
                result = getattr(own, name)(*["{}"] * len(needed))
            except TypeError:
                assert name == "custom_method", method
                continue
            if hasattr(result, "endpoint"):  # a list, which asks when it is walked
                found.routes.add(f"GET /{result.endpoint}")
    return found.routes | {"GET /ping"}


def test_each_route_that_the_python_sdk_calls_is_there_or_to_come(known: set[str]) -> None:
    called = of_the_sdk()
    assert len(called) > 120
    assert sorted(called - known) == []


def test_each_route_that_is_written_out_is_there_or_to_come(specification: str, known: set[str]) -> None:
    found = {route for route in written_out(specification) if not re.search(r"[…*]|//| /{", route)}
    assert len(found) > 20
    assert sorted(found - known) == []


def test_each_path_that_is_named_is_there_or_to_come(specification: str, known: set[str]) -> None:
    """Anywhere in the specification, whatever the verb; some are only the end of a path."""
    paths = {route.partition(" ")[2] for route in known}
    named = {plain(path) for path in re.findall(r"`(/[a-z][^`\s]*)`", specification)}
    whole = {path for path in named if not re.search(r"[…*,]", path)}
    assert len(whole) > 40
    assert sorted(path for path in whole if not any(is_below(path, each) for each in paths)) == []


def is_below(path: str, known: str) -> bool:
    """Whether `known` is the path, ends with its one name, or lies below it."""
    ours, theirs = known.split("/"), path.split("/")
    if len(theirs) == 2 and ours[-1] == theirs[-1]:
        return True
    return len(ours) >= len(theirs) and all(
        mine in (other, "{}") or other == "{}" for mine, other in zip(ours, theirs, strict=False)
    )


def test_each_parameter_of_a_table_is_known_here(specification: str) -> None:
    tables = re.findall(
        r"^\| (?:Query param|Param) \|.*\n\|[-| ]*\n((?:\|.*\n)+)", specification, re.MULTILINE
    )
    names = {
        name
        for table in tables
        for row in table.splitlines()
        for name in re.findall(r"`([a-z_]+)(?:\[[^`]*)?`", row.split("|")[1])
    }
    known = {name for names in PARAMETERS.values() for name in names}
    of_later_routes = {"log_type", "log_type_filter", "created_at"}
    assert {"truto_super_query", "has_description", "select"} <= names
    assert names - known - of_later_routes == {"field"}  # stands for the name of any field
