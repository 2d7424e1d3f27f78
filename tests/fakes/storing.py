"""A provider that keeps what it is sent, made from a shipped integration's definition and its exchanges."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from isthmus.authoring.contract.catalog_entry import CatalogEntry
from isthmus.definitions.file_models import Exchange
from isthmus.definitions.json_values import merge_deep
from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.queries import nest_pairs
from isthmus.engine.xml import parse_xml

__all__ = ["StoringProvider", "read_body"]

_METHODS = ("create", "get", "update", "list")
_IDS = ("id", "Id")


def read_body(method: MethodDefinition, body: bytes) -> Any:
    """Returns the body of a request as JSON, from the format in which the method sends it."""
    if method.body_format == "form":
        return nest_pairs(parse_qsl(body.decode(), keep_blank_values=True))
    if method.body_format == "xml":
        return parse_xml(body, method.body_format_config)
    return json.loads(body) if body else None


class StoringProvider:
    """Answers create, get, update and list of one resource as the product does.

    Requests are told apart by verb and path, and their bodies read in the product's format. A record is what
    was sent for it, laid over the record of the documented answer to get, whose own values are taken out. A
    product that tells the parts of a name splits the one that it is sent, as its documented answer to create
    shows.
    """

    def __init__(self, of: CatalogEntry, resource: str) -> None:
        self._answers: dict[str, Exchange] = {}
        self._methods: dict[str, MethodDefinition] = {}
        for name in _METHODS:
            method = of.file.config.find_method(resource, name)
            if method is not None:
                self._methods[name] = method
                # Of a list, that is its last page, which names no other.
                self._answers[name] = of.find_exchanges(resource, name, error=False)[-1]
        self.records: dict[str, Any] = {}

    async def answer(self, request: web.Request) -> web.Response:
        """Answers one request; 404 for one that is of none of the methods, or for an unknown id."""
        for name, method in self._methods.items():
            path = re.escape(str(method.path.source)).replace(re.escape("{{id}}"), "([^/]+)")
            found = re.fullmatch(path, request.path)
            if found is None or request.method != method.method.upper():
                continue
            if name == "list":
                return self._respond(name, list(self.records.values()))
            if name == "get":
                record = self.records.get(found[1])
                return web.Response(status=404) if record is None else self._respond(name, record)
            sent = read_body(method, await request.read())
            assert isinstance(sent, Mapping)
            return self._create(sent) if name == "create" else self._update(found[1], sent)
        return web.Response(status=404)

    def _create(self, sent: Mapping[str, Any]) -> web.Response:
        """Stores a new record, under the id of the documented answer."""
        told = self._get_data("create", self._answers["create"].response.body)
        key = next(name for name in _IDS if name in told)
        blank = _blank(self._get_data("get", self._answers["get"].response.body))
        ids = {name: told[key] for name in _IDS if name in blank}
        self.records[str(told[key])] = self._lay_over({**blank, **ids}, sent)
        echoes = bool(told.keys() & sent.keys())
        return self._respond("create", merge_deep(told, sent) if echoes else told)

    def _update(self, id: str, sent: Mapping[str, Any]) -> web.Response:
        """Changes a record."""
        self.records[id] = self._lay_over(self.records[id], sent)
        return self._respond("update", self.records[id])

    def _lay_over(self, record: Mapping[str, Any], sent: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the record with what was sent, and with the parts of its name where it has some."""
        changed = merge_deep(record, sent)
        if "name" in sent and {"first_name", "last_name"} <= changed.keys():
            changed["first_name"], _, changed["last_name"] = sent["name"].partition(" ")
        return changed

    def _respond(self, name: str, data: Any) -> web.Response:
        """Returns the documented answer of a method with this data in its place."""
        response, method = self._answers[name].response, self._methods[name]
        body = data
        if isinstance(response.body, dict) and _path(method):
            body = {**response.body, _path(method): data}
        text = None if response.body is None else json.dumps(body)
        return web.Response(status=response.status, text=text, content_type="application/json")

    def _get_data(self, name: str, body: Any) -> dict[str, Any]:
        """Returns the record in the body of an answer of a method."""
        path = _path(self._methods[name])
        data = body[path] if path else body
        assert isinstance(data, dict)
        return copy.deepcopy(data)


def _path(method: MethodDefinition) -> str:
    """Returns the key of the data in the method's answers, "" for the whole body."""
    path = "" if method.response_path is None else method.response_path.text
    assert path == "" or path.isidentifier()
    return path


def _blank(value: Any) -> Any:
    """Returns the value with null for each scalar, and without the entries of its lists."""
    if isinstance(value, dict):
        return {key: _blank(item) for key, item in value.items()}
    return [] if isinstance(value, list) else None
