"""What the person sees next: the whole of it, for whoever draws it. Nothing here is a secret.

A screen follows from the rows alone (`flow.screen`), so a page that is loaded again shows where things stand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from isthmus.connect.errors import ErrorType

__all__ = [
    "Away",
    "Choice",
    "Done",
    "Field",
    "Form",
    "Method",
    "Offered",
    "Pick",
    "Problem",
    "Progress",
    "RapidForm",
    "Screen",
]


@dataclass(frozen=True, slots=True)
class Offered:
    """An integration by its face. `logo`: an address, None for none."""

    slug: str
    label: str
    logo: str | None
    category: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a field. `is_locked`: chosen before, and not to be taken back."""

    value: Any
    label: str
    is_chosen: bool = False
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `value`: what to show in it, never that of a password. `error`: why what was sent
    does not do. `note`: why the field, or some of its choices, cannot be changed.

    `needs`: fields whose values are needed before its choices are known. `more`: the cursor of its next
    choices, None at the end.
    """

    name: str
    label: str
    type: str
    is_required: bool = False
    value: Any = None
    placeholder: str | None = None
    help_text: str | None = None
    format: str | None = None
    pattern: str | None = None
    choices: tuple[Choice, ...] = ()
    is_multiple: bool = False
    is_disabled: bool = False
    note: str | None = None
    error: str | None = None
    needs: tuple[str, ...] = ()
    more: str | None = None


@dataclass(frozen=True, slots=True)
class Pick:
    """Which integration. `error`: why there is nothing to choose, or what was wrong."""

    offered: tuple[Offered, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """How to connect; each of `formats` is a name and what to call it."""

    integration: Offered
    formats: tuple[tuple[str, str], ...]
    can_go_back: bool


@dataclass(frozen=True, slots=True)
class Form:
    """The credentials, or what is asked before a trip to the provider.

    `formats`: the other ways to connect, this one among them, where there is a choice. `goes_to_provider`:
    whether sending it leads there; a form without fields is then a button. `error`: why the last try failed.
    """

    integration: Offered
    format: str
    formats: tuple[tuple[str, str], ...]
    fields: tuple[Field, ...]
    goes_to_provider: bool
    can_go_back: bool
    documentation_link: str | None = None
    permissions_text: str | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """The person is at the provider, in a window of its own."""

    integration: Offered


@dataclass(frozen=True, slots=True)
class Progress:
    """The account is saved, and being prepared or checked."""

    integration: Offered
    stage: Literal["post_install", "validation"]


@dataclass(frozen=True, slots=True)
class RapidForm:
    """The account's own form, after it is active. `can_skip`: whether closing it counts as success."""

    integration: Offered
    account_id: str
    fields: tuple[Field, ...]
    can_skip: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """It failed. `can_retry`: whether this page can be used to try again."""

    type: ErrorType
    message: str
    can_retry: bool
    integration: Offered | None = None
    account_id: str | None = None
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    integration: Offered
    account_id: str
    redirect_uri: str | None


Screen = Pick | Method | Form | Away | Progress | RapidForm | Problem | Done


@dataclass(frozen=True, slots=True)
class Message:
    """What the page tells whoever opened it (`connect.md` §3.4)."""

    body: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, screen: Done | Problem) -> Message:
        if isinstance(screen, Done):
            body: dict[str, Any] = {
                "is_truto": True,
                "result": "success",
                "integration": screen.integration.slug,
                "integrated_account_id": screen.account_id,
            }
        else:
            body = {
                "is_truto": True,
                "result": "error",
                "error": screen.message,
                "error_type": screen.type,
                "integration": screen.integration.slug if screen.integration else None,
            }
            if screen.account_id is not None:
                body["integrated_account_id"] = screen.account_id
        if screen.redirect_uri is not None:
            body["redirect_uri"] = screen.redirect_uri
        return cls(body)
