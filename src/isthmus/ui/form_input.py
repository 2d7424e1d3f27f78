"""Reads what a page submitted, as a form or as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from isthmus.connect.errors import ConnectError

__all__ = [
    "CSRF",
    "CURSOR",
    "FIELD",
    "STEP",
    "FormInput",
    "read_form_fields",
    "read_form_input",
    "wants_json",
]

CSRF: Final = "_csrf"
STEP: Final = "_step"
FIELD: Final = "_field"
CURSOR: Final = "_cursor"
_RESERVED_NAMES: Final = frozenset({CSRF, STEP, FIELD, CURSOR})


class FormInput:
    """The submitted texts by name. Names that begin with `_` are the page's own, not fields of the form."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def get_text(self, name: str) -> str:
        """Returns the last value of a name; "" if the name was not sent."""
        return (self._values.get(name) or [""])[-1]

    @property
    def fields(self) -> dict[str, list[str]]:
        """All values of each field by its name, without the page's own names."""
        return {name: list(values) for name, values in self._values.items() if name not in _RESERVED_NAMES}

    @property
    def texts(self) -> dict[str, str]:
        """The last value of each field by its name."""
        return {name: self.get_text(name) for name in self.fields}


async def read_form_input(request: Request) -> FormInput:
    """Reads the submitted values from a form or JSON body. Returns an empty input if a JSON body is not an
    object. Raises ConnectError for a malformed form."""
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        try:
            body: Any = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        fields = body if isinstance(body, dict) else {}
        return FormInput({name: _to_texts(value) for name, value in fields.items()})
    return FormInput(await read_form_fields(request))


async def read_form_fields(request: Request) -> dict[str, list[str]]:
    """Reads a form body; returns the texts by field name, without uploaded files. Raises ConnectError for a
    malformed form."""
    try:
        form = await request.form(max_files=0)
    except HTTPException as broken:
        raise ConnectError("This form could not be read. Load the page again.") from broken
    return {name: [text for text in form.getlist(name) if isinstance(text, str)] for name in form}


def wants_json(request: Request) -> bool:
    """True if the page's script sent the request, and expects JSON."""
    return request.headers.get("accept", "").startswith("application/json")


def _to_texts(value: object) -> list[str]:
    """Converts a JSON value to the texts that a form would have sent: none for null, one for each element of
    a list."""
    if isinstance(value, list):
        return [text for element in value for text in _to_texts(element)]
    if value is None:
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]
