"""Makes discriminators of pydantic unions, so that a validation error speaks of the one branch that the
author meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import Discriminator

__all__ = ["discriminate_by_key", "discriminate_by_shape", "parse_tag_error"]

_KEYED: Final = re.compile(r"must be an object whose `(?P<key>\w+)` is one of (?P<choices>.+)")


def discriminate_by_key(key: str, allowed: tuple[str, ...], *, default: str | None = None) -> Discriminator:
    """Makes a discriminator by the value of `key`, or `default` where it is absent. `allowed`: the tags."""

    def tag(value: Any) -> str | None:
        """Returns the tag of a value, allowed or not; None if it has none."""
        tag_value = value.get(key, default) if isinstance(value, Mapping) else getattr(value, key, None)
        return tag_value if isinstance(tag_value, str) else None

    choices = ", ".join(allowed)
    return Discriminator(
        tag,
        custom_error_type="tag",
        custom_error_message=f"must be an object whose `{key}` is one of {choices}",
    )


def parse_tag_error(message: str, value: Any) -> tuple[Any, list[str]]:
    """Returns the tag that `value` has, and the allowed ones, out of the message of an error of
    `discriminate_by_key`; None and [] for another message. (A `Discriminator` must be hashable, so its error
    has no context.)"""
    match = _KEYED.fullmatch(message)
    if match is None or not isinstance(value, Mapping):
        return None, []
    return value.get(match["key"]), match["choices"].split(", ")


def discriminate_by_shape(tag: Callable[[Any], str | None], message: str) -> Discriminator:
    """Makes a discriminator by the shape of the value. `tag`: returns the tag, None for a shape that is not
    allowed. `message`: of the error for that."""
    return Discriminator(tag, custom_error_type="shape", custom_error_message=message)
