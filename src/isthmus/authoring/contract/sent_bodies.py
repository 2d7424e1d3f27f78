"""What a request said in its body, read back from its bytes in the format that its method sends."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import orjson

from isthmus.definitions.methods import MethodDefinition
from isthmus.engine.queries import nest_pairs
from isthmus.engine.upstream import OutgoingRequest
from isthmus.engine.xml import parse_xml

__all__ = ["sent_body"]


def sent_body(method: MethodDefinition | None, request: OutgoingRequest) -> Any:
    """As JSON, None where it has none. Values of a form and of XML are texts, which they are on the wire; the
    root that the definition puts around XML is left out. Files and raw bytes are what they were made of.
    `method`: None for JSON."""
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
            return _unwrapped(parse_xml(data, method.body_format_config), method.body_format_config.root)
        case _:
            return request.operation.body


def _unwrapped(document: Any, root: str | None) -> Any:
    is_wrapped = root is not None and isinstance(document, dict) and list(document) == [root]
    return document[root] if is_wrapped else document
