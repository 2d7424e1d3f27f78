"""Compiles JSON values with placeholders to templates, and renders them for each scope.

Rendering walks only the leaves that hold placeholders, in one pass: text that a placeholder inserts is never
read again, and objects that it inserts are not walked. What happens to a placeholder without a value differs
by where the template stands, so there is a method for each case: `render` leaves the text, `render_strict`
raises, `render_or_undefined` drops the leaf, `render_or_empty` uses the empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from isthmus.expressions.field_reads import FieldReads, make_path_reads, merge_reads
from isthmus.expressions.placeholders.casts import cast, to_text_form
from isthmus.expressions.placeholders.parser import (
    IsAbsent,
    Placeholder,
    UnresolvedPlaceholder,
    split_placeholders,
)
from isthmus.expressions.values import UNDEFINED

__all__ = ["MERGE_KEY", "Encode", "Template", "compile_template", "make_literal_template"]

MERGE_KEY: Final = "$truto_merge"

Encode = Callable[[tuple[str, ...], object, str], str]
"""Given the path a value came from, the value before its cast and its text after it, the text to insert. Not
called for defaults."""


@dataclass(frozen=True, slots=True)
class _UnresolvedRules:
    """How one rendering treats placeholders without a value (`unresolved`), converts values to text
    (`encode`), and which values it treats as missing (`absent`)."""

    unresolved: Callable[[Placeholder], object]
    encode: Encode | None = None
    absent: IsAbsent | None = None


class _Dropped(Exception):
    """The leaf being rendered holds a placeholder without a value and is to be left out."""


def _keep_text(placeholder: Placeholder) -> object:
    """Return the placeholder as it is written."""
    return placeholder.text


def _raise_unresolved(placeholder: Placeholder) -> object:
    """Raise UnresolvedPlaceholder."""
    raise UnresolvedPlaceholder(placeholder.inner)


def _drop_leaf(placeholder: Placeholder) -> object:
    """Drop the whole string that holds the placeholder."""
    raise _Dropped


def _use_empty_text(placeholder: Placeholder) -> object:
    """Return an empty text."""
    return ""


_KEEP: Final = _UnresolvedRules(_keep_text)
_STRICT: Final = _UnresolvedRules(_raise_unresolved)
_DROP: Final = _UnresolvedRules(_drop_leaf)
_EMPTY: Final = _UnresolvedRules(_use_empty_text)


def _resolve_placeholder(
    placeholder: Placeholder, scope: Mapping[str, object], rules: _UnresolvedRules, *, whole: bool
) -> object:
    """Return the value to insert. `whole`: the placeholder is the entire string, so that the value keeps its
    type."""
    resolved = placeholder.find(scope, rules.absent)
    if resolved is not None:
        alternative, raw = resolved
        is_text = type(raw) is str and alternative.cast == "str"
        value = raw if is_text else cast(raw, alternative.cast, whole=whole)
        if rules.encode is None:
            return value
        return rules.encode(alternative.path, raw, to_text_form(value))
    if placeholder.default:
        return cast(placeholder.default, placeholder.default_cast, whole=whole)
    if placeholder.or_undefined:
        return UNDEFINED if whole else ""
    if placeholder.or_null:
        return None
    return rules.unresolved(placeholder)


class _Part:
    """A compiled part that holds at least one placeholder, or has to be rebuilt for another reason."""

    __slots__ = ()

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the value of this part with its placeholders replaced from `scope`.

        `rules`: what becomes of a placeholder without a value.
        """
        raise NotImplementedError

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield the placeholders of this part, nested parts included."""
        raise NotImplementedError


class _StaticPart(_Part):
    """A value without placeholders."""

    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the value itself."""
        return self.value

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield nothing."""
        return iter(())


class _PlaceholderPart(_Part):
    """A string that is one placeholder: keeps the type its cast gives."""

    __slots__ = ("placeholder",)

    def __init__(self, placeholder: Placeholder) -> None:
        self.placeholder = placeholder

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the value that the placeholder resolves to, of the type its cast gives, or as the text that
        `rules.encode` gives; UNDEFINED if it resolves to undefined or is dropped."""
        try:
            return _resolve_placeholder(self.placeholder, scope, rules, whole=True)
        except _Dropped:
            return UNDEFINED

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield the one placeholder."""
        yield self.placeholder


class _TextPart(_Part):
    """A string with placeholders among other text: always renders to text."""

    __slots__ = ("pieces",)

    def __init__(self, pieces: tuple[str | Placeholder, ...]) -> None:
        self.pieces = pieces

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the text with its placeholders replaced; UNDEFINED if one of them is dropped."""
        try:
            return "".join(
                [
                    piece
                    if isinstance(piece, str)
                    else to_text_form(_resolve_placeholder(piece, scope, rules, whole=False))
                    for piece in self.pieces
                ]
            )
        except _Dropped:
            return UNDEFINED

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield the placeholders of the text."""
        return (piece for piece in self.pieces if isinstance(piece, Placeholder))


class _ArrayPart(_Part):
    """An array with placeholders; an item that is left out becomes null."""

    __slots__ = ("items",)

    def __init__(self, items: tuple[_Part, ...]) -> None:
        self.items = items

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the list of rendered items; None for an item that is dropped."""
        rendered = (item.render(scope, rules) for item in self.items)
        return [None if value is UNDEFINED else value for value in rendered]

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield the placeholders of all items."""
        for item in self.items:
            yield from item.iterate_placeholders()


class _ObjectPart(_Part):
    """An object with placeholders; `merges` are merged into it."""

    __slots__ = ("entries", "merges")

    def __init__(self, entries: tuple[tuple[str, _Part], ...], merges: tuple[_Part, ...]) -> None:
        self.entries = entries
        self.merges = merges

    def render(self, scope: Mapping[str, object], rules: _UnresolvedRules) -> object:
        """Return the object of rendered entries, without dropped ones, with `merges` merged in."""
        result: dict[str, object] = {}
        for key, part in self.entries:
            value = part.render(scope, rules)
            if value is not UNDEFINED:
                result[key] = value
        for part in self.merges:
            value = part.render(scope, rules)
            if isinstance(value, Mapping):
                result = _merge_deep(result, value)
        return result

    def iterate_placeholders(self) -> Iterator[Placeholder]:
        """Yield the placeholders of all entries, then those of the `$truto_merge` values."""
        for _, part in self.entries:
            yield from part.iterate_placeholders()
        for part in self.merges:
            yield from part.iterate_placeholders()


def _merge_deep(low: Mapping[str, object], high: Mapping[str, object]) -> dict[str, object]:
    """Return the two objects merged: objects by key, arrays one after the other, everything else replaced by
    `high`."""
    result = dict(low)
    for key, value in high.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = _merge_deep(below, value)
        elif isinstance(below, list) and isinstance(value, list):
            result[key] = [*below, *value]
        else:
            result[key] = value
    return result


def _compile_text(text: str) -> _Part:
    """Return the compiled form of a string."""
    pieces = split_placeholders(text)
    if not any(isinstance(piece, Placeholder) for piece in pieces):
        return _StaticPart(text)
    first = pieces[0]
    if len(pieces) == 1 and isinstance(first, Placeholder):
        return _PlaceholderPart(first)
    return _TextPart(pieces)


def _compile(value: object) -> _Part:
    """Return the compiled form of a JSON value."""
    if isinstance(value, str):
        return _compile_text(value)
    if isinstance(value, Mapping):
        return _compile_object(value)
    if isinstance(value, list | tuple):
        items = tuple(_compile(item) for item in value)
        return (
            _StaticPart(value) if all(isinstance(item, _StaticPart) for item in items) else _ArrayPart(items)
        )
    return _StaticPart(value)


def _compile_object(value: Mapping[str, object]) -> _Part:
    """Return the compiled form of an object; static if nothing in it has to be rendered."""
    entries = tuple((key, _compile(item)) for key, item in value.items() if key != MERGE_KEY)
    if MERGE_KEY in value:
        merges = value[MERGE_KEY]
        merged_parts = tuple(_compile(item) for item in (merges if isinstance(merges, list) else [merges]))
        return _ObjectPart(entries, merged_parts)
    if all(isinstance(part, _StaticPart) for _, part in entries):
        return _StaticPart(value)
    return _ObjectPart(entries, ())


class Template:
    """A compiled JSON value. Immutable, safe to share between threads and calls.

    Its `repr` shows placeholders and never the text around them, which may be a secret.
    """

    __slots__ = ("_part", "is_static", "placeholders", "source")

    def __init__(self, source: object, *, literal: bool = False) -> None:
        self.source: Final = source
        self._part: Final = _StaticPart(source) if literal else _compile(source)
        self.is_static: Final = isinstance(self._part, _StaticPart)
        self.placeholders: Final = tuple(self._part.iterate_placeholders())

    def __repr__(self) -> str:
        return f"Template({', '.join(item.text for item in self.placeholders) or 'static'})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self.source == other.source

    def __hash__(self) -> int:
        return hash(repr(self.source))

    @property
    def is_placeholder(self) -> bool:
        """Whether the source is a string that is exactly one placeholder."""
        return isinstance(self._part, _PlaceholderPart)

    def find_field_reads(self) -> FieldReads:
        """Return what the placeholders read of the scope."""
        return merge_reads(
            make_path_reads(alternative.path)
            for placeholder in self.placeholders
            for alternative in placeholder.alternatives
        )

    def render(self, scope: Mapping[str, object]) -> object:
        """Return the value; a placeholder without one stays as its text. UNDEFINED for a whole string that
        resolves to undefined.

        A static template returns its source itself, not a copy. Raises PlaceholderError for an unknown cast
        once there is a value to cast.
        """
        return self._part.render(scope, _KEEP)

    def render_strict(
        self, scope: Mapping[str, object], *, encode: Encode | None = None, absent: IsAbsent | None = None
    ) -> object:
        """Work as `render`, but raises UnresolvedPlaceholder for a placeholder without a value.

        With `encode`, the text that it returns is inserted for each value. A value for which `absent` is true
        is treated as missing.
        """
        plain = encode is None and absent is None
        return self._part.render(
            scope, _STRICT if plain else _UnresolvedRules(_raise_unresolved, encode, absent)
        )

    def render_or_undefined(self, scope: Mapping[str, object]) -> object:
        """Work as `render`, but a string in which a placeholder has no value is UNDEFINED (dropped)."""
        return self._part.render(scope, _DROP)

    def render_or_empty(self, scope: Mapping[str, object]) -> object:
        """Work as `render`, but a placeholder without a value becomes the empty string."""
        return self._part.render(scope, _EMPTY)


def compile_template(value: object) -> Template:
    """Return the template of any JSON value. Never fails: a `{{…}}` that is malformed is plain text."""
    return Template(value)


def make_literal_template(value: object) -> Template:
    """Return a template that renders to the value itself, whatever braces it holds: for values that come from
    data."""
    return Template(value, literal=True)
