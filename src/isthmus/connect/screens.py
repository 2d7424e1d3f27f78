"""The screens of the connect pages, as values that templates render. They hold no secrets.

A screen follows from what is stored (`flow.build_screen`), so that a page that is loaded again shows the
same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from isthmus.connect.errors import ErrorType

__all__ = [
    "Away",
    "Choice",
    "Done",
    "Field",
    "Form",
    "IntegrationSummary",
    "Method",
    "Pick",
    "Problem",
    "Progress",
    "RapidForm",
    "Screen",
]


@dataclass(frozen=True, slots=True)
class IntegrationSummary:
    """An integration as the pages show it. `slug`: its name. `logo`: an address, None for none."""

    slug: str
    label: str
    logo: str | None
    category: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a field. `is_locked`: it was chosen before and cannot be deselected."""

    value: Any
    label: str
    is_chosen: bool = False
    is_locked: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form. `value`: what it shows, None for a password. `error`: why what was sent is
    invalid. `note`: why the field, or some of its choices, cannot be changed.

    `needs`: fields that must be filled in before its choices can be fetched. `more`: the cursor of the next
    page of choices, None on the last.
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
    """The choice of an integration."""

    integrations: tuple[IntegrationSummary, ...]


@dataclass(frozen=True, slots=True)
class Method:
    """The choice of a credential format. `formats`: name and label of each."""

    integration: IntegrationSummary
    formats: tuple[tuple[str, str], ...]
    can_go_back: bool


@dataclass(frozen=True, slots=True)
class Form:
    """The form for credentials, or for what a provider's authorization page needs.

    `formats`: the formats to choose from, this one included, empty where there is no choice.
    `goes_to_provider`: whether submitting redirects to the provider; a form without fields is then a button.
    `error`: why the last try failed.
    """

    integration: IntegrationSummary
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
    """The person is at the provider, in another window."""

    integration: IntegrationSummary


@dataclass(frozen=True, slots=True)
class Progress:
    """The account is saved, and its post-install or validation actions are running."""

    integration: IntegrationSummary
    stage: Literal["post_install", "validation"]


@dataclass(frozen=True, slots=True)
class RapidForm:
    """The account's own form, shown once it is active. `can_skip`: whether closing it counts as success."""

    integration: IntegrationSummary
    account_id: str
    fields: tuple[Field, ...]
    can_skip: bool
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """An error. `can_retry`: whether the person can try again on this page."""

    type: ErrorType
    message: str
    can_retry: bool
    integration: IntegrationSummary | None = None
    account_id: str | None = None
    redirect_uri: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """The account is connected."""

    integration: IntegrationSummary
    account_id: str
    redirect_uri: str | None


Screen = Pick | Method | Form | Away | Progress | RapidForm | Problem | Done
