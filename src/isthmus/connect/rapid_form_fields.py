"""Builds the fields of an account's own form, and parses what was submitted with it.

No I/O: choices that come from a provider are passed in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from isthmus.accounts.rows.credential_form import validate_form
from isthmus.connect.screens import Choice, Field
from isthmus.connect.sessions import RapidOptions
from isthmus.definitions.actions import FormField
from isthmus.definitions.credentials import FieldOption

__all__ = ["FieldChoices", "FormAnswers", "build_field", "list_stored_values", "parse_answers"]

_TICKED: Final = frozenset({"true", "on", "1"})
_CONTEXT_PREFIX: Final = "context."


@dataclass(frozen=True, slots=True)
class FieldChoices:
    """Choices of a field that were fetched from the provider. `more`: the cursor of the next page, None on
    the last."""

    choices: tuple[FieldOption, ...] = ()
    more: str | None = None


@dataclass(frozen=True, slots=True)
class FormAnswers:
    """A submitted form, parsed. `values`: as they are merged into the context. `errors`: messages by
    field."""

    values: Mapping[str, Any] = field(repr=False)
    errors: Mapping[str, str]


def build_field(
    spec: FormField,
    context: Mapping[str, Any],
    options: FieldChoices,
    rapid: RapidOptions | None,
    *,
    sent: Sequence[str] | None = None,
    error: str | None = None,
) -> Field:
    """Builds the field to show. `options`: its fetched choices. `rapid`: the page's parameters. `sent`: what
    was submitted, None to show what is stored."""
    locks = rapid.prevent_deselect if rapid else {}
    disabled = rapid.disabled if rapid else {}
    stored = list_stored_values(context.get(spec.name))
    shown = list(sent) if sent is not None else [str(value) for value in stored]
    if sent is None and not shown:
        shown = [str(value) for value in list_stored_values(spec.default)]
    stored_texts = {str(value) for value in stored}
    choices = tuple(
        Choice(
            str(option.value),
            option.label,
            is_chosen=str(option.value) in shown,
            is_locked=spec.name in locks and str(option.value) in stored_texts,
        )
        for option in (*_list_missing_options(spec, context, options), *_get_options(spec, options))
    )
    return Field(
        name=spec.name,
        label=spec.label or spec.name,
        type=spec.type,
        is_required=spec.required,
        value=None if spec.type == "password" or choices else _get_current_value(spec, context, sent, shown),
        placeholder=spec.placeholder,
        help_text=spec.help_text,
        format=spec.format,
        pattern=spec.pattern,
        choices=choices,
        is_multiple=spec.is_multiple,
        is_disabled=spec.name in disabled,
        note=disabled.get(spec.name) or locks.get(spec.name),
        error=error,
        needs=spec.depends_on,
        more=options.more,
    )


def parse_answers(
    fields: Sequence[FormField],
    sent: Mapping[str, Sequence[str]],
    context: Mapping[str, Any],
    options: Mapping[str, FieldChoices],
    rapid: RapidOptions | None,
) -> FormAnswers:
    """Parses and checks a submitted form: a choice must be among the options, and a choice that must not be
    deselected stays. `options`: fetched choices by field."""
    locks = rapid.prevent_deselect if rapid else {}
    open_fields = [spec for spec in fields if rapid is None or spec.name not in rapid.disabled]
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for spec in open_fields:
        texts = [text for text in sent.get(spec.name, ()) if text != ""]
        if spec.is_multiple or spec.type == "resource_select":
            known = _index_options(spec, context, options.get(spec.name, FieldChoices()))
            if spec.name in locks:
                kept = [str(value) for value in list_stored_values(context.get(spec.name))]
                texts = list(dict.fromkeys([*kept, *texts]))
            _parse_choices(spec, texts, known, values, errors)
        elif spec.type == "checkbox":
            values[spec.name] = _is_ticked(texts)
        else:
            value = values[spec.name] = _parse_single(spec, texts[-1] if texts else "")
            if spec.type == "number" and value != "" and not _is_number(value):
                errors[spec.name] = "It must be a number."
    plain_fields = [spec for spec in open_fields if not spec.is_multiple and spec.type not in _CHOICE_TYPES]

    def report(path: str, message: str, _: str) -> None:
        """Keeps the first message of a field. `path`: with the prefix of the context."""
        name = path.removeprefix(_CONTEXT_PREFIX)
        errors.setdefault(name, "Please fill this in." if "required" in message else f"It {message}.")

    checked = validate_form(plain_fields, values, report, complete=True)
    return FormAnswers({name: value for name, value in checked.items() if value != ""}, errors)


_CHOICE_TYPES: Final = frozenset({"checkbox", "resource_select", "multi_select"})


def list_stored_values(value: Any) -> list[Any]:
    """Returns the chosen values of a stored field, which may be one or a list, plain or `{label, value}`."""
    elements = value if isinstance(value, list) else [] if value is None else [value]
    return [
        element["value"] if isinstance(element, Mapping) and "value" in element else element
        for element in elements
    ]


def _parse_choices(
    spec: FormField,
    texts: Sequence[str],
    known: Mapping[str, FieldOption],
    values: dict[str, Any],
    errors: dict[str, str],
) -> None:
    """Parses the chosen texts of a field. Puts its value into `values`, or a message into `errors`. `known`:
    the options by text."""
    if any(text not in known for text in texts):
        errors[spec.name] = "Please choose from the list."
        return
    if spec.required and not texts:
        errors[spec.name] = "Please choose."
        return
    chosen = [
        {"label": known[text].label, "value": known[text].value}
        if spec.store == "object"
        else known[text].value
        for text in texts
    ]
    values[spec.name] = chosen if spec.is_multiple else (chosen[-1] if chosen else None)


def _parse_single(spec: FormField, text: str) -> Any:
    """Returns the value of a single text: that of an option, a number, or the text itself."""
    for option in spec.options or ():
        if str(option.value) == text:
            return option.value
    if spec.type == "number":
        try:
            return int(text) if text.strip().lstrip("-").isdecimal() else float(text)
        except ValueError:
            return text
    return text


def _is_number(value: Any) -> bool:
    """Returns True for a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)


