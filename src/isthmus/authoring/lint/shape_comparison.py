"""Compares the keys of a definition's sections with those of known definitions (source `pattern_match`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from isthmus.authoring.lint.integration_subject import IntegrationSubject
from isthmus.definitions.findings import Finding
from isthmus.definitions.json_values import as_mapping

__all__ = ["Corpus", "check_shapes"]

Shape: TypeAlias = frozenset[str]
"""The dotted names of all keys in a section, without array indexes, and `format=<value>` for each format."""

_KEYS_WITH_FREE_CONTENT: Final = frozenset(
    {"headers", "query", "body", "params", "tokenParams", "refreshParams", "examples"}
)
"""Keys below which the author chooses all names; these do not belong to the shape."""
_COMPARED_BLOCKS: Final = ("authorization", "pagination", "rate_limit", "webhook")
_MIN_SIMILARITY: Final = 0.5
"""From 0 to 1; see `_compute_similarity`."""


class _Section(NamedTuple):
    """A part of a config. `kind`: only sections of one kind are compared. `path`: where it stands."""

    kind: str
    path: str
    shape: Shape


class Corpus:
    """The shapes of known definitions. `configs`: by the names of their integrations."""

    def __init__(self, configs: Mapping[str, Mapping[str, Any]]) -> None:
        self._shapes: defaultdict[str, dict[Shape, set[str]]] = defaultdict(dict)
        for name, config in configs.items():
            for section in _iter_sections(IntegrationSubject(config)):
                self._shapes[section.kind].setdefault(section.shape, set()).add(name)

    def find_nearest(self, section: _Section, *, besides: str | None) -> tuple[float, str] | None:
        """Returns `(similarity, integration name)` of the most similar section; None if there is none of this
        kind.

        `besides`: an integration that does not count.
        """
        return max(
            (
                (_compute_similarity(section.shape, shape), min(owners - {besides}))
                for shape, owners in self._shapes[section.kind].items()
                if owners - {besides}
            ),
            default=None,
        )


def check_shapes(
    subject: IntegrationSubject, corpus: Corpus, *, name: str | None = None
) -> Iterator[Finding]:
    """Yields findings on sections that resemble no section in `corpus`.

    `name`: the name of the integration, whose own sections in the corpus do not count.
    """
    for section in _iter_sections(subject):
        nearest = corpus.find_nearest(section, besides=name)
        if nearest is None or nearest[0] >= _MIN_SIMILARITY:
            continue
        yield Finding(
            severity="info",
            section=section.path.split(".")[0],
            source="pattern_match",
            path=section.path,
            message=f"is shaped like no known {section.kind}",
            fix=f"compare it with that of {nearest[1]}, which is the most alike",
        )


def _iter_sections(subject: IntegrationSubject) -> Iterator[_Section]:
    """Yields the sections of a config: its blocks, credentials, methods and actions."""
    for name in _COMPARED_BLOCKS:
        if as_mapping(subject.config.get(name)):
            yield _Section(name, name, _compute_shape(subject.config[name]))
    for name, credential in subject.credentials.items():
        path = f"credentials.{name}"
        yield _Section("credentials", path, _compute_shape(credential) | {f"format={name}"})
    for method in subject.methods:
        yield _Section("method", method.path, _compute_shape(method.definition))
    for name, action in as_mapping(subject.config.get("actions")).items():
        yield _Section("action", f"actions.{name}", _compute_shape(action))


def _compute_shape(value: Any) -> Shape:
    """Returns the shape of a section: the dotted names of its keys (see `Shape`)."""
    return frozenset(_iter_key_paths(value, ""))


def _iter_key_paths(value: Any, path: str) -> Iterator[str]:
    """Yields the dotted names of all keys below `value` that belong to a shape."""
    if isinstance(value, list):
        for item in value:
            yield from _iter_key_paths(item, path)
    for key, item in as_mapping(value).items():
        if item is None:
            continue
        yield f"{path}{key}={item}" if key == "format" and isinstance(item, str) else f"{path}{key}"
        if key not in _KEYS_WITH_FREE_CONTENT:
            yield from _iter_key_paths(item, f"{path}{key}.")


def _compute_similarity(first: Shape, second: Shape) -> float:
    """Returns the number of names in both shapes divided by the number of names in either."""
    return len(first & second) / (len(first | second) or 1)
