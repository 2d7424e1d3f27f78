"""Traces the provenance of merged definitions: which layer set each leaf, and which layer removed a leaf."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.credentials import normalise_credentials
from isthmus.errors import NotFound
from isthmus.integrations.rows.unknown_names import make_unknown_name_error

__all__ = ["NamedLayer", "Provenance", "trace_provenance"]

LeafPath = tuple[str, ...]
MergeFunction = Callable[..., dict[str, Any]]

_PLAIN_NAME: Final = re.compile(r"[^.\[\]\"]+")
_PATH_PART: Final = re.compile(r'\.?[^.\[\]"]+|\["(?:[^"\\]|\\.)*"\]')
"""One name of a path in text form, with the dot or bracket before it."""

_ABSENT: Final = object()


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """A layer of a definition. `id`: of the row that contains it. `content`: with masked secrets."""

    name: str
    id: str
    content: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Returns `{layer, id, content}`."""
        return {"layer": self.name, "id": self.id, "content": self.content}


@dataclass(frozen=True, slots=True)
class Provenance:
    """A merged definition with the origin of its leaves; arrays and empty objects are leaves.

    `values`: `{path, value, layer}` of each leaf of `merged`. `removed`: `{path, layer}` of each leaf that a
    later layer removed.
    """

    layers: Sequence[NamedLayer]
    merged: dict[str, Any]
    values: list[dict[str, Any]]
    removed: list[dict[str, Any]]

    def as_json(self, path: str | None = None) -> dict[str, Any]:
        """Returns `{config, values, removed, layers}`; with a path, only `values` and `removed` at or below
        it.

        Raises NotFound if no layer has anything at the path.
        """
        values = [leaf for leaf in self.values if path is None or _is_at_or_below(leaf["path"], path)]
        removed = [leaf for leaf in self.removed if path is None or _is_at_or_below(leaf["path"], path)]
        if path is not None and not values and not removed:
            raise _nothing_at_path_error(path, [leaf["path"] for leaf in self.values])
        return {
            "config": self.merged,
            "values": values,
            "removed": removed,
            "layers": [layer.as_json() for layer in self.layers],
        }


def trace_provenance(layers: Sequence[NamedLayer], merge: MergeFunction) -> Provenance:
    """Merges layers one by one and records which layer each leaf comes from.

    `layers`: the one that is overridden first. `merge`: `merge_integration` or `merge_mapping`. A leaf
    belongs to the last layer that has it, even if an earlier layer has the same value. A leaf that no layer
    has at its path, because the merge moved it, belongs to the layer with which it appeared.
    """
    owners: dict[LeafPath, str] = {}
    removed: dict[LeafPath, str] = {}
    merged: dict[str, Any] = {}
    before: dict[LeafPath, Any] = {}
    contents = [layer.content for layer in layers]
    is_moved = _has_credentials_by_format(merge(*contents))
    for count, layer in enumerate(layers, start=1):
        merged = merge(*contents[:count])
        if is_moved and "credentials" in merged:
            merged["credentials"] = normalise_credentials(merged["credentials"])
        now = dict(_iter_leaves(merged))
        own_leaves = dict(_iter_leaves(layer.content))
        for path, value in now.items():
            if path not in before or before[path] != value or own_leaves.get(path, _ABSENT) == value:
                owners[path] = layer.name
                removed.pop(path, None)
        removed.update((path, layer.name) for path in before if not _has_path(merged, path))
        before = now
    return Provenance(
        layers,
        merged,
        [
            {"path": _format_path(path), "value": value, "layer": owners[path]}
            for path, value in before.items()
        ],
        [{"path": _format_path(path), "layer": name} for path, name in removed.items()],
    )


def _has_credentials_by_format(merged: Mapping[str, Any]) -> bool:
    """Returns True if the credentials are a map by format, not a single credential.

    The merge may turn a single credential into such a map. Every step then uses the map, so that a credential
    that is only moved keeps its layer.
    """
    credentials = merged.get("credentials")
    return isinstance(credentials, Mapping) and not isinstance(credentials.get("format"), str)


def _iter_leaves(value: Any, path: LeafPath = ()) -> Iterator[tuple[LeafPath, Any]]:
    """Yields (path, value) of each leaf below `value`."""
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _iter_leaves(item, (*path, str(key)))
    else:
        yield path, value


def _has_path(value: Any, path: LeafPath) -> bool:
    """Returns True if nested objects in `value` have all keys of the path."""
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _nothing_at_path_error(path: str, known_paths: Sequence[str]) -> NotFound:
    """Returns a NotFound error that lists what there is below the longest existing part of the path."""
    top = _PATH_PART.findall(path)
    while top and not any(_is_at_or_below(known_path, "".join(top)) for known_path in known_paths):
        top.pop()
    near = [
        _PATH_PART.findall(known_path)
        for known_path in known_paths
        if not top or _is_at_or_below(known_path, "".join(top))
    ]
    beside = sorted({"".join(parts[: len(top) + 1]) for parts in near})
    return make_unknown_name_error(
        f"no layer says anything at {path}", path, beside, f"There are: {', '.join(beside)}."
    )


def _is_at_or_below(path: str, top: str) -> bool:
    """Returns True if `path` is `top` or inside it."""
    return path == top or path.startswith((f"{top}.", f"{top}["))


def _format_path(path: LeafPath) -> str:
    """Returns the path as text: names with dots between them, and names that contain dots or brackets as
    `["a.b"]`."""
    text = ""
    for name in path:
        if _PLAIN_NAME.fullmatch(name):
            text += f".{name}" if text else name
        else:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text