def _get_options(spec: FormField, options: FieldChoices) -> tuple[FieldOption, ...]:
    """Returns the options of a field: the fetched ones if it chooses from a resource, otherwise those of its
    definition."""
    return options.choices if spec.type == "resource_select" else spec.options or ()


def _list_missing_options(
    spec: FormField, context: Mapping[str, Any], options: FieldChoices
) -> list[FieldOption]:
    """Returns the stored choices that are not among the fetched ones, because they are on a later page or
    gone."""
    if spec.type != "resource_select":
        return []
    fetched_texts = {str(option.value) for option in options.choices}
    value = context.get(spec.name)
    stored_values = value if isinstance(value, list) else [] if value is None else [value]
    return [
        FieldOption(
            label=str(stored.get("label", stored["value"])) if isinstance(stored, Mapping) else str(stored),
            value=stored["value"] if isinstance(stored, Mapping) else stored,
        )
        for stored in stored_values
        if (not isinstance(stored, Mapping) or "value" in stored)
        and str(list_stored_values(stored)[0]) not in fetched_texts
    ]


def _index_options(
    spec: FormField, context: Mapping[str, Any], options: FieldChoices
) -> dict[str, FieldOption]:
    """Returns the options of a field by their text, with the stored choices that were not fetched."""
    return {
        str(option.value): option
        for option in (*_list_missing_options(spec, context, options), *_get_options(spec, options))
    }


def _get_current_value(
    spec: FormField, context: Mapping[str, Any], sent: Sequence[str] | None, shown: Sequence[str]
) -> Any:
    """Returns the value that the field shows: a boolean for a checkbox, otherwise the first text or None."""
    if spec.type != "checkbox":
        return shown[0] if shown else None
    return context.get(spec.name, spec.default) is True if sent is None else _is_ticked(sent)


def _is_ticked(texts: Sequence[str]) -> bool:
    """Returns True if the submitted texts of a checkbox say that it is ticked."""
    return bool(texts) and texts[-1].lower() in _TICKED
