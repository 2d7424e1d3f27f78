"""Parses the body of a request that the engine sent back into JSON, for comparison with exchanges."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson

from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.queries import nest_pairs
from isthmus.engine.upstream import OutgoingRequest
from isthmus.engine.xml import parse_xml

__all__ = ["parse_sent_body"]


def parse_sent_body(method: MethodDefinition | None, request: OutgoingRequest) -> Any:
    """Parses the body in the format that the method sends; None if there is no body.

    Values of forms and XML are texts, as they are sent. The root element that the definition adds to XML is
    removed. Files and raw bytes are returned as the mapping gave them. `method`: None for a JSON body.
    """
    data = request.http.body
    if not isinstance(data, bytes) or not data:
        return None
    match "json" if method is None else method.body_format:
        case "json":
            return orjson.loads(data)
        case "form":
            return nest_pairs(parse_qsl(data.decode(), keep_blank_values=True))
        case "xml":
            assert method is not None
            return _strip_root(parse_xml(data, method.body_format_config), method.body_format_config.root)
        case _:
            return request.operation.body


def _strip_root(document: Any, root: str | None) -> Any:
    """Returns the content of the root element, if the document has only that; else the document."""
    is_wrapped = root is not None and isinstance(document, dict) and list(document) == [root]
    return document[root] if is_wrapped else document
