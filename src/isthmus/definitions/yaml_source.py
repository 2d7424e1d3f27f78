"""Reads YAML and JSON documents, with the line of every value.

YAML is read as the JSON that it stands for (YAML 1.2's core schema): `no`, `on` and dates are text, duplicate
keys are an error. JSON is a subset of YAML, and is read by the same parser after Python's own has accepted
it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

__all__ = ["Document", "Unreadable", "parse_document", "read_document"]

_MAX_DEPTH: Final = 200
_MAX_DIGITS: Final = 4_000
_SAFE_DEPTH: Final = 5_000
_MAX_VALUES: Final = 1_000_000  # aliases are copied where they stand, and could multiply without end


class Unreadable(Exception):
    """The document cannot be read at all. `line`: 1-based, None where it is not known."""

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message if line is None else f"line {line}: {message}")
        self.message = message
        self.line = line


@dataclass(frozen=True)
class Document:
    """A parsed document. `data`: its JSON. `lines`: by dotted path, the 1-based line that its key or item
    begins on. `texts`: by dotted path, the line that the text of its scalar begins on, in a block scalar
    below the key.
    """

    data: Any
    lines: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[str, int] = field(default_factory=dict)

    def find_line(self, path: str) -> int | None:
        """Returns the 1-based line of a path, or of the nearest object around it that is in the document;
        None if the document has no lines."""
        names = path.split(".") if path else []
        while names:
            line = self.lines.get(".".join(names))
            if line is not None:
                return line
            names.pop()
        return self.lines.get("")

    def find_line_of_text(self, path: str, text: str, position: int) -> int | None:
        """Returns the 1-based line of a position in the text of a scalar; exact for block scalars and for
        plain single lines; None if the document has no lines. `position`: 0-based, in the text."""
        start = self.texts.get(path)
        return self.find_line(path) if start is None else start + text.count("\n", 0, position)


class _Loader(yaml.CSafeLoader):
    """Composes nodes; `_Reader` makes their values."""


_Loader.yaml_implicit_resolvers = {}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?[0-9]+$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$"),
    list("-+.0123456789"),
)


def read_document(path: Path) -> Document:
    """Reads a file as YAML, or as JSON by its suffix. Raises Unreadable where it is absent or not valid."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error
    except OSError as error:
        raise Unreadable(error.strerror or "cannot be read") from error
    return parse_document(text, is_json=path.suffix == ".json")


def parse_document(text: str, *, is_json: bool = False) -> Document:
    """Parses the text of a document. Raises Unreadable where it is not valid."""
    if is_json:
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            raise Unreadable(f"is not JSON: {error.msg}", error.lineno) from error
        except ValueError as error:  # an integer of too many digits
            raise Unreadable(f"is not usable JSON: {error}") from error
        except RecursionError as error:
            raise Unreadable("is nested too deeply") from error
    try:
        _check_nesting(text)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Unreadable(
            f"is not YAML: {error.problem or error.context}", None if mark is None else mark.line + 1
        ) from error
    except yaml.YAMLError as error:
        raise Unreadable(f"is not YAML: {error}") from error
    except RecursionError as error:
        raise Unreadable("is nested too deeply") from error
    if node is None:
        raise Unreadable("is empty")
    reader = _Reader()
    reader.lines[""] = _find_line_of_node(node)
    return Document(reader.read_value(node, ""), reader.lines, reader.texts)


def _check_nesting(text: str) -> None:
    """Raises Unreadable for a document that is nested so deeply that composing it, which recurses in C, would
    overflow the stack and end the process."""
    if sum(map(text.count, "[{-?:")) < _SAFE_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _SAFE_DEPTH:
            raise Unreadable("is nested too deeply")


class _Reader:
    """Turns nodes into JSON and notes where each stands."""

    def __init__(self) -> None:
        self.lines: dict[str, int] = {}
        self.texts: dict[str, int] = {}
        self._values = 0

    def read_value(self, node: yaml.Node, path: str, depth: int = 0) -> Any:
        """Returns the JSON value of a node. Raises Unreadable for a document that is too large or nested too
        deeply."""
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise Unreadable("is nested too deeply or too large", _find_line_of_node(node))
        if isinstance(node, yaml.MappingNode):
            return self._read_object(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            return [
                self._read_below(item, item, path, str(index), depth) for index, item in enumerate(node.value)
            ]
        if not isinstance(node, yaml.ScalarNode):
            raise Unreadable("has a value that is neither object, array nor scalar", _find_line_of_node(node))
        self.texts[path] = _find_line_of_node(node) + (1 if node.style in ("|", ">") else 0)
        return _parse_scalar(node)

    def _read_object(self, node: yaml.MappingNode, path: str, depth: int) -> dict[str, Any]:
        """Returns the JSON object of a node. Raises Unreadable for a key that is no text, or used twice."""
        result: dict[str, Any] = {}
        for key_node, item in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise Unreadable("has a key that is not text", _find_line_of_node(key_node))
            key = str(key_node.value)
            if key in result:
                raise Unreadable(f"has the key {key} twice in one object", _find_line_of_node(key_node))
            result[key] = self._read_below(key_node, item, path, key, depth)
        return result

    def _read_below(self, place: yaml.Node, node: yaml.Node, path: str, name: str, depth: int) -> Any:
        """Notes the line of a key or item, and returns its value. `place`: the node whose line is kept for
        it."""
        below = f"{path}.{name}" if path else name
        self.lines[below] = _find_line_of_node(place)
        return self.read_value(node, below, depth + 1)


def _find_line_of_node(node: yaml.Node) -> int:
    """Returns the 1-based line that a node begins on."""
    return int(node.start_mark.line) + 1


def _parse_scalar(node: yaml.Node) -> Any:
    """Returns the JSON value of a scalar. Raises Unreadable for a type that JSON does not have."""
    text = str(node.value)
    kind = node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int" and len(text) <= _MAX_DIGITS:
        return int(text)
    if kind == "float":
        return float(text)
    if kind == "str":
        return text
    raise Unreadable(
        f"has a value of the type {node.tag}, which JSON does not know", _find_line_of_node(node)
    )
