"""The mapping rows of a server, and what makes them those of a file: created or patched, never deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient
from isthmus.definitions.layers import patch_between
from isthmus.errors import Conflict, SetupError

__all__ = ["Change", "Layer", "Target", "layer_of", "planned", "send", "told"]

Target: TypeAlias = Literal["base", "env"]

_ALWAYS_TOLD: Final = ("created", "updated", "unchanged")


@dataclass(frozen=True, slots=True)
class Layer:
    """Where a model's mapping rows are. `owner`: the field that says whose they are, and its value."""

    remote: ApiClient
    route: str
    owner: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Change:
    """`done`: created, updated, unchanged or skipped. `verb`, `path`, `body`: of the call, if any."""

    name: str
    done: str
    verb: str = ""
    path: str = ""
    body: Mapping[str, Json] | None = None


async def layer_of(remote: ApiClient, target: Target, model: str) -> Layer:
    """Raises SetupError where the server does not have the model, or the environment has not installed it."""
    if target == "base":
        models = await remote.fetch_all_rows("/unified-model", name=model)
        if not models:
            raise SetupError(
                f"there is no unified model {model} at {remote.url}: POST /unified-model makes it."
            )
        return Layer(remote, "/unified-model-resource-method", {"unified_model_id": models[0]["id"]})
    models = await remote.fetch_all_rows("/environment-unified-model", **{"unified_model.name": model})
    if not models:
        raise SetupError(
            f"the unified model {model} is not installed here: POST /environment-unified-model installs it."
        )
    owner = {"environment_unified_model_id": models[0]["id"]}
    return Layer(remote, "/environment-unified-model-resource-method", owner)


async def planned(layer: Layer, integration: str, cells: Sequence[Mapping[str, Json]]) -> list[Change]:
    """What each cell of a file asks for. Raises Conflict, before anything is sent, for a cell that was built
    on another version than the row has now."""
    owner = {**layer.owner, "integration_name": integration}
    rows = await layer.remote.fetch_all_rows(layer.route, **owner)
    live = {(row["resource_name"], row["method_name"]): row for row in rows}
    return [_change(layer.route, owner, cell, live) for cell in cells]


def _change(
    route: str,
    owner: Mapping[str, str],
    cell: Mapping[str, Json],
    live: Mapping[tuple[str, str], Mapping[str, Json]],
) -> Change:
    resource, method = cell["resource_name"], cell["method_name"]
    name = f"{resource}.{method}"
    if cell.get("apply_db_action") == "skip":
        return Change(name, "skipped")
    row = live.get((resource, method))
    if row is None:
        body = {**owner, "resource_name": resource, "method_name": method, "config": cell["config"]}
        return Change(name, "created", "POST", route, body)
    patch = patch_between(row["config"], cell["config"])
    if not patch:
        return Change(name, "unchanged")
    built_on = cell.get("existing_version")
    if built_on is not None and built_on != row["version"]:
        raise Conflict(
            f"{name} was built on version {built_on}, and the server has version {row['version']}: it was "
            "changed meanwhile. Take that in, or take existing_version out to replace what is there."
        )
    return Change(
        name, "updated", "PATCH", f"{route}/{row['id']}", {"version": row["version"], "config": patch}
    )


async def send(remote: ApiClient, change: Change) -> None:
    """Raises RemoteCallFailed."""
    if change.verb:
        await remote.call(change.verb, change.path, body=change.body)


def told(what: str, done: Iterable[str]) -> str:
    counts = Counter(dict.fromkeys(_ALWAYS_TOLD, 0))
    counts.update(done)
    return f"{what}: {', '.join(f'{count} {each}' for each, count in counts.items())}"
