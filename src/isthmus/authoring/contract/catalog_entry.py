"""Reads one integration's folder: its definition, mappings and exchanges, as raw JSON and as models."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from pydantic import ValidationError

from isthmus.accounts.sandbox.sandbox_accounts import build_example_context
from isthmus.definitions import yaml_source
from isthmus.definitions.file_models import (
    EXCHANGES,
    Exchange,
    IntegrationFile,
    MappingFile,
    ModelFile,
    Unmapped,
)
from isthmus.definitions.load import list_failures
from isthmus.definitions.mapping import MappingConfig, MethodChoice, ResourceChoice
from isthmus.definitions.record_validation import make_record_validator
from isthmus.engine.provider_errors import find_failure
from isthmus.errors import SetupError
from isthmus.http.messages import HttpResponse

__all__ = ["CatalogEntry", "MappedMethod", "Model", "Models", "ProxyMethodName", "read_entry"]

ProxyMethodName = tuple[str, str]
"""`(resource, method)` of the integration."""

_SCHEMA_SUFFIX: Final = ".schema.yaml"


@dataclass(frozen=True)
class Model:
    """A unified model. `data`: of `model.yaml`, valid. `schemas`: the record schemas by resource."""

    data: Mapping[str, Any]
    schemas: Mapping[str, Mapping[str, Any]]
    _validators: dict[str, Draft202012Validator] = field(default_factory=dict, repr=False)

    @cached_property
    def file(self) -> ModelFile:
        """The parsed `model.yaml`, with the record schemas in it."""
        file = ModelFile.model_validate(self.data)
        resources = {
            name: resource.model_copy(update={"record_schema": self.schemas.get(name, {})})
            for name, resource in file.resources.items()
        }
        return file.model_copy(update={"resources": resources})

    def get_schema(self, resource: str) -> Mapping[str, Any]:
        """Returns the schema of a resource's records. Raises SetupError if the model has none."""
        if resource not in self.schemas:
            raise SetupError(
                f"the unified model {self.file.name} has no schema of {resource}: add "
                f"{resource}{_SCHEMA_SUFFIX} beside its model.yaml."
            )
        return self.schemas[resource]

    def get_validator(self, resource: str) -> Draft202012Validator:
        """Returns the validator of a resource's records. Raises SetupError if the model has no schema of
        it."""
        if resource not in self._validators:
            self._validators[resource] = make_record_validator(self.get_schema(resource))
        return self._validators[resource]


