"""Validates a definition file: detects its kind, reads the files it refers to, and applies the rules for
it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from isthmus.authoring.lint.expression_sites import iter_integration_sites, iter_mapping_sites
from isthmus.authoring.lint.input_schema_rules import check_input_schemas
from isthmus.authoring.lint.integration_subject import IntegrationSubject
from isthmus.authoring.lint.jsonata_rules import check_expression
from isthmus.authoring.lint.lifecycle_rules import check_lifecycle
from isthmus.authoring.lint.mapping_rules import Cell, MappingSubject, check_mappings
from isthmus.authoring.lint.method_changes import check_method_changes
from isthmus.authoring.lint.method_rules import check_methods
from isthmus.authoring.lint.naming_rules import check_naming
from isthmus.authoring.lint.placeholder_rules import check_placeholder_syntax, check_placeholders
from isthmus.authoring.lint.presence_rules import check_presence
from isthmus.authoring.lint.report import Mode, Report
from isthmus.authoring.lint.sample_rules import check_samples
from isthmus.authoring.lint.schema_parsing import parse_model, salvage_model
from isthmus.authoring.lint.security_rules import check_security
from isthmus.authoring.lint.shape_comparison import Corpus, check_shapes
from isthmus.definitions.aliases import find_alias_fault
from isthmus.definitions.file_models import Exchange, IntegrationFile, MappingFile, MappingsExport, ModelFile
from isthmus.definitions.findings import Finding, find_unknown_keys
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.definitions.load import MAX_DEPTH, find_too_deep, list_failures
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.schema_checks import check_schema, is_record_schema
from isthmus.definitions.unsupported_features import find_unsupported_blocks, find_unsupported_steps
from isthmus.definitions.yaml_source import Document, Unreadable, read_document

__all__ = ["lint_config", "validate_document", "validate_file"]

_EXCHANGES_ADAPTER: Final = TypeAdapter(tuple[Exchange, ...])
_INTEGRATION_FILE: Final = "integration.yaml"
_METHOD_DEPTH: Final = 3


def validate_file(
    path: Path,
    *,
    models: Sequence[Path] = (),
    model: Mapping[str, Any] | None = None,
    against: Mapping[str, Any] | None = None,
    corpus: Corpus | None = None,
) -> Report:
    """Checks a definition file of any kind, or a file with a bare config. Never raises.

    Files that it refers to are read from where the catalogue has them, and references to absent files are not
    checked. `models`: folders of unified models, of which the first that has a mapping's model counts; none
    for the folder in the catalogue's place. `model`: a unified model to use instead of any file. `against`:
    an earlier integration file or config; new and removed methods are reported. `corpus`: definitions that
    sections are compared with.
    """
    try:
        document = read_document(path)
    except Unreadable as error:
        finding = Finding(
            severity="error", section="file", source="schema", message=error.message, line=error.line
        )
        return Report.from_findings(str(path), "unreadable", [finding])
    return validate_document(
        document, str(path), path, models=models, model=model, against=against, corpus=corpus
    )


def validate_document(
    document: Document,
    source: str,
    path: Path | None = None,
    *,
    models: Sequence[Path] = (),
    model: Mapping[str, Any] | None = None,
    against: Mapping[str, Any] | None = None,
    corpus: Corpus | None = None,
) -> Report:
    """Checks a document that is already read, as `validate_file` does. `source`: its name. `path`: its file,
    if any."""
    mode = _detect_mode(document.data)
    deep = find_too_deep(document.data)
    if deep is not None:
        message = f"is nested deeper than {MAX_DEPTH} objects and arrays"
        findings = [Finding(severity="error", section="file", source="schema", path=deep, message=message)]
    elif mode == "integration":
        findings = _check_integration_file(document.data)
    elif mode == "config":
        findings = lint_config(document.data)
    elif mode == "mapping":
        findings = _check_mapping_file(document.data, path, models, model)
    elif mode == "model":
        findings = _check_model_file(document.data, path)
    elif mode == "schema":
        findings = list(check_schema(document.data, "", "schema"))
    elif mode == "exchanges":
        findings = _check_exchanges(document.data)
    else:
        findings = [Finding(severity="error", section="file", source="schema", message="is not an object")]
    if deep is None and mode in ("integration", "config"):
        findings += _compare_definition(document.data, against, corpus)
    return Report.from_findings(source, mode, [_add_line(finding, document) for finding in findings])


def _compare_definition(
    data: Mapping[str, Any], earlier: Mapping[str, Any] | None, corpus: Corpus | None
) -> Iterator[Finding]:
    """Yields findings from comparing a definition with its earlier version, and with the definitions of
    `corpus`, where these are given."""
    is_file = isinstance(data.get("config"), Mapping)
    config = data["config"] if is_file else data
    findings: list[Finding] = []
    if earlier is not None:
        findings += check_method_changes(
            config, as_mapping(earlier["config"]) if "config" in earlier else earlier
        )
    if corpus is not None:
        name = data.get("name") if is_file else None
        subject = IntegrationSubject(config)
        findings += check_shapes(subject, corpus, name=name if isinstance(name, str) else None)
    for finding in findings:
        as_written = _use_written_path(_add_method_names(finding), config)
        yield _prefix_path(as_written, "config") if is_file else as_written


def _detect_mode(data: Any) -> Mode:
    """Returns the kind of definition file that the document is."""
    if isinstance(data, list):
        return "exchanges"
    if not isinstance(data, Mapping):
        return "unreadable"
    if "cells" in data:
        return "mapping"
    if "config" in data or ("name" in data and "resources" not in data):
        return "integration"
    if is_record_schema(data):
        return "schema"
    is_model = "name" in data and "base_url" not in data and "credentials" not in data
    return "model" if is_model else "config"


def _add_line(finding: Finding, document: Document) -> Finding:
    """Returns the finding with the line of its path, or of its position in a text of several lines."""
    line = document.find_line(finding.path)
    text = _get_text_at(document.data, finding.path)
    if finding.position is not None and text is not None:
        line = document.find_line_of_text(finding.path, text, finding.position)
    return replace(finding, line=line)


def _get_text_at(data: Any, path: str) -> str | None:
    """Returns the text at a dotted path; None if there is no text."""
    for name in path.split("."):
        if isinstance(data, list):
            data = {str(index): item for index, item in enumerate(data)}
        data = as_mapping(data).get(name)
    return data if isinstance(data, str) else None


def lint_config(
    config: Mapping[str, Any], *, has_label: bool = False, documentation: tuple[Mapping[str, Any], ...] = ()
) -> list[Finding]:
    """Runs the rules that look at a single config on an integration's config. Returns the findings, with
    paths from the top of the config.

    `has_label`: the file has a label outside the config. `documentation`: the file's documentation rows.
    """
    model, findings = parse_model(IntegrationConfig, config)
    model = model or salvage_model(IntegrationConfig, config, findings)
    if model is not None:
        findings += find_unknown_keys(model, top="info")
        findings += find_unsupported_blocks(model)
    subject = IntegrationSubject(config, has_label, documentation)
    sites = tuple(iter_integration_sites(subject))
    for rules in (
        check_presence,
        check_methods,
        check_input_schemas,
        check_naming,
        check_security,
        check_lifecycle,
    ):
        findings += rules(subject)
    findings += check_placeholders(subject, sites)
    for site in sites:
        if site.kind == "expression":
            findings += check_expression(site)
    return [_add_method_names(_use_written_path(finding, config)) for finding in findings]


def _add_method_names(finding: Finding) -> Finding:
    """Returns the finding with the resource and method from a path below `resources`."""
    names = finding.path.split(".")
    if finding.resource is not None or names[0] != "resources" or len(names) < _METHOD_DEPTH:
        return finding
    return replace(finding, resource=names[1], method=names[2])


def _use_written_path(finding: Finding, config: Mapping[str, Any]) -> Finding:
    """Returns the finding with its path as in the file, where a single credential object has no format in its
    path."""
    block = as_mapping(config.get("credentials"))
    prefix = f"credentials.{block.get('format')}."
    if isinstance(block.get("format"), str) and finding.path.startswith(prefix):
        return replace(finding, path=f"credentials.{finding.path.removeprefix(prefix)}")
    return finding


def _check_integration_file(data: Mapping[str, Any]) -> list[Finding]:
    """Returns the findings of an `integration.yaml`: around its config, and in it."""
    shell, shell_findings = parse_model(IntegrationFile, {**data, "config": {}} if "config" in data else data)
    findings = list(shell_findings)
    if shell is not None:
        findings += find_unknown_keys(shell, top="info")
    config = data.get("config")
    if isinstance(config, Mapping):
        rows = tuple(row for row in as_list(data.get("documentation")) if isinstance(row, Mapping))
        inner = lint_config(config, has_label=bool(data.get("label")), documentation=rows)
        findings += [_prefix_path(finding, "config") for finding in inner]
    elif "config" in data:
        findings.append(
            Finding(
                severity="error", section="file", source="schema", path="config", message="must be an object"
            )
        )
    return findings


def _prefix_path(finding: Finding, prefix: str) -> Finding:
    """Returns the finding with the prefix before its path; findings on documentation are outside the
    config."""
    if finding.section == "documentation":
        return finding
    return replace(finding, path=f"{prefix}.{finding.path}" if finding.path else prefix)


def _check_mapping_file(
    data: Mapping[str, Any], path: Path | None, models: Sequence[Path], given_model: Mapping[str, Any] | None
) -> list[Finding]:
    """Returns the findings of a mapping file. `models`: folders of unified models, none for the one in the
    catalogue's place. `given_model`: a unified model to use instead of any file."""
    is_export = "unified_model_name" in data or "integration_name" in data
    shape: type[MappingFile] | type[MappingsExport] = MappingsExport if is_export else MappingFile
    model, findings = parse_model(shape, data)
    model = model or salvage_model(shape, data, findings)
    if model is not None:
        findings += find_unknown_keys(model, top="info")
    cells = tuple(_iter_cells(data))
    names = (
        data.get("unified_model_name" if is_export else "unified_model"),
        data.get("integration_name" if is_export else "integration"),
    )
    if not models and path is not None:
        models = (path.resolve().parent.parent.parent.parent / "unified",)
    subject = replace(
        _build_mapping_subject(cells, path, str(names[1])),
        model=given_model or _find_model(str(names[0]), models),
    )
    findings += check_mappings(subject)
    findings += check_samples(data, subject.model)
    for cell in cells:
        findings += _check_cell(cell)
    return [_add_cell_names(finding, data) for finding in findings]


