"""`$jsToXml`: an object as XML, the inverse of `$xmlToJs`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from isthmus.expressions.errors import make_function_error
from isthmus.expressions.functions.arguments import check_output_text
from isthmus.expressions.functions.xml.options import XmlOptions, parse_options
from isthmus.expressions.host_value import Host
from isthmus.expressions.javascript import as_list, enter_level, is_nil, join_within_limit, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.values import UNDEFINED

__all__ = ["js_to_xml"]

_NAME: Final = re.compile(r"[^\s<>&\"'/=]+")
_LOOSE_AMPERSAND: Final = re.compile(r"&(?!(?:#\d+|#x[0-9a-fA-F]+|\w+);)")
_CONTENT_PARTS: Final = frozenset({"text", "cdata", "comment", "doctype", "instruction"})
_INLINE_PARTS: Final = frozenset({"text", "cdata", "instruction", "attributes"})


def js_to_xml(evaluation: Evaluation, value: object = UNDEFINED, options: object = UNDEFINED) -> str:
    """An object as XML: what `$xmlToJs` gives, in the same two shapes.

    Arguments:
        obj: the object; values that are no objects are the text of their element, lists repeat it.
        options: they replace the default `{"compact": true, "spaces": 4}` as a whole: `spaces` to indent by
            (a number or text), `fullTagEmptyElement`, `textKey` (`attributesKey`, …), `ignoreText` and so on;
            without `compact` the object has `elements`.
    Null and missing: `""`.
    Errors: `jsToXml: …` for a name that XML cannot have.
    Example:
        $jsToXml({"a": {"_attributes": {"x": 1}, "b": ["t", "u"]}}, {"compact": true})
        => "<a x=\\"1\\"><b>t</b><b>u</b></a>"
    """
    if is_nil(value):
        return ""
    chosen = parse_options(options)
    root = value if isinstance(value, Mapping) else {str(i): item for i, item in enumerate(as_list(value))}
    writer = _Writer(chosen)
    writer.write_document(root)
    return check_output_text(evaluation, join_within_limit("jsToXml", "", writer.pieces), "jsToXml")


class _Writer:
    """Writes the XML text piece by piece. `parts`: field -> the part of an element that it stands for."""

    def __init__(self, options: XmlOptions) -> None:
        self.options = options
        self.parts = {key: part for part, key in options.keys.items()}
        self.pieces: list[str] = []

    def write_document(self, root: Mapping[str, object]) -> None:
        """Write the XML declaration, if there is one, and the content of the root."""
        declaration = root.get(self.options.keys["declaration"])
        if isinstance(declaration, Mapping) and "declaration" not in self.options.ignored:
            attributes = declaration.get(self.options.keys["attributes"])
            self.pieces.append(f"<?xml{self.write_attributes(attributes)}?>")
        self.write_content(root, 0)

    def write_content(self, element: Mapping[str, object], level: int) -> None:
        """Write the child elements and other parts of an element."""
        for part, name, value in self.iterate_parts(element):
            if part is None:
                self.write_element(name, value, level)
            elif part not in self.options.ignored:
                self.write_part(part, value, level)

    def iterate_parts(self, element: Mapping[str, object]) -> Iterator[tuple[str | None, str, object]]:
        """Yield the parts of an element in order, as (kind, name, value); the kind of a child element is
        None."""
        if self.options.compact:
            for key, children in element.items():
                part = self.parts.get(key)
                if part in {"declaration", "attributes"}:
                    continue
                for value in as_list(children):
                    yield part if part in _CONTENT_PARTS else None, key, value
            return
        keys = self.options.keys
        for child in as_list(element.get(keys["elements"], [])):
            if not isinstance(child, Mapping):
                continue
            kind = to_text(child.get(keys["type"], "element"))
            name = to_text(child.get(keys["name"], ""))
            if kind == "element":
                yield None, name, child
            elif kind == "instruction":
                yield kind, name, {name: child.get(keys["instruction"], "")}
            elif kind in keys:
                yield kind, name, child.get(keys[kind], "")

    def write_part(self, part: str, value: object, level: int) -> None:
        """Write a text, CDATA section, comment, document type or instruction."""
        content = "" if is_nil(value) else to_text(value)
        match part:
            case "text":
                self.pieces.append(_escape_text(content))
            case "cdata":
                self.pieces.append(f"<![CDATA[{content.replace(']]>', ']]]]><![CDATA[>')}]]>")
            case "comment":
                self.start_line(level)
                self.pieces.append(f"<!--{content}-->")
            case "doctype":
                self.start_line(level)
                self.pieces.append(f"<!DOCTYPE {content}>")
            case "instruction" if isinstance(value, Mapping):
                self.pieces.extend(f"<?{_check_name(name)} {to_text(body)}?>" for name, body in value.items())

    def write_element(self, name: str, value: object, level: int) -> None:
        """Write an element with attributes and content; raises ExpressionError for a name XML cannot have."""
        inside = enter_level(level, "jsToXml", len(value) if isinstance(value, (list, Mapping)) else 1)
        if isinstance(value, Host):
            value = value.to_json()
        if isinstance(value, list):
            value = {str(index): item for index, item in enumerate(value)}
        attributes: object = None
        if isinstance(value, Mapping):
            attributes = value.get(self.options.keys["attributes"])
        self.start_line(level)
        self.pieces.append(f"<{_check_name(name)}{self.write_attributes(attributes)}")
        if not self.has_content(value):
            self.pieces.append(f"></{name}>" if self.options.full_tags else "/>")
            return
        self.pieces.append(">")
        if isinstance(value, Mapping):
            self.write_content(value, inside)
            if any(part is None or part not in _INLINE_PARTS for part, _, _ in self.iterate_parts(value)):
                self.start_line(level)
        else:
            self.pieces.append(_escape_text(to_text(value)))
        self.pieces.append(f"</{name}>")

    def has_content(self, value: object) -> bool:
        """Return whether an element with this value needs an end tag."""
        if isinstance(value, Mapping):
            return any(
                part is None or part not in self.options.ignored for part, _, _ in self.iterate_parts(value)
            )
        return not is_nil(value) and value != ""

    def write_attributes(self, attributes: object) -> str:
        """Return the attributes with a space before each; `""` for none, and for anything but an object."""
        if not isinstance(attributes, Mapping) or "attributes" in self.options.ignored:
            return ""
        return "".join(
            f' {_check_name(name)}="{_escape_attribute(to_text(value))}"'
            for name, value in attributes.items()
            if not is_nil(value)
        )

    def start_line(self, level: int) -> None:
        """Begin an indented line, if the options ask for indentation; not before the first piece."""
        if self.options.indent and self.pieces:
            self.pieces.append("\n" + self.options.indent * level)


def _check_name(name: object) -> str:
    """Return the name itself; raises ExpressionError where XML cannot have it."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise make_function_error(
            "jsToXml", f"jsToXml: {to_text(name)!r} cannot be the name of an element or attribute"
        )
    return name


def _escape_text(value: str) -> str:
    """Return the text escaped for content; `&amp;` in it is not escaped twice."""
    return value.replace("&amp;", "&").replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _escape_attribute(value: str) -> str:
    """Return the text escaped for an attribute in double quotes; character references stay."""
    return _LOOSE_AMPERSAND.sub("&amp;", value).replace('"', "&quot;").replace("<", "&lt;")
