"""Which layer set what: the merge of `definitions.layers`, told leaf by leaf."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from isthmus.definitions.credentials import normalise_credentials
from isthmus.errors import NotFound
from isthmus.integrations.rows.unknown_names import unknown_name_error

__all__ = ["NamedLayer", "Provenance", "trace_provenance"]

Path = tuple[str, ...]
MergeFunction = Callable[..., dict[str, Any]]

_PLAIN: Final = re.compile(r"[^.\[\]\"]+")
_PART: Final = re.compile(r'\.?[^.\[\]"]+|\["(?:[^"\\]|\\.)*"\]')
"""One name of a path, with what sets it off from the one before."""

_NOTHING: Final = object()


@dataclass(frozen=True, slots=True)
class NamedLayer:
    """`id`: of the row that holds it. `content`: as it may be shown, secrets masked."""

    name: str
    id: str
    content: Mapping[str, Any]

    @property
    def shown(self) -> dict[str, Any]:
        return {"layer": self.name, "id": self.id, "content": self.content}


@dataclass(frozen=True, slots=True)
class Provenance:
    """`merged`: the effective value. `values`: each leaf of it as `{path, value, layer}`; arrays and empty
    objects are leaves. `removed`: `{path, layer}` of each leaf of a lower layer that an upper one took away.
    """

    layers: Sequence[NamedLayer]
    merged: dict[str, Any]
    values: list[dict[str, Any]]
    removed: list[dict[str, Any]]

    def as_json(self, path: str | None = None) -> dict[str, Any]:
        """`{config, values, removed, layers}`; `values` and `removed` only at or below a path, if one is
        given. Raises NotFound for a path at which no layer says anything."""
        values = [each for each in self.values if path is None or _is_below(each["path"], path)]
        removed = [each for each in self.removed if path is None or _is_below(each["path"], path)]
        if path is not None and not values and not removed:
            raise _nothing_at_path_error(path, [each["path"] for each in self.values])
        return {
            "config": self.merged,
            "values": values,
            "removed": removed,
            "layers": [layer.shown for layer in self.layers],
        }


def trace_provenance(layers: Sequence[NamedLayer], merge: MergeFunction) -> Provenance:
    """`layers`: the lowest first. `merge`: `merge_integration` or `merge_mapping`.

    A leaf belongs to the highest layer that has it, even where a lower one says the same; one that no layer
    has at its place (a merge may move it) to the layer with which it appeared.
    """
    owners: dict[Path, str] = {}
    removed: dict[Path, str] = {}
    merged: dict[str, Any] = {}
    before: dict[Path, Any] = {}
    contents = [layer.content for layer in layers]
    is_moved = _has_credentials_by_format(merge(*contents))
    for count, layer in enumerate(layers, start=1):
        merged = merge(*contents[:count])
        if is_moved and "credentials" in merged:
            merged["credentials"] = normalise_credentials(merged["credentials"])
        now = dict(_iter_leaves(merged))
        said = dict(_iter_leaves(layer.content))
        for path, value in now.items():
            if path not in before or before[path] != value or said.get(path, _NOTHING) == value:
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
    """Whether the credentials are a map by format, as the merge makes them of a single one. They are held to
    that from the first layer on: a credential that is only moved keeps its layer."""
    credentials = merged.get("credentials")
    return isinstance(credentials, Mapping) and not isinstance(credentials.get("format"), str)


def _iter_leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and (value or not path):
        for key, item in value.items():
            yield from _iter_leaves(item, (*path, str(key)))
    else:
        yield path, value


def _has_path(value: Any, path: Path) -> bool:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return False
        value = value[name]
    return True


def _nothing_at_path_error(path: str, said: Sequence[str]) -> NotFound:
    """Names what stands beside it, at the last part of the path that is there."""
    top = _PART.findall(path)
    while top and not any(_is_below(each, "".join(top)) for each in said):
        top.pop()
    near = [_PART.findall(each) for each in said if not top or _is_below(each, "".join(top))]
    beside = sorted({"".join(parts[: len(top) + 1]) for parts in near})
    return unknown_name_error(
        f"no layer says anything at {path}", path, beside, f"There are: {', '.join(beside)}."
    )


def _is_below(path: str, top: str) -> bool:
    return path == top or path.startswith((f"{top}.", f"{top}["))


def _format_path(path: Path) -> str:
    """Dotted; a name with a dot or bracket of its own as `["a.b"]`."""
    text = ""
    for name in path:
        if _PLAIN.fullmatch(name):
            text += f".{name}" if text else name
        else:
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            text += f'["{quoted}"]'
    return text
