"""The shipped catalogue's files: where they are, and the database rows that are made of them.

The rows belong to no team, and their ids are derived from names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from isthmus.definitions.yaml_source import Unreadable, read_document
from isthmus.errors import SetupError
from isthmus.kit.ids import derive_id

__all__ = [
    "Catalog",
    "Rows",
    "derive_integration_id",
    "derive_model_id",
    "find_catalog",
    "iter_written_documentation",
]

_FORMAT: Final = b"2"
"""Part of the digest; increased when the same files must produce different rows."""

_SCHEMA_SUFFIX: Final = ".schema.yaml"
_README: Final = "docs.md"
_CATEGORIES: Final = "categories.yaml"
_INLINE: Final = ("description", "query_schema", "body_schema", "response_schema")
Rows = dict[str, dict[str, Any]]
"""Columns of database rows, by the row's id."""


def derive_integration_id(name: str) -> str:
    """Returns the id of the row of a shipped integration."""
    return derive_id("integration", name)


def derive_model_id(name: str) -> str:
    """Returns the id of the row of a shipped unified model."""
    return derive_id("unified-model", name)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A folder with `integrations/<name>/` and `unified/<model>/`; `isthmus.definitions.file_models` has the
    formats."""

    path: Path

    def compute_digest(self) -> str:
        """Returns a SHA-256 over all files that rows are made of; exchanges and logos are left out."""
        hashed = hashlib.sha256(_FORMAT)
        for file in self._iter_files():
            hashed.update(f"\x00{file.relative_to(self.path).as_posix()}\x00".encode())
            hashed.update(file.read_bytes())
        return hashed.hexdigest()

    def read_rows(self) -> tuple[Rows, Rows, Rows]:
        """Parses every file and returns the rows of (integrations, models, mappings), each by id, without
        versions and times.

        Mappings of models that the catalogue does not have are left out.
        """
        integrations = {}
        mappings: Rows = {}
        for directory in _list_definition_folders(self.path / "integrations"):
            definition = _read_yaml(directory / "integration.yaml")
            integrations[derive_integration_id(definition["name"])] = _build_integration_row(definition)
            for file in sorted((directory / "mappings").glob("*.yaml")):
                mappings.update(_build_mapping_rows(_read_yaml(file)))
        models = {}
        for directory in _list_definition_folders(self.path / "unified"):
            model = _build_model_row(directory)
            models[derive_model_id(model["name"])] = model
        known_mappings = {
            identity: row for identity, row in mappings.items() if row["unified_model_id"] in models
        }
        return integrations, models, known_mappings

    def read_documentation(self) -> tuple[Rows, Rows]:
        """Parses every definition and returns the rows of (documentation, categories) of all integrations,
        each by id."""
        documentation_rows: Rows = {}
        for directory in _list_definition_folders(self.path / "integrations"):
            definition = _read_yaml(directory / "integration.yaml")
            documentation_rows |= _build_documentation_rows(
                derive_integration_id(definition["name"]), definition, directory
            )
        categories = self.path / _CATEGORIES
        return documentation_rows, _build_category_rows(
            _read_yaml(categories)
        ) if categories.is_file() else {}

    def _iter_files(self) -> Iterator[Path]:
        """Returns all files that rows are made of."""
        for directory in _list_definition_folders(self.path / "integrations"):
            yield directory / "integration.yaml"
            yield from sorted((directory / "mappings").glob("*.yaml"))
            yield from directory.glob(_README)
        for directory in _list_definition_folders(self.path / "unified"):
            yield from sorted(directory.glob("*.yaml"))
        yield from self.path.glob(_CATEGORIES)


def find_catalog() -> Catalog:
    """Finds the catalogue in the installed package, or in the checkout around it. Raises SetupError if there
    is none."""
    package = Path(__file__).parents[2]
    for path in (package / "catalog", package.parents[1] / "catalog"):
        if (path / "integrations").is_dir():
            return Catalog(path)
    raise SetupError(
        f"the shipped catalogue is missing: neither {package / 'catalog'} nor a checkout's catalog "
        "is there. Install the isthmus wheel again."
    )


def _build_category_rows(entries: Any) -> Rows:
    """Returns the rows of the categories. `entries`: the content of `categories.yaml`."""
    return {
        derive_id("category", entry["name"]): {"name": entry["name"], "label": entry["label"]}
        for entry in entries
    }


def _build_documentation_rows(integration_id: str, definition: Mapping[str, Any], directory: Path) -> Rows:
    """Returns documentation rows of one integration: its page, the entries of its file, and the texts of its
    methods."""
    rows: Rows = {}
    for row in _iter_documentation(definition, directory):
        identity = derive_id(
            "documentation", integration_id, row["type"], row["resource"] or "", row["method"] or "",
            "inline" if row["is_inline"] else "",
        )  # fmt: skip
        rows[identity] = {
            "integration_id": integration_id,
            "environment_integration_id": None,
            "unified_model_id": None,
            "environment_unified_model_id": None,
            "authentication_method": None,
            "integration_name": None,
            **row,
        }
    return rows


def iter_written_documentation(definition: Mapping[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    """Returns documentation rows of the page beside `integration.yaml`, and of its `documentation`
    entries."""
    readme = directory / _README
    if readme.is_file():
        yield _build_documentation_row("readme", readme.read_text("utf-8"))
    for entry in definition.get("documentation") or ():
        yield _build_documentation_row(
            entry["type"], entry["content"], entry.get("resource"), entry.get("method")
        )


def _iter_documentation(definition: Mapping[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
    """Returns written documentation, then the descriptions and schemas that stand in methods."""
    yield from iter_written_documentation(definition, directory)
    for resource, methods in (definition["config"].get("resources") or {}).items():
        for name, method in (methods or {}).items():
            for kind in _INLINE:
                if method and method.get(kind):
                    yield _build_documentation_row(kind, method[kind], resource, name, is_inline=True)


def _build_documentation_row(
    kind: str,
    content: Any,
    resource: str | None = None,
    method: str | None = None,
    *,
    is_inline: bool = False,
) -> dict[str, Any]:
    """Returns a documentation row; `content` that is not text, such as a schema, is stored as JSON."""
    return {
        "type": kind,
        "content": content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False),
        "resource": resource,
        "method": method,
        "is_inline": is_inline,
    }


def _build_integration_row(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the row of a shipped integration from its parsed `integration.yaml`."""
    config = dict(definition["config"])
    config.setdefault("label", definition.get("label", definition["name"]))
    return {
        "team_id": None,
        "name": definition["name"],
        "category": definition.get("category"),
        "is_beta": definition.get("is_beta", False),
        "sharing": definition.get("sharing", "allow"),
        "config": config,
    }


