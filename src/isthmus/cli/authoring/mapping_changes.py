"""Plans and sends the changes of a server's mapping rows that a mapping file asks for. Rows are not
deleted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from isthmus.cli.record_output import Json
from isthmus.cli.remote.api_client import ApiClient
from isthmus.definitions.layers import apply_patch, make_patch
from isthmus.errors import Conflict, SetupError
from isthmus.integrations.rows.body_checks import Failures
from isthmus.integrations.rows.unknown_names import check_resource_and_method

__all__ = [
    "LayerName",
    "MappingChange",
    "MappingLayer",
    "find_layer",
    "format_counts",
    "plan_changes",
    "send_change",
]

LayerName: TypeAlias = Literal["base", "env"]

_ALWAYS_COUNTED: Final = ("created", "updated", "unchanged")


@dataclass(frozen=True, slots=True)
class MappingLayer:
    """The route of a model's mapping rows. `owner`: the field with the id of the model, or of its install.
    `model`: its name. `resources`: of the model, as the layer changes them."""

    remote: ApiClient
    route: str
    owner: Mapping[str, str]
    model: str
    resources: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class MappingChange:
    """The change of one row. `done`: created, updated, unchanged or skipped. `verb`, `path`, `body`: of its
    call."""

    name: str
    done: str
    verb: str = ""
    path: str = ""
    body: Mapping[str, Json] | None = None


async def find_layer(remote: ApiClient, target: LayerName, model: str) -> MappingLayer:
    """Finds the base or environment layer of a model on the server. Raises SetupError if the model does not
    exist or is not installed."""
    if target == "base":
        models = await remote.fetch_all_rows("/unified-model", name=model)
        if not models:
            raise SetupError(
                f"there is no unified model {model} at {remote.url}: POST /unified-model makes it."
            )
        owner = {"unified_model_id": models[0]["id"]}
        return MappingLayer(
            remote, "/unified-model-resource-method", owner, model, models[0].get("resources") or {}
        )
    models = await remote.fetch_all_rows("/environment-unified-model", **{"unified_model.name": model})
    if not models:
        raise SetupError(
            f"the unified model {model} is not installed here: POST /environment-unified-model installs it."
        )
    owner = {"environment_unified_model_id": models[0]["id"]}
    override = models[0].get("override") or {}
    resources = apply_patch(models[0]["unified_model"]["resources"], override.get("resources") or {})
    return MappingLayer(remote, "/environment-unified-model-resource-method", owner, model, resources)


async def plan_changes(
    layer: MappingLayer, integration: str, cells: Sequence[Mapping[str, Json]]
) -> list[MappingChange]:
    """Returns the change for each cell of a file, in which a cell is the mapping of one method; nothing is
    sent.

    Raises Conflict for a cell whose `existing_version` differs from the version of the row, SetupError for
    cells of a resource or method that the server's model does not have.
    """
    _require_known_names(layer, cells)
    owner = {**layer.owner, "integration_name": integration}
    rows = await layer.remote.fetch_all_rows(layer.route, **owner)
    rows_by_method = {(row["resource_name"], row["method_name"]): row for row in rows}
    return [_plan_change(layer.route, owner, cell, rows_by_method) for cell in cells]


def _require_known_names(layer: MappingLayer, cells: Sequence[Mapping[str, Json]]) -> None:
    """Raises SetupError if the model does not have the resource or method of a cell that is applied."""
    failures = Failures()
    for cell in cells:
        names = (cell["resource_name"], cell["method_name"])
        if cell.get("apply_db_action") != "skip":
            paths = (f"{names[0]}.{names[1]}",) * 2
            check_resource_and_method(failures, layer.model, layer.resources, names, paths)
    if failures.entries:
        reasons = "; ".join(f"{entry['path']} {entry['message']}" for entry in failures.entries)
        raise SetupError(f"the model {layer.model} at {layer.remote.url} does not fit: {reasons}.")


def _plan_change(
    route: str,
    owner: Mapping[str, str],
    cell: Mapping[str, Json],
    rows_by_method: Mapping[tuple[str, str], Mapping[str, Json]],
) -> MappingChange:
    """Returns the change for one cell. `rows_by_method`: the server's rows by resource and method. Raises
    Conflict."""
    resource, method = cell["resource_name"], cell["method_name"]
    name = f"{resource}.{method}"
    if cell.get("apply_db_action") == "skip":
        return MappingChange(name, "skipped")
    row = rows_by_method.get((resource, method))
    if row is None:
        body = {**owner, "resource_name": resource, "method_name": method, "config": cell["config"]}
        return MappingChange(name, "created", "POST", route, body)
    patch = make_patch(row["config"], cell["config"])
    if not patch:
        return MappingChange(name, "unchanged")
    base_version = cell.get("existing_version")
    if base_version is not None and base_version != row["version"]:
        raise Conflict(
            f"{name} was built on version {base_version}, and the server has version {row['version']}: it "
            "was changed meanwhile. Take that in, or take existing_version out to replace what is there."
        )
    return MappingChange(
        name, "updated", "PATCH", f"{route}/{row['id']}", {"version": row["version"], "config": patch}
    )


async def send_change(remote: ApiClient, change: MappingChange) -> None:
    """Makes the call of a change, if it has one. Raises RemoteCallFailed."""
    if change.verb:
        await remote.call(change.verb, change.path, body=change.body)


def format_counts(subject: str, actions: Iterable[str]) -> str:
    """Formats a line such as `mappings crm: 2 created, 0 updated, 1 unchanged`. `actions`: what was done to
    each row."""
    counts = Counter(dict.fromkeys(_ALWAYS_COUNTED, 0))
    counts.update(actions)
    return f"{subject}: {', '.join(f'{count} {action}' for action, count in counts.items())}"
