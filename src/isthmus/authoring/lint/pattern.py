"""Sections that are shaped like no known one (`pattern_match`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from isthmus.authoring.lint.subject import IntegrationSubject
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_mapping

__all__ = ["Corpus", "check"]

Shape: TypeAlias = frozenset[str]
"""The dotted names of what a section sets, numbers of array items left out; and which formats it has."""

_FREE: Final = frozenset({"headers", "query", "body", "params", "tokenParams", "refreshParams", "examples"})
"""Keys whose content has names of the author's choice: they say nothing of the shape."""
_WHOLE: Final = ("authorization", "pagination", "rate_limit", "webhook")
_MIN_LIKENESS: Final = 0.5
"""Of 1: the share of names that two shapes have in common, of all that either has."""


class _Section(NamedTuple):
    """`kind`: what it is compared with; `path`: where it stands."""

    kind: str
    path: str
    shape: Shape


class Corpus:
    """The sections of known definitions. `known`: configs, by what their integrations are called."""

    def __init__(self, known: Mapping[str, Mapping[str, Any]]) -> None:
        self._shapes: defaultdict[str, dict[Shape, set[str]]] = defaultdict(dict)
        for name, config in known.items():
            for section in _sections(IntegrationSubject(config)):
                self._shapes[section.kind].setdefault(section.shape, set()).add(name)

    def nearest(self, section: _Section, *, besides: str | None) -> tuple[float, str] | None:
        """How alike the most alike section is, and whose it is; None where none of that kind is known."""
        return max(
            (
                (_likeness(section.shape, shape), min(owners - {besides}))
                for shape, owners in self._shapes[section.kind].items()
                if owners - {besides}
            ),
            default=None,
        )


def check(subject: IntegrationSubject, corpus: Corpus, *, name: str | None = None) -> Iterator[Finding]:
    """`name`: the integration's own, which may stand in the corpus too and does not count there."""
    for section in _sections(subject):
        nearest = corpus.nearest(section, besides=name)
        if nearest is None or nearest[0] >= _MIN_LIKENESS:
            continue
        yield Finding(
            severity="info",
            section=section.path.split(".")[0],
            source="pattern_match",
            path=section.path,
            message=f"is shaped like no known {section.kind}",
            fix=f"compare it with that of {nearest[1]}, which is the most alike",
        )


def _sections(subject: IntegrationSubject) -> Iterator[_Section]:
    for name in _WHOLE:
        if as_mapping(subject.config.get(name)):
            yield _Section(name, name, _shape(subject.config[name]))
    for name, credential in subject.credentials.items():
        path = f"credentials.{name}"
        yield _Section("credentials", path, _shape(credential) | {f"format={name}"})
    for method in subject.methods:
        yield _Section("method", method.path, _shape(method.body))
    for name, action in as_mapping(subject.config.get("actions")).items():
        yield _Section("action", f"actions.{name}", _shape(action))


def _shape(value: Any) -> Shape:
    return frozenset(_names(value, ""))


def _names(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _names(item, path)
    for key, item in as_mapping(value).items():
        if item is None:
            continue
        yield f"{path}{key}={item}" if key == "format" and isinstance(item, str) else f"{path}{key}"
        if key not in _FREE:
            yield from _names(item, f"{path}{key}.")


def _likeness(one: Shape, other: Shape) -> float:
    return len(one & other) / (len(one | other) or 1)
