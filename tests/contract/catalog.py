"""The shipped catalogue as its files say it: raw JSON, so that a control can plant a fault in a copy."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from isthmus.definitions import yaml_source
from isthmus.definitions.files import EXCHANGES, Exchange, IntegrationFile, MappingFile, ModelFile, Unmapped
from isthmus.definitions.mapping import MappingConfig, MethodChoice, ResourceChoice
from isthmus.engine.failures import find_failure
from isthmus.http.messages import HttpResponse

__all__ = ["CATALOG", "Cell", "Entry", "Model", "entry", "integration_names", "model", "model_names"]

CATALOG = Path(__file__).parents[2] / "catalog"


@dataclass(frozen=True)
class Model:
    """A unified model; `schemas`: the record schema of each resource, by its name."""

    data: Mapping[str, Any]
    schemas: Mapping[str, Mapping[str, Any]]

    @cached_property
    def file(self) -> ModelFile:
        return ModelFile.model_validate(self.data)


@dataclass(frozen=True)
class Cell:
    """One unified method of one resource. `choices`: proxy resources and methods that it may call."""

    model: str
    resource: str
    method: str
    config: MappingConfig

    @property
    def name(self) -> str:
        return f"{self.model}/{self.resource}.{self.method}"

    @property
    def choices(self) -> list[tuple[str, str]]:
        resource, method = self.config.resource, self.config.method
        resources = (
            list(resource.resources) if isinstance(resource, ResourceChoice) else [resource or self.resource]
        )
        methods = list(method.methods) if isinstance(method, MethodChoice) else [method or self.method]
        return [(r, m) for r in resources for m in methods]

    def fixed(self, choice: tuple[str, str]) -> MappingConfig:
        """The mapping as it is when its expressions choose this proxy method."""
        return self.config.model_copy(update={"resource": choice[0], "method": choice[1]})


@dataclass(frozen=True)
class Entry:
    """One integration of the catalogue. `exchanges`: by `<resource>.<method>` of the definition."""

    name: str
    directory: Path
    definition: dict[str, Any]
    mappings: dict[str, dict[str, Any]]
    exchanges_data: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def planted(self, plant: Callable[[Entry], None]) -> Entry:
        """A copy that `plant` has changed."""
        changed = Entry(
            self.name,
            self.directory,
            copy.deepcopy(self.definition),
            copy.deepcopy(self.mappings),
            copy.deepcopy(self.exchanges_data),
        )
        plant(changed)
        return changed

    @cached_property
    def file(self) -> IntegrationFile:
        return IntegrationFile.model_validate(self.definition)

    @cached_property
    def mapping_files(self) -> dict[str, MappingFile]:
        return {name: MappingFile.model_validate(data) for name, data in self.mappings.items()}

    @cached_property
    def exchanges(self) -> dict[tuple[str, str], tuple[Exchange, ...]]:
        return {
            (name.rpartition(".")[0], name.rpartition(".")[2]): EXCHANGES.validate_python(data)
            for name, data in self.exchanges_data.items()
        }

    @cached_property
    def cells(self) -> list[Cell]:
        return [
            Cell(model_name, cell.resource_name, cell.method_name, cell.config)
            for model_name, mapping in self.mapping_files.items()
            for cell in mapping.cells
        ]

    def cell(self, model_name: str, resource: str, method: str) -> Cell | None:
        wanted = (model_name, resource, method)
        return next((c for c in self.cells if (c.model, c.resource, c.method) == wanted), None)

    def resources(self) -> Iterator[tuple[str, str]]:
        """Each mapped resource, with its model."""
        yield from dict.fromkeys((cell.model, cell.resource) for cell in self.cells)

    def left_out(self, model_name: str, resource: str) -> Unmapped:
        return self.mapping_files[model_name].unmapped.get(resource, Unmapped())

    def answers(self, resource: str, method: str, *, error: bool) -> list[Exchange]:
        found = self.exchanges.get((resource, method), ())
        return [item for item in found if (id(item) in self._failures) is error]

    @cached_property
    def _failures(self) -> frozenset[int]:
        """Identities of the exchanges that tell an error, by their status or by the definition's word."""
        return frozenset(
            id(item) for name, items in self.exchanges.items() for item in items if self._fails(name, item)
        )

    def _fails(self, name: tuple[str, str], item: Exchange) -> bool:
        config = self.file.config
        definition = config.method(*name)
        expression = (definition and definition.error_expression) or config.error_expression
        response = item.response
        answer = HttpResponse(status=response.status, headers=dict(response.headers), body=b"", url="")
        return find_failure(expression, answer, response.body, 0.0) is not None

    @property
    def context(self) -> dict[str, str]:
        """An example of every credential field of every credential format."""
        return {
            item.name: str(item.default or _example(item.placeholder, item.name))
            for credential in self.file.config.credentials.values()
            for item in credential.config.fields
        }


def _example(placeholder: str | None, name: str) -> str:
    return placeholder or name


@cache
def integration_names() -> list[str]:
    return sorted(path.parent.name for path in CATALOG.glob("integrations/*/integration.yaml"))


@cache
def model_names() -> list[str]:
    return sorted(path.parent.name for path in CATALOG.glob("unified/*/model.yaml"))


@cache
def model(name: str) -> Model:
    directory = CATALOG / "unified" / name
    schemas = {
        path.name.removesuffix(".schema.yaml"): yaml_source.read(path).data
        for path in sorted(directory.glob("*.schema.yaml"))
    }
    return Model(yaml_source.read(directory / "model.yaml").data, schemas)


@cache
def entry(name: str) -> Entry:
    directory = CATALOG / "integrations" / name
    return Entry(
        name=name,
        directory=directory,
        definition=yaml_source.read(directory / "integration.yaml").data,
        mappings={
            path.stem: yaml_source.read(path).data for path in sorted(directory.glob("mappings/*.yaml"))
        },
        exchanges_data={
            path.stem: json.loads(path.read_text("utf-8"))
            for path in sorted(directory.glob("examples/*.json"))
        },
    )