def _build_model_row(directory: Path) -> dict[str, Any]:
    """Returns the row of a unified model, from `model.yaml` and the schema files beside it."""
    model = _read_yaml(directory / "model.yaml")
    resources = {name: dict(content) for name, content in (model.get("resources") or {}).items()}
    for file in sorted(directory.glob(f"*{_SCHEMA_SUFFIX}")):
        resources.setdefault(file.name.removesuffix(_SCHEMA_SUFFIX), {})["schema"] = _read_yaml(file)
    return {
        "team_id": None,
        "name": model["name"],
        "category": model.get("category") or model["name"],
        "description": model.get("description"),
        "sharing": model.get("sharing", "allow"),
        "resources": resources,
        "scopes": model.get("scopes") or {},
        "docs": model.get("docs") or {},
        "webhooks": model.get("webhooks") or {},
    }


def _build_mapping_rows(file: Mapping[str, Any]) -> Rows:
    """Returns one row for each resource and method of a parsed `mappings/<model>.yaml`."""
    model, name = file["unified_model"], file["integration"]
    return {
        derive_id("mapping", model, name, method["resource_name"], method["method_name"]): {
            "unified_model_id": derive_model_id(model),
            "integration_name": name,
            "resource_name": method["resource_name"],
            "method_name": method["method_name"],
            "config": method["config"],
        }
        for method in file["cells"]
    }


def _list_definition_folders(path: Path) -> list[Path]:
    """Returns the subfolders that contain an `integration.yaml` or `model.yaml`, by name; others are not
    complete yet."""
    if not path.is_dir():
        return []
    mains = ("integration.yaml", "model.yaml")
    return sorted(folder for folder in path.iterdir() if any((folder / main).is_file() for main in mains))


def _read_yaml(path: Path) -> Any:
    """Parses a YAML file and returns its content. Raises SetupError if the file cannot be read."""
    try:
        return read_document(path).data
    except Unreadable as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
