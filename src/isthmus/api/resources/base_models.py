"""Base models of the request and response bodies of platform routes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from isthmus.kit.call_warnings import CallWarning

__all__ = [
    "ERROR_CONTENT",
    "PROVIDER_ERRORS",
    "WARNING_RESPONSE",
    "Body",
    "DeletedOut",
    "ErrorOut",
    "ListOut",
    "OwnerOut",
    "Row",
    "Sharing",
    "SuccessOut",
]

T = TypeVar("T")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""Characters that JSON can escape and a database cannot store."""

Sharing = Literal["deny", "ask", "allow"]


class Row(BaseModel):
    """A platform row on the wire. Times are UTC text `YYYY-MM-DD HH:MM:SS`."""

    model_config = ConfigDict(extra="allow")

    id: str
    created_at: str
    updated_at: str


class Body(BaseModel):
    """A request body. Unknown fields are refused. Values are not converted: the text `"yes"` is not a
    boolean.

    `ROW`: the model of the rows that the body creates or changes, if any. Clients send rows back as they read
    them, so the fields that only rows have are accepted, and not read.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    ROW: ClassVar[type[Row] | None] = None

    _unread: dict[str, Any] = PrivateAttr(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unstorable_values(cls, value: Any) -> Any:
        """Returns the value unchanged. Raises ValueError if it holds, at any depth, a text or number that
        cannot be stored."""
        pending = [value]
        while pending:
            item = pending.pop()
            if isinstance(item, dict):
                pending += item
                pending += item.values()
            elif isinstance(item, list):
                pending += item
            elif isinstance(item, str) and _UNSTORABLE.search(item):
                raise ValueError("must hold no text with NUL or half of a surrogate pair")
            elif isinstance(item, float) and not math.isfinite(item):
                raise ValueError("must hold no number that JSON cannot say (NaN, Infinity)")
        return value

    @model_validator(mode="wrap")
    @classmethod
    def _keep_fields_of_rows(cls, value: Any, validate: ModelWrapValidatorHandler[Self]) -> Self:
        """Validates the value without the fields that only rows have, which are kept apart."""
        if cls.ROW is None or not isinstance(value, dict):
            return validate(value)
        only_of_rows = cls.ROW.model_fields.keys() - cls.model_fields.keys()
        body = validate({name: item for name, item in value.items() if name not in only_of_rows})
        body._unread = {name: item for name, item in value.items() if name in only_of_rows}
        return body

    def get_sent_fields(self) -> dict[str, Any]:
        """Returns only the keys that the client sent, so that a missing key differs from an explicit null."""
        return self.model_dump(exclude_unset=True)

    def find_unread_fields(self, row: Mapping[str, Any]) -> list[CallWarning]:
        """Returns a warning for each field that was sent, is not read, and has another value in the row that
        was written. `row`: as it is sent. None for the row's id and times, which a copy has of its own."""
        return [
            CallWarning(
                "unused_name", f"{name} is set by the server: the value sent was not stored", f"body.{name}"
            )
            for name, value in self._unread.items()
            if name not in Row.model_fields and name in row and row[name] != value
        ]


class OwnerOut(BaseModel):
    """The team that owns a definition. Of one that is shipped with Isthmus, only the name is not null."""

    id: str | None
    name: str
    domain: str | None
    logo: str | None
    created_at: str | None
    updated_at: str | None


class ListOut(BaseModel, Generic[T]):
    result: list[T]
    next_cursor: str | None = Field(description="Send it back as `next_cursor`; null on the last page.")
    limit: int


class DeletedOut(BaseModel):
    id: str


class SuccessOut(BaseModel):
    success: Literal[True]


class Failure(BaseModel):
    path: str
    message: str
    code: str


class ErrorOut(BaseModel):
    """The form of every error."""

    model_config = ConfigDict(extra="allow")

    statusCode: int  # noqa: N815  # the wire's own name
    error: str
    message: str
    isthmus_request_id: str
    details: Any = Field(
        None,
        description="For invalid input: `failures`, a list of `{path, message, code}`. For an error of the "
        "provider: its own error.",
    )
    truto_is_remote_error: Literal[True] | None = Field(
        None, description="Present when the provider itself answered with the error."
    )
    raw_response: Any = None
    truto_error_insight: dict[str, Any] | None = None


WARNING_RESPONSE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "headers": {
            "Isthmus-Warning": {
                "description": "What of the request was not stored, or has no effect; absent for nothing.",
                "schema": {"type": "string"},
            }
        }
    }
}
"""The success response of an operation that stores what it is sent."""

ERROR_CONTENT: Final = {"application/json": {"schema": {"$ref": f"#/components/schemas/{ErrorOut.__name__}"}}}
"""The body of every error in an OpenAPI document."""

PROVIDER_ERRORS: Final[dict[int | str, dict[str, Any]]] = {
    "4XX": {
        "description": "The provider refused the request; with the provider's status.",
        "content": ERROR_CONTENT,
    },
    "5XX": {
        "description": "The provider, the connection to it, or a definition failed.",
        "content": ERROR_CONTENT,
    },
}
"""The error responses of an operation that calls the provider."""
