"""Unions told apart by one key of the object, so that an error speaks of the branch that was meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import Discriminator

__all__ = ["discriminate_by_key", "discriminate_by_shape", "parse_tag_error"]

_KEYED: Final = re.compile(r"must be an object whose `(?P<key>\w+)` is one of (?P<choices>.+)")


def discriminate_by_key(key: str, allowed: tuple[str, ...], *, default: str | None = None) -> Discriminator:
    """The branch is the value of `key` (`default` where it is absent); the tags are `allowed`."""

    def tag(value: Any) -> str | None:
        found = value.get(key, default) if isinstance(value, Mapping) else getattr(value, key, None)
        return found if isinstance(found, str) and found in allowed else None

    choices = ", ".join(allowed)
    return Discriminator(
        tag,
        custom_error_type="tag",
        custom_error_message=f"must be an object whose `{key}` is one of {choices}",
    )


def parse_tag_error(message: str, value: Any) -> tuple[Any, list[str]]:
    """From an error of `by_key`: the tag that `value` has, and the known ones. (A `Discriminator` must be
    hashable, so that its error carries no context but its message.)"""
    found = _KEYED.fullmatch(message)
    if found is None or not isinstance(value, Mapping):
        return None, []
    return value.get(found["key"]), found["choices"].split(", ")


def discriminate_by_shape(tag: Callable[[Any], str | None], message: str) -> Discriminator:
    """The branch is told from the value's shape; None where it has no legal one."""
    return Discriminator(tag, custom_error_type="shape", custom_error_message=message)