def _add_cell_names(finding: Finding, data: Mapping[str, Any]) -> Finding:
    """Returns the finding with the resource and method of the cell that its path is in."""
    if finding.resource is not None:
        return finding
    cells = {f"cells.{index}": cell for index, cell in enumerate(as_list(data.get("cells")))}
    cell = as_mapping(cells.get(".".join(finding.path.split(".")[:2])))
    resource, method = cell.get("resource_name"), cell.get("method_name")
    return replace(
        finding,
        resource=resource if isinstance(resource, str) else None,
        method=method if isinstance(method, str) else None,
    )


def _iter_cells(data: Mapping[str, Any]) -> Iterator[Cell]:
    """Yields the cells of a mapping file that have a config."""
    for index, cell in enumerate(as_list(data.get("cells"))):
        config = as_mapping(cell).get("config")
        if isinstance(config, Mapping):
            names = (str(cell.get("resource_name")), str(cell.get("method_name")))
            yield Cell(*names, f"cells.{index}.config", config)


def _check_cell(cell: Cell) -> Iterator[Finding]:
    """Yields findings on unsupported features, bad schemas and bad expressions of one cell."""
    model, _ = parse_model(MappingConfig, cell.config)
    for finding in find_unsupported_steps(model) if model is not None else ():
        yield replace(finding, path=f"{cell.path}.{finding.path}", resource=cell.resource, method=cell.method)
    schemas = {name: cell.config.get(name) for name in ("query_schema", "request_body_schema")}
    yield from _check_schemas(schemas, cell.path, "mapping")
    for site in iter_mapping_sites(cell.config, cell.path, cell.resource, cell.method):
        yield from check_expression(site) if site.kind == "expression" else check_placeholder_syntax(site)


