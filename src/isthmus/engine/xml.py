"""Converts XML to JSON values and back.

Keys that begin with `@` are attributes, `#text` is an element's own text, an element that repeats is an
array, and an empty element is null. Both prefixes can be set in the definition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers.expat import ExpatError, ParserCreate

import xmltodict

from isthmus.definitions.methods import BodyFormatConfig
from isthmus.engine.queries import format_scalar
from isthmus.errors import BadRequest, failure

__all__ = ["XmlUnreadable", "parse_xml", "write_xml"]

_MAX_DEPTH: Final = 200
_MAX_NODES: Final = 1_000_000
_XML_NAME: Final = re.compile(r"[^\W\d][\w.\-:]*\Z")
_UNWRITABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class XmlUnreadable(ValueError):
    """The text is not XML, or exceeds the limits; the message says why."""


def parse_xml(source: bytes | str, config: BodyFormatConfig) -> Any:
    """Returns the document as `{root: …}`. Bytes are read in the encoding that the document declares.

    Raises XmlUnreadable, also for a document type with declarations and for elements nested deeper than 200.
    """
    try:
        _check_size(source)
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


def _check_size(source: bytes | str) -> None:
    """Raises XmlUnreadable for a document that is too large. Elements are counted before anything is built,
    because a megabyte of opening tags becomes a hundred megabytes of nested objects."""
    parser = ParserCreate("utf-8" if isinstance(source, str) else None)
    depth = nodes = 0

    def enter_element(name: str, attributes: list[str]) -> None:
        """Counts an element and its attributes. Raises XmlUnreadable where they are too many, or too deep."""
        nonlocal depth, nodes
        depth += 1
        nodes += 1 + len(attributes) // 2
        if depth > _MAX_DEPTH:
            raise XmlUnreadable(f"nested deeper than {_MAX_DEPTH} elements")
        if nodes > _MAX_NODES:
            raise XmlUnreadable(f"more than {_MAX_NODES} elements and attributes")

    def leave_element(name: str) -> None:
        """Counts the end of an element."""
        nonlocal depth
        depth -= 1

    def enter_document_type(name: str, system: str | None, public: str | None, has_subset: int) -> None:
        """Raises XmlUnreadable for declarations: entities and attribute defaults make a small document
        large."""
        if has_subset:
            raise XmlUnreadable(f"the document type {name} holds declarations, which are not read")

    parser.ordered_attributes = True
    parser.StartElementHandler = enter_element
    parser.EndElementHandler = leave_element
    parser.StartDoctypeDeclHandler = enter_document_type
    parser.Parse(source, True)


def write_xml(body: Any, config: BodyFormatConfig) -> bytes:
    """Returns the body as an XML document in UTF-8. The configured `root` is put around it where it is not
    its only key already.

    Raises BadRequest for names that XML cannot have, for text it cannot hold, and for several roots.
    """
    root = config.root
    document = body if root is None or _has_root(body, root) else {root: body}
    if not isinstance(document, Mapping) or len(document) != 1:
        raise _make_xml_body_error(
            "must be an object with one key, or body_format_config.root must name the outermost element"
        )
    text: str = xmltodict.unparse(
        {_check_name(name, config): _to_writable(value, config, 1) for name, value in document.items()},
        attr_prefix=config.attribute_prefix,
        cdata_key=config.text_key,
        full_document=config.declaration is not False,
    )
    return text.encode()


def _has_root(body: Any, root: str) -> bool:
    """Returns True if the body is an object whose only key is `root`."""
    return isinstance(body, Mapping) and set(body) == {root} and not isinstance(body[root], list)


def _to_writable(value: Any, config: BodyFormatConfig, depth: int) -> Any:
    """Returns the value with every scalar as text. Names are checked, because they come from callers too;
    raises BadRequest for one that XML cannot have."""
    if depth > _MAX_DEPTH:
        raise _make_xml_body_error(f"must not be nested deeper than {_MAX_DEPTH} elements")
    if isinstance(value, Mapping):
        return {
            _check_name(name, config): _to_writable(item, config, depth + 1) for name, item in value.items()
        }
    if isinstance(value, (list, tuple)):
        if depth == 1:
            raise _make_xml_body_error("must have one outermost element, not a list of them")
        return [_to_writable(item, config, depth + 1) for item in value]
    if value is None:
        return None
    if not isinstance(value, (str, int, float)):
        raise _make_xml_body_error("must hold text, numbers, true, false and null only")
    text = format_scalar(value)
    if _UNWRITABLE.search(text):
        raise _make_xml_body_error("must not hold control characters, which XML has no form for")
    return text


def _check_name(name: str, config: BodyFormatConfig) -> str:
    """Returns the key itself. Raises BadRequest where it cannot be the name of an element or attribute."""
    plain = name.removeprefix(config.attribute_prefix)
    if name != config.text_key and not _XML_NAME.match(plain):
        raise _make_xml_body_error(
            f"has a key that cannot be the name of an XML element or attribute: {name[:60]!r}"
        )
    return name


def _make_xml_body_error(message: str) -> BadRequest:
    """Returns the error for a body that has no XML form. `message`: what is wrong, after "it"."""
    return BadRequest(
        f"The body cannot be written as XML: it {message}.", failures=[failure("body", message, "bad_body")]
    )
