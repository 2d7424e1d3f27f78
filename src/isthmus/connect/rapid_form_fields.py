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
    """The field to show. `options`: its fetched choices. `rapid`: the page's parameters. `sent`: what was
    submitted, None to show what is stored."""
    locks = rapid.prevent_deselect if rapid else {}
    disabled = rapid.disabled if rapid else {}
    stored = list_stored_values(context.get(spec.name))
    shown = list(sent) if sent is not None else [str(each) for each in stored]
    if sent is None and not shown and spec.default is not None:
        shown = [str(each) for each in list_stored_values(spec.default)]
    kept = {str(each) for each in stored}
    choices = tuple(
        Choice(
            str(option.value),
            option.label,
            is_chosen=str(option.value) in shown,
            is_locked=spec.name in locks and str(option.value) in kept,
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
    open_fields = [each for each in fields if rapid is None or each.name not in rapid.disabled]
    values: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for spec in open_fields:
        texts = [text for text in sent.get(spec.name, ()) if text != ""]
        if spec.is_multiple or spec.type == "resource_select":
            known = _index_options(spec, context, options.get(spec.name, FieldChoices()))
            if spec.name in locks:
                kept = [str(each) for each in list_stored_values(context.get(spec.name))]
                texts = list(dict.fromkeys([*kept, *texts]))
            _parse_choices(spec, texts, known, values, errors)
        elif spec.type == "checkbox":
            values[spec.name] = _is_ticked(texts)
        else:
            value = values[spec.name] = _parse_single(spec, texts[-1] if texts else "")
            if spec.type == "number" and value != "" and not _is_number(value):
                errors[spec.name] = "It must be a number."
    plain = [each for each in open_fields if not each.is_multiple and each.type not in _CHOICE_TYPES]

    def report(path: str, message: str, _: str) -> None:
        name = path.removeprefix(_CONTEXT_PREFIX)
        errors.setdefault(name, "Please fill this in." if "required" in message else f"It {message}.")

    checked = validate_form(plain, values, report, complete=True)
    return FormAnswers({name: value for name, value in checked.items() if value != ""}, errors)


_CHOICE_TYPES: Final = frozenset({"checkbox", "resource_select", "multi_select"})


def list_stored_values(value: Any) -> list[Any]:
    """The chosen values of a stored field, which may be one or a list, plain or `{label, value}`."""
    many = value if isinstance(value, list) else [] if value is None else [value]
    return [each["value"] if isinstance(each, Mapping) and "value" in each else each for each in many]


def _parse_choices(
    spec: FormField,
    texts: Sequence[str],
    known: Mapping[str, FieldOption],
    values: dict[str, Any],
    errors: dict[str, str],
) -> None:
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
    return isinstance(value, int | float) and math.isfinite(value)


def _get_options(spec: FormField, options: FieldChoices) -> tuple[FieldOption, ...]:
    return options.choices if spec.type == "resource_select" else spec.options or ()


def _list_missing_options(
    spec: FormField, context: Mapping[str, Any], options: FieldChoices
) -> list[FieldOption]:
    """The stored choices that are not among the fetched ones, because they are on a later page or gone."""
    if spec.type != "resource_select":
        return []
    there = {str(option.value) for option in options.choices}
    many = context.get(spec.name)
    kept = many if isinstance(many, list) else [] if many is None else [many]
    return [
        FieldOption(
            label=str(each.get("label", each["value"])) if isinstance(each, Mapping) else str(each),
            value=each["value"] if isinstance(each, Mapping) else each,
        )
        for each in kept
        if (not isinstance(each, Mapping) or "value" in each)
        and str(list_stored_values(each)[0]) not in there
    ]


def _index_options(
    spec: FormField, context: Mapping[str, Any], options: FieldChoices
) -> dict[str, FieldOption]:
    return {
        str(option.value): option
        for option in (*_list_missing_options(spec, context, options), *_get_options(spec, options))
    }


def _get_current_value(
    spec: FormField, context: Mapping[str, Any], sent: Sequence[str] | None, shown: Sequence[str]
) -> Any:
    if spec.type != "checkbox":
        return shown[0] if shown else None
    return context.get(spec.name, spec.default) is True if sent is None else _is_ticked(sent)


def _is_ticked(texts: Sequence[str]) -> bool:
    return bool(texts) and texts[-1].lower() in _TICKED