def _build_mapping_subject(cells: tuple[Cell, ...], path: Path | None, integration: str) -> MappingSubject:
    """Returns the cells with the integration that the catalogue has around the file, or that lies beside an
    export."""
    if path is None:
        return MappingSubject(cells)
    home = path.resolve().parent.parent
    for candidate in (home / _INTEGRATION_FILE, path.parent / f"{integration}.integration.json"):
        config = as_mapping(_read_or_none(candidate)).get("config")
        if isinstance(config, Mapping):
            break
    else:
        config = None
    others = frozenset(
        item.parent.name for item in home.parent.glob(f"*/{_INTEGRATION_FILE}") if item.parent != home
    )
    return MappingSubject(cells, config, other_integration_names=others)


def _find_model(name: str, folders: Sequence[Path]) -> Mapping[str, Any] | None:
    """Reads the unified model from the first folder that has it; None if none has, or it cannot be read."""
    files = (file for folder in folders for file in folder.glob("*/model.yaml"))
    home = next((file.parent for file in files if file.parent.name == name), None)
    return None if home is None else _read_model(home)


def _read_model(folder: Path) -> Mapping[str, Any] | None:
    """Reads a unified model with its schemas; None if the folder has no readable `model.yaml`."""
    model = _read_or_none(folder / "model.yaml")
    if not isinstance(model, Mapping):
        return None
    resources = {
        name: {**as_mapping(resource), **_read_schema(folder / f"{name}.schema.yaml")}
        for name, resource in as_mapping(model.get("resources")).items()
    }
    return {**model, "resources": resources}


