"""XML as JSON values and back (`definitions.md` §1.9): keys that begin with `@` are attributes, `#text` is an
element's own text, an element that repeats is an array, an empty one is null."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers.expat import ExpatError, ParserCreate

import xmltodict

from isthmus.definitions.methods import BodyFormatConfig
from isthmus.engine.queries import scalar_text
from isthmus.errors import BadRequest, failure

__all__ = ["XmlUnreadable", "read_xml", "write_xml"]

_DEEPEST: Final = 200
_MOST_NODES: Final = 1_000_000
_NAME: Final = re.compile(r"[^\W\d][\w.\-:]*\Z")
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlUnreadable(ValueError):
    """The text is no XML that is read here; says why."""


def read_xml(source: bytes | str, config: BodyFormatConfig) -> Any:
    """`{root: …}`. Bytes are read in the encoding that the document declares.

    Raises XmlUnreadable, also for a document that declares entities or is nested deeper than 200 elements.
    """
    try:
        _check_shape(source)
        value = xmltodict.parse(
            source,
            encoding="utf-8" if isinstance(source, str) else None,
            attr_prefix=config.attribute_prefix,
            cdata_key=config.text_key,
            disable_entities=True,
        )
    except ExpatError as error:
        raise XmlUnreadable(str(error)) from error
    except (ValueError, LookupError) as error:
        raise XmlUnreadable(str(error) or "unknown encoding") from error
    return value


def _check_shape(source: bytes | str) -> None:
    """Counts before anything is built: a megabyte of opening tags becomes a hundred of nested objects."""
    parser = ParserCreate("utf-8" if isinstance(source, str) else None)
    depth = nodes = 0

    def opened(name: str, attributes: list[str]) -> None:
        nonlocal depth, nodes
        depth += 1
        nodes += 1 + len(attributes) // 2
        if depth > _DEEPEST:
            raise XmlUnreadable(f"nested deeper than {_DEEPEST} elements")
        if nodes > _MOST_NODES:
            raise XmlUnreadable(f"more than {_MOST_NODES} elements and attributes")

    def closed(name: str) -> None:
        nonlocal depth
        depth -= 1

    def declared(*_: object) -> None:
        raise XmlUnreadable("entities are disabled")

    parser.ordered_attributes = True
    parser.StartElementHandler = opened
    parser.EndElementHandler = closed
    parser.EntityDeclHandler = declared
    parser.Parse(source, True)


def write_xml(body: Any, config: BodyFormatConfig) -> bytes:
    """UTF-8. `root` is put around the body where it is not its one key already.

    Raises BadRequest for names that XML cannot have, for text it cannot hold, and for several roots.
    """
    root = config.root
    document = body if root is None or _is_wrapped(body, root) else {root: body}
    if not isinstance(document, Mapping) or len(document) != 1:
        raise _bad(
            "must be an object with one key, or body_format_config.root must name the outermost element"
        )
    text: str = xmltodict.unparse(
        {_name(name, config): _writable(value, config, 0) for name, value in document.items()},
        attr_prefix=config.attribute_prefix,
        cdata_key=config.text_key,
        full_document=config.declaration is not False,
    )
    return text.encode()


def _is_wrapped(body: Any, root: str) -> bool:
    return isinstance(body, Mapping) and set(body) == {root} and not isinstance(body[root], list)


def _writable(value: Any, config: BodyFormatConfig, depth: int) -> Any:
    """The value with text for every scalar, and each name checked: names come from callers too."""
    if depth > _DEEPEST:
        raise _bad(f"must not be nested deeper than {_DEEPEST} elements")
    if isinstance(value, Mapping):
        return {_name(name, config): _writable(item, config, depth + 1) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        if depth == 0:
            raise _bad("must have one outermost element, not a list of them")
        return [_writable(item, config, depth + 1) for item in value]
    if value is None:
        return None
    if not isinstance(value, (str, int, float)):
        raise _bad("must hold text, numbers, true, false and null only")
    text = scalar_text(value)
    if _UNWRITABLE.search(text):
        raise _bad("must not hold control characters, which XML has no form for")
    return text


def _name(name: str, config: BodyFormatConfig) -> str:
    plain = name.removeprefix(config.attribute_prefix)
    if name != config.text_key and not _NAME.match(plain):
        raise _bad(f"has a key that cannot be the name of an XML element or attribute: {name[:60]!r}")
    return name


def _bad(message: str) -> BadRequest:
    return BadRequest(
        f"The body cannot be written as XML: it {message}.", failures=[failure("body", message, "bad_body")]
    )
