"""Reads JSON into a definition, or into the list of everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.tagged_unions import parse_tag_error
from isthmus.definitions.unified_model import UnifiedModelDefinition
from isthmus.errors import BadRequest, failure
from isthmus.kit.close_names import find_closest_name

__all__ = [
    "MAX_DEPTH",
    "DefinitionInvalid",
    "check_depth",
    "find_too_deep",
    "list_failures",
    "load",
    "load_integration",
    "load_mapping",
    "load_unified_model",
]

M = TypeVar("M", bound=BaseModel)

MAX_DEPTH: Final = 100
"""How deep a definition may be nested: all that reads one walks it recursively."""

_SUBJECT: Final = re.compile(r"^\w+ should")
_QUOTED: Final = re.compile(r"'([^']*)'")
_MAX_SHOWN_FAILURES: Final = 3
_MAX_SHOWN_NAMES: Final = 5
_MESSAGES: Final = {
    "missing": "is required",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "list_type": "must be an array",
    "tuple_type": "must be an array",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
}


class DefinitionInvalid(BadRequest):
    """A definition that is not valid. `source`: what it is, for the message. `failures`: each with its dotted
    path, what would be right, and a code."""

    def __init__(self, source: str, failures: list[dict[str, str]]) -> None:
        shown = "; ".join(
            f"{item['path'] or source}: {item['message']}" for item in failures[:_MAX_SHOWN_FAILURES]
        )
        more = len(failures) - _MAX_SHOWN_FAILURES
        tail = f" (and {more} more)" if more > 0 else ""
        super().__init__(f"The {source} is not valid. {shown}{tail}", failures=failures)
        self.failures = failures


def load_integration(data: Mapping[str, Any], *, source: str = "integration definition") -> IntegrationConfig:
    """Returns the model of an effective (merged) integration config. Raises DefinitionInvalid."""
    return load(IntegrationConfig, data, source=source)


def load_mapping(data: Mapping[str, Any], *, source: str = "mapping") -> MappingConfig:
    """Returns the model of an effective (merged) mapping. Raises DefinitionInvalid."""
    return load(MappingConfig, data, source=source)


def load_unified_model(data: Mapping[str, Any], *, source: str = "unified model") -> UnifiedModelDefinition:
    """Returns the model of a unified model's JSON. Raises DefinitionInvalid."""
    return load(UnifiedModelDefinition, data, source=source)


def load(model: type[M], data: object, *, source: str, prefix: str = "") -> M:
    """Validates JSON as a model. `source`: what it is, for messages. `prefix`: put before every path, for a
    definition inside of another document. Raises DefinitionInvalid."""
    check_depth(data, source=source, prefix=prefix)
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise DefinitionInvalid(source, list_failures(error, data, prefix=prefix)) from error


def check_depth(data: object, *, source: str, prefix: str = "") -> None:
    """Raises DefinitionInvalid for JSON that is nested deeper than `MAX_DEPTH`."""
    path = find_too_deep(data)
    if path is not None:
        message = f"must not be nested deeper than {MAX_DEPTH} objects and arrays"
        shown = ".".join(part for part in (prefix, *path.split(".")[:_MAX_SHOWN_NAMES]) if part)
        raise DefinitionInvalid(source, [failure(shown, message, "too_deep")])


def list_failures(error: ValidationError, data: object, *, prefix: str = "") -> list[dict[str, str]]:
    """Returns the errors of a validation as failures (`errors.failure`), with paths into `data`, what was
    validated: dotted, and without the names of union branches. `prefix`: put before every path. Errors that
    only follow from others are left out."""
    return [described for _, described in pair_failures(error, data, prefix=prefix)]


def pair_failures(
    error: ValidationError, data: object, *, prefix: str = ""
) -> list[tuple[ErrorDetails, dict[str, str]]]:
    """Returns what `list_failures` does, each behind the error of pydantic that it describes."""
    pairs = []
    for item in error.errors(include_url=False):
        path = _make_author_path(item, data)
        dotted = ".".join(part for part in (prefix, path) if part)
        pairs.append((item, failure(dotted, _write_message(item), item["type"])))
    failures = [described for _, described in pairs]
    return [pair for pair in pairs if not _is_consequence(pair[1], failures)]


def _is_consequence(candidate: dict[str, str], failures: list[dict[str, str]]) -> bool:
    """Returns True if a failure only follows from others: pydantic calls an array empty whose items are
    invalid."""
    return candidate["code"] == "too_short" and any(
        other["path"].startswith(f"{candidate['path']}.") for other in failures
    )


def _write_message(item: ErrorDetails) -> str:
    """Returns the message of an error in our words, with a suggestion where a name was misspelt."""
    kind = item["type"]
    if kind in _MESSAGES:
        return _MESSAGES[kind]
    suggestion = _suggest_value(item)
    text = _SUBJECT.sub("must", item["msg"].removeprefix("Value error, "))
    return f"{text}; did you mean {suggestion}?" if suggestion else text


def _suggest_value(item: ErrorDetails) -> str | None:
    """Returns the value of a fixed list that a misspelt one was probably meant to be; None for none."""
    if item["type"] == "literal_error":
        written, allowed = item["input"], _QUOTED.findall(item["ctx"]["expected"])
    elif item["type"] == "tag":
        written, allowed = parse_tag_error(item["msg"], item["input"])
    else:
        return None
    return find_closest_name(written, allowed) if isinstance(written, str) else None


def _make_author_path(item: ErrorDetails, data: object) -> str:
    """Returns the dotted path of an error in the data. pydantic's own path also names union branches and the
    long form of what was written short; these are no keys of the data, and are left out, unless the key is
    missing."""
    parts: list[str] = []
    value = data
    last = len(item["loc"]) - 1
    for index, part in enumerate(item["loc"]):
        is_key = isinstance(value, Mapping) and part in value
        is_index = isinstance(value, list | tuple) and isinstance(part, int) and part < len(value)
        if is_key or is_index:
            value = value[part]  # type: ignore[index]  # one of the two checks above holds
            parts.append(str(part))
        elif index == last and item["type"] == "missing":
            parts.append(str(part))
    below = (item.get("ctx") or {}).get("below")
    return ".".join([*parts, str(below)] if below else parts)


def find_too_deep(value: object) -> str | None:
    """Returns the dotted path of a value below more than MAX_DEPTH objects and arrays; None if there is
    none."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [item for around in level for item in _iterate_items(around)]
        if not level:
            return None
    return ".".join(_find_deep_path(value))


def _iterate_items(around: object) -> Iterable[object]:
    """Returns the values of an object, the items of an array; nothing for any other value."""
    if isinstance(around, dict):
        return around.values()
    return around if isinstance(around, list) else ()


def _find_deep_path(value: object) -> list[str]:
    """Returns the names that lead to one of the values below more than MAX_DEPTH objects and arrays."""
    level: list[tuple[list[str], object]] = [([], value)]
    for _ in range(MAX_DEPTH + 1):
        level = [
            ([*path, str(name)], item)
            for path, around in level
            for name, item in (
                around.items() if isinstance(around, dict) else enumerate(_iterate_items(around))
            )
        ]
    return level[0][0]