def _read_schema(path: Path) -> dict[str, Any]:
    """Returns the record schema in a file under the name that `model.yaml` has for it; empty if it cannot be
    read."""
    schema = _read_or_none(path)
    return {} if schema is None else {"schema": schema}


def _read_or_none(path: Path) -> Any:
    """Reads the content of a file; None if it cannot be read."""
    try:
        return read_document(path).data
    except Unreadable:
        return None


def _check_model_file(data: Mapping[str, Any], path: Path | None) -> list[Finding]:
    """Returns the findings of a unified model's file: unknown keys, bad schemas and bad aliases. `path`: of
    the file, which may have schemas beside it."""
    model, findings = parse_model(ModelFile, data)
    model = model or salvage_model(ModelFile, data, findings)
    if model is not None:
        findings += find_unknown_keys(model, top="warn")
    for name, resource in as_mapping(data.get("resources")).items():
        place = f"resources.{name}"
        schema = as_mapping(resource).get("schema")
        findings += _check_schemas({"schema": schema}, place, "model")
        for field in ("query_schema", "request_body_schema"):
            findings += _check_schemas(
                as_mapping(as_mapping(resource).get(field)), f"{place}.{field}", "model"
            )
        if schema is None and path is not None:
            schema = _read_or_none(path.parent / f"{name}.schema.yaml")
        findings += _check_aliases(as_mapping(resource).get("aliases"), schema, place)
    return findings


def _check_aliases(aliases: Any, schema: Any, path: str) -> Iterator[Finding]:
    """Yields the findings of a resource's aliases. `schema`: of its record; None where it is not at hand."""
    for name, target in as_mapping(aliases).items() if schema is not None else ():
        fault = find_alias_fault(name, str(target), schema)
        if fault is not None:
            yield Finding(
                severity="error",
                section="model",
                source="schema",
                path=f"{path}.aliases.{name}",
                message=fault,
            )


def _check_schemas(schemas: Mapping[str, Any], path: str, section: str) -> Iterator[Finding]:
    """Yields the findings of JSON Schemas, given by the last name of their paths."""
    for name, value in schemas.items():
        if value is not None:
            yield from check_schema(value, f"{path}.{name}", section)


def _check_exchanges(data: list[Any]) -> list[Finding]:
    """Returns the findings of a file with exchanges."""
    try:
        _EXCHANGES_ADAPTER.validate_python(data)
    except ValidationError as error:
        return [
            Finding(
                severity="error",
                section="exchanges",
                source="schema",
                path=item["path"],
                message=item["message"],
            )
            for item in list_failures(error, data)
        ]
    return []
