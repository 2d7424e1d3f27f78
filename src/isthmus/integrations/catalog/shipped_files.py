"""The shipped catalogue's files: where they are, and the database rows that are made of them.

Its rows have ids derived from names and no team.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from isthmus.definitions.yaml_source import Unreadable, read
from isthmus.errors import SetupError
from isthmus.kit.ids import derive_id

__all__ = [
    "Catalog",
    "Rows",
    "find_catalog",
    "integration_id",
    "iter_written_documentation",
    "unified_model_id",
]

_FORMAT: Final = b"2"
"""Raised when the same files must give other rows."""

_SCHEMA_SUFFIX: Final = ".schema.yaml"
_README: Final = "docs.md"
_CATEGORIES: Final = "categories.yaml"
_INLINE: Final = ("description", "query_schema", "body_schema", "response_schema")
Rows = dict[str, dict[str, Any]]
"""By id."""


def integration_id(name: str) -> str:
    return derive_id("integration", name)


def unified_model_id(name: str) -> str:
    return derive_id("unified-model", name)


@dataclass(frozen=True, slots=True)
class Catalog:
    """A directory with `integrations/<name>/` and `unified/<model>/` (`definitions/files.py`)."""

    path: Path

    def compute_digest(self) -> str:
        """Changes with the content of any file that rows are made of; exchanges and logos do not count."""
        hashed = hashlib.sha256(_FORMAT)
        for file in self._iter_files():
            hashed.update(f"\x00{file.relative_to(self.path).as_posix()}\x00".encode())
            hashed.update(file.read_bytes())
        return hashed.hexdigest()

    def read_rows(self) -> tuple[Rows, Rows, Rows]:
        """`(integrations, models, mappings)` by id, without versions and times. Parses every file."""
        integrations = {}
        mappings: Rows = {}
        for directory in _list_definition_folders(self.path / "integrations"):
            definition = _read_yaml(directory / "integration.yaml")
            integrations[integration_id(definition["name"])] = _build_integration_row(definition)
            for file in sorted((directory / "mappings").glob("*.yaml")):
                mappings.update(_build_mapping_rows(_read_yaml(file)))
        models = {}
        for directory in _list_definition_folders(self.path / "unified"):
            model = _build_model_row(directory)
            models[unified_model_id(model["name"])] = model
        known = {identity: row for identity, row in mappings.items() if row["unified_model_id"] in models}
        return integrations, models, known

    def read_documentation(self) -> tuple[Rows, Rows]:
        """`(documentation, categories)` by id, of every integration there is. Parses every definition."""
        written: Rows = {}
        for directory in _list_definition_folders(self.path / "integrations"):
            definition = _read_yaml(directory / "integration.yaml")
            written |= _build_documentation_rows(integration_id(definition["name"]), definition, directory)
        categories = self.path / _CATEGORIES
        return written, _build_category_rows(_read_yaml(categories)) if categories.is_file() else {}

    def _iter_files(self) -> Iterator[Path]:
        for directory in _list_definition_folders(self.path / "integrations"):
            yield directory / "integration.yaml"
            yield from sorted((directory / "mappings").glob("*.yaml"))
            yield from directory.glob(_README)
        for directory in _list_definition_folders(self.path / "unified"):
            yield from sorted(directory.glob("*.yaml"))
        yield from self.path.glob(_CATEGORIES)


def find_catalog() -> Catalog:
    """The catalogue of this installation: in the package, or in the checkout it is developed in."""
    package = Path(__file__).parents[2]
    for path in (package / "catalog", package.parents[1] / "catalog"):
        if (path / "integrations").is_dir():
            return Catalog(path)
    raise SetupError(
        f"the shipped catalogue is missing: neither {package / 'catalog'} nor a checkout's catalog "
        "is there. Install the isthmus wheel again."
    )


def _build_category_rows(entries: Any) -> Rows:
    """`entries`: what `categories.yaml` holds."""
    return {
        derive_id("category", each["name"]): {"name": each["name"], "label": each["label"]}
        for each in entries
    }


def _build_documentation_rows(integration_id: str, definition: Mapping[str, Any], directory: Path) -> Rows:
    """Of one integration: its page, the rows of its file, and what its methods say of themselves."""
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
    """Rows that are written as such: the page beside the file, and the file's own."""
    readme = directory / _README
    if readme.is_file():
        yield _build_documentation_row("readme", readme.read_text("utf-8"))
    for each in definition.get("documentation") or ():
        yield _build_documentation_row(
            each["type"], each["content"], each.get("resource"), each.get("method")
        )


def _iter_documentation(definition: Mapping[str, Any], directory: Path) -> Iterator[dict[str, Any]]:
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
    """A schema that is no text yet becomes JSON, which is YAML too."""
    return {
        "type": kind,
        "content": content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False),
        "resource": resource,
        "method": method,
        "is_inline": is_inline,
    }


def _build_integration_row(definition: Mapping[str, Any]) -> dict[str, Any]:
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
    model, name = file["unified_model"], file["integration"]
    return {
        derive_id("mapping", model, name, cell["resource_name"], cell["method_name"]): {
            "unified_model_id": unified_model_id(model),
            "integration_name": name,
            "resource_name": cell["resource_name"],
            "method_name": cell["method_name"],
            "config": cell["config"],
        }
        for cell in file["cells"]
    }


def _list_definition_folders(path: Path) -> list[Path]:
    """Those that hold something: one in the making, without its main file, is no entry yet."""
    if not path.is_dir():
        return []
    mains = ("integration.yaml", "model.yaml")
    return sorted(each for each in path.iterdir() if any((each / main).is_file() for main in mains))


def _read_yaml(path: Path) -> Any:
    try:
        return read(path).data
    except Unreadable as error:
        raise SetupError(f"{path} cannot be read: {error}") from None
