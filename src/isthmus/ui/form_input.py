"""What a page sent: a form, or JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request

from isthmus.connect.errors import ConnectProblem

__all__ = ["CSRF", "CURSOR", "FIELD", "STEP", "Sent", "read_form", "read_sent", "wants_json"]

CSRF: Final = "_csrf"
STEP: Final = "_step"
FIELD: Final = "_field"
CURSOR: Final = "_cursor"
_OURS: Final = frozenset({CSRF, STEP, FIELD, CURSOR})


class Sent:
    """Texts by name, as a browser sends them; those of ours apart from a form's own."""

    def __init__(self, values: Mapping[str, list[str]]) -> None:
        self._values = values

    def text(self, name: str) -> str:
        """The last of several; "" for none."""
        return (self._values.get(name) or [""])[-1]

    @property
    def fields(self) -> dict[str, list[str]]:
        return {name: list(values) for name, values in self._values.items() if name not in _OURS}

    @property
    def texts(self) -> dict[str, str]:
        return {name: self.text(name) for name in self.fields}


async def read_sent(request: Request) -> Sent:
    """Nothing where a JSON body is no object. Raises ConnectProblem for a form that is none."""
    if request.headers.get("content-type", "").partition(";")[0].strip() == "application/json":
        try:
            body: Any = orjson.loads(await request.body())
        except orjson.JSONDecodeError:
            body = None
        found = body if isinstance(body, dict) else {}
        return Sent({name: _listed(value) for name, value in found.items()})
    return Sent(await read_form(request))


async def read_form(request: Request) -> dict[str, list[str]]:
    """The texts of a form. Raises ConnectProblem for a body that is none."""
    try:
        form = await request.form(max_files=0)
    except HTTPException as broken:
        raise ConnectProblem("This form could not be read. Load the page again.") from broken
    return {name: [each for each in form.getlist(name) if isinstance(each, str)] for name in form}


def wants_json(request: Request) -> bool:
    """A script asks."""
    return request.headers.get("accept", "").startswith("application/json")


def _listed(value: object) -> list[str]:
    if isinstance(value, list):
        return [text for each in value for text in _listed(each)]
    if value is None:
        return []
    return [str(value).lower() if isinstance(value, bool) else str(value)]