class Models:
    """The unified models in some folders, read on demand. If two folders have the same model, the first
    counts."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders
        self._read: dict[str, Model] = {}

    @property
    def names(self) -> list[str]:
        """The names of the models in all folders, sorted."""
        return sorted({path.parent.name for folder in self.folders for path in folder.glob("*/model.yaml")})

    def __getitem__(self, name: str) -> Model:
        """Returns the model with a name, read once. Raises SetupError for an unknown or invalid one."""
        if name not in self._read:
            self._read[name] = self._load(name)
        return self._read[name]

    def _load(self, name: str) -> Model:
        """Reads a model and its record schemas, from `<resource>.schema.yaml` or else `model.yaml`. Raises
        SetupError for an unknown or invalid one."""
        if name not in self.names:
            raise SetupError(
                f"there is no unified model {name}; there are {', '.join(self.names) or 'none'}."
            )
        directory = next(folder / name for folder in self.folders if (folder / name / "model.yaml").is_file())
        data = _read_yaml(directory / "model.yaml")
        try:
            resources = ModelFile.model_validate(data).resources
        except ValidationError as error:
            first, *_ = list_failures(error, data)
            raise SetupError(
                f"{directory / 'model.yaml'} is no unified model: {first['path']} {first['message']}. "
                f"`isthmus integrations validate {directory}` tells all that is wrong."
            ) from None
        in_model = {name: each.record_schema for name, each in resources.items() if each.record_schema}
        in_files = {
            path.name.removesuffix(_SCHEMA_SUFFIX): _read_yaml(path)
            for path in sorted(directory.glob(f"*{_SCHEMA_SUFFIX}"))
        }
        return Model(data, {**in_model, **in_files})


@dataclass(frozen=True)
class MappedMethod:
    """One unified method of one resource, with its mapping: a cell of a mapping file."""

    model: str
    resource: str
    method: str
    config: MappingConfig

    @property
    def name(self) -> str:
        """Model, resource and method: `crm/contacts.list`."""
        return f"{self.model}/{self.resource}.{self.method}"

    @property
    def proxy_methods(self) -> list[ProxyMethodName]:
        """All proxy methods that the mapping can call, the first choices of its lists first."""
        resource, method = self.config.resource, self.config.method
        resources = (
            list(resource.resources) if isinstance(resource, ResourceChoice) else [resource or self.resource]
        )
        methods = list(method.methods) if isinstance(method, MethodChoice) else [method or self.method]
        return [(r, m) for r in resources for m in methods]

    def with_proxy_method(self, proxy_method: ProxyMethodName) -> MappingConfig:
        """Returns the mapping with its resource and method fixed to one proxy method."""
        return self.config.model_copy(update={"resource": proxy_method[0], "method": proxy_method[1]})


@dataclass(frozen=True)
class CatalogEntry:
    """One integration's folder as raw JSON.

    `mappings`: by unified model. `exchanges_data`: by `<resource>.<method>` of the definition. The properties
    parse them, and raise pydantic's ValidationError if they do not have the expected shape.
    """

    name: str
    directory: Path
    models: Models
    definition: dict[str, Any]
    mappings: dict[str, dict[str, Any]]
    exchanges_data: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def copy_changed(self, change: Callable[[CatalogEntry], None]) -> CatalogEntry:
        """Returns a deep copy, to which `change` was applied; for tests that plant a fault."""
        changed = CatalogEntry(
            self.name,
            self.directory,
            self.models,
            copy.deepcopy(self.definition),
            copy.deepcopy(self.mappings),
            copy.deepcopy(self.exchanges_data),
        )
        change(changed)
        return changed

    @cached_property
    def file(self) -> IntegrationFile:
        """The parsed `integration.yaml`."""
        return IntegrationFile.model_validate(self.definition)

    @cached_property
    def mapping_files(self) -> dict[str, MappingFile]:
        """The parsed mapping files by unified model."""
        return {name: MappingFile.model_validate(data) for name, data in self.mappings.items()}

    @cached_property
    def exchanges(self) -> dict[ProxyMethodName, tuple[Exchange, ...]]:
        """The parsed exchanges by proxy method."""
        return {
            (name.rpartition(".")[0], name.rpartition(".")[2]): EXCHANGES.validate_python(data)
            for name, data in self.exchanges_data.items()
        }

    @cached_property
    def mapped_methods(self) -> list[MappedMethod]:
        """The unified methods that any mapping file maps."""
        return [
            MappedMethod(model_name, cell.resource_name, cell.method_name, cell.config)
            for model_name, mapping in self.mapping_files.items()
            for cell in mapping.cells
        ]

    def find_mapped_method(self, model_name: str, resource: str, method: str) -> MappedMethod | None:
        """Returns a unified method with its mapping; None if it is not mapped."""
        names = (model_name, resource, method)
        return next(
            (
                mapped_method
                for mapped_method in self.mapped_methods
                if (mapped_method.model, mapped_method.resource, mapped_method.method) == names
            ),
            None,
        )

    def iter_resources(self) -> Iterator[tuple[str, str]]:
        """Yields `(model, resource)` of each mapped resource, once."""
        yield from dict.fromkeys(
            (mapped_method.model, mapped_method.resource) for mapped_method in self.mapped_methods
        )

    def get_unmapped(self, model_name: str, resource: str) -> Unmapped:
        """Returns what the mapping file lists as left out of a resource, with the reasons."""
        return self.mapping_files[model_name].unmapped.get(resource, Unmapped())

    def find_exchanges(self, resource: str, method: str, *, error: bool) -> list[Exchange]:
        """Returns the exchanges of a proxy method: with `error` those that are errors, else the successful
        ones."""
        exchanges = self.exchanges.get((resource, method), ())
        return [item for item in exchanges if (id(item) in self._failures) is error]

    @cached_property
    def _failures(self) -> frozenset[int]:
        """`id()` of each exchange that is an error, by its status or the definition's `error_expression`."""
        return frozenset(
            id(item)
            for name, items in self.exchanges.items()
            for item in items
            if self._is_failure(name, item)
        )

    def _is_failure(self, name: ProxyMethodName, item: Exchange) -> bool:
        """Returns True if an exchange of this method is an error, by its status or the definition's
        `error_expression`."""
        config = self.file.config
        definition = config.find_method(*name)
        expression = (definition and definition.error_expression) or config.error_expression
        response = item.response
        answer = HttpResponse(status=response.status, headers=dict(response.headers), body=b"", url="")
        return find_failure(expression, answer, response.body, 0.0) is not None

    @cached_property
    def example_context(self) -> dict[str, Any]:
        """The context of the integration's sandbox accounts."""
        return build_example_context(self.file.config)


def read_entry(directory: Path, models: Models) -> CatalogEntry:
    """Reads the entry in a folder with `integration.yaml`. Raises SetupError if that or another file cannot
    be read."""
    definition_file = directory / "integration.yaml"
    if not definition_file.is_file():
        raise SetupError(f"{directory} holds no integration: {definition_file} is missing.")
    return CatalogEntry(
        name=directory.resolve().name,
        directory=directory,
        models=models,
        definition=_read_yaml(definition_file),
        mappings={path.stem: _read_yaml(path) for path in sorted(directory.glob("mappings/*.yaml"))},
        exchanges_data={path.stem: _read_json(path) for path in sorted(directory.glob("examples/*.json"))},
    )


def _read_yaml(path: Path) -> Any:
    """Returns the parsed content of a YAML file. Raises SetupError if it cannot be read."""
    try:
        return yaml_source.read_document(path).data
    except yaml_source.Unreadable as error:
        raise SetupError(f"{path} cannot be read: {error}") from None


def _read_json(path: Path) -> Any:
    """Returns the parsed content of a JSON file. Raises SetupError if it cannot be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
