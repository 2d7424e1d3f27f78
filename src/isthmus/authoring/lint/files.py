"""From a file to its report: what it is, what stands beside it, which rules apply."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from isthmus.authoring.lint import (
    coverage,
    critic,
    jsonata,
    lifecycle,
    mapping,
    naming,
    pattern,
    placeholder,
    presence,
    samples,
    schema,
    security,
)
from isthmus.authoring.lint.pattern import Corpus
from isthmus.authoring.lint.report import Mode, Report
from isthmus.authoring.lint.sites import integration_sites, mapping_sites
from isthmus.authoring.lint.subject import IntegrationSubject
from isthmus.definitions import record_schema
from isthmus.definitions.depth import MAX_DEPTH, too_deep_at
from isthmus.definitions.execution import mapping_not_executed, not_executed
from isthmus.definitions.files import Exchange, IntegrationFile, MappingFile, MappingsExport, ModelFile
from isthmus.definitions.findings import Finding
from isthmus.definitions.integration import IntegrationConfig
from isthmus.definitions.json_values import as_list, as_mapping
from isthmus.definitions.load import failures_of
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.spelling import unknown_keys
from isthmus.definitions.yaml_source import Document, Unreadable, read

__all__ = ["lint_config", "validate_document", "validate_file"]

_EXCHANGES: Final = TypeAdapter(tuple[Exchange, ...])
_BESIDE_INTEGRATION: Final = "integration.yaml"
_METHOD_DEPTH: Final = 3


def validate_file(
    path: Path,
    *,
    models: Path | None = None,
    model: Mapping[str, Any] | None = None,
    against: Mapping[str, Any] | None = None,
    corpus: Corpus | None = None,
) -> Report:
    """Check any file of `definitions.md` §6, or a bare config. What it refers to is read from the files
    beside it, as the catalogue lays them out, and not checked where they are absent. Never raises.

    `models`: a folder of unified models for mappings that have none beside them; `model`: the one to take
    instead of any file. `against`: an earlier integration file or config; methods that came or went since are
    told. `corpus`: the definitions that sections are compared with.
    """
    try:
        document = read(path)
    except Unreadable as error:
        finding = Finding(
            severity="error", section="file", source="schema", message=error.message, line=error.line
        )
        return Report.of(str(path), "unreadable", [finding])
    return validate_document(
        document, str(path), path, models=models, model=model, against=against, corpus=corpus
    )


def validate_document(
    document: Document,
    source: str,
    path: Path | None = None,
    *,
    models: Path | None = None,
    model: Mapping[str, Any] | None = None,
    against: Mapping[str, Any] | None = None,
    corpus: Corpus | None = None,
) -> Report:
    """As `validate_file`, of a document that is already read; `path` is where it stands, if anywhere."""
    mode = _mode(document.data)
    deep = too_deep_at(document.data)
    if deep is not None:
        message = f"is nested deeper than {MAX_DEPTH} objects and arrays"
        findings = [Finding(severity="error", section="file", source="schema", path=deep, message=message)]
    elif mode == "integration":
        findings = _integration_file(document.data)
    elif mode == "config":
        findings = lint_config(document.data)
    elif mode == "mapping":
        findings = _mapping_file(document.data, path, models, model)
    elif mode == "model":
        findings = _model_file(document.data)
    elif mode == "schema":
        findings = list(record_schema.check(document.data, "", "schema"))
    elif mode == "exchanges":
        findings = _exchanges(document.data)
    else:
        findings = [Finding(severity="error", section="file", source="schema", message="is not an object")]
    if deep is None and mode in ("integration", "config"):
        findings += _compared(document.data, against, corpus)
    return Report.of(source, mode, [_placed(finding, document) for finding in findings])


def _compared(
    data: Mapping[str, Any], earlier: Mapping[str, Any] | None, corpus: Corpus | None
) -> Iterator[Finding]:
    """What is said of a definition beside others: its earlier self, and known ones."""
    is_file = isinstance(data.get("config"), Mapping)
    config = data["config"] if is_file else data
    found: list[Finding] = []
    if earlier is not None:
        found += coverage.check(config, as_mapping(earlier["config"]) if "config" in earlier else earlier)
    if corpus is not None:
        name = data.get("name") if is_file else None
        subject = IntegrationSubject(config)
        found += pattern.check(subject, corpus, name=name if isinstance(name, str) else None)
    for finding in found:
        as_written = _as_written(_named(finding), config)
        yield _inside(as_written, "config") if is_file else as_written


def _mode(data: Any) -> Mode:
    if isinstance(data, list):
        return "exchanges"
    if not isinstance(data, Mapping):
        return "unreadable"
    if "cells" in data:
        return "mapping"
    if "config" in data or ("name" in data and "resources" not in data):
        return "integration"
    if record_schema.is_record_schema(data):
        return "schema"
    is_model = "name" in data and "base_url" not in data and "credentials" not in data
    return "model" if is_model else "config"


def _placed(finding: Finding, document: Document) -> Finding:
    line = document.line(finding.path)
    text = _text_at(document.data, finding.path)
    if finding.position is not None and text is not None:
        line = document.line_of_text(finding.path, text, finding.position)
    return replace(finding, line=line)


def _text_at(data: Any, path: str) -> str | None:
    for name in path.split("."):
        if isinstance(data, list) and name.isdigit() and int(name) < len(data):
            data = data[int(name)]
        else:
            data = as_mapping(data).get(name)
    return data if isinstance(data, str) else None


def lint_config(
    config: Mapping[str, Any], *, has_label: bool = False, documentation: tuple[Mapping[str, Any], ...] = ()
) -> list[Finding]:
    """Every rule for an integration's config, paths from its top."""
    model, findings = schema.parse(IntegrationConfig, config)
    model = model or schema.salvaged(IntegrationConfig, config, findings)
    if model is not None:
        findings += unknown_keys(model, top="info")
        findings += not_executed(model)
    subject = IntegrationSubject(config, has_label, documentation)
    sites = tuple(integration_sites(subject))
    for rules in (presence.check, critic.check, naming.check, security.check, lifecycle.check):
        findings += rules(subject)
    findings += placeholder.check(subject, sites)
    for site in sites:
        if site.kind == "expression":
            findings += jsonata.check(site)
    return [_named(_as_written(finding, config)) for finding in findings]


def _named(finding: Finding) -> Finding:
    """With the resource and method that a path below `resources` leads to."""
    names = finding.path.split(".")
    if finding.resource is not None or names[0] != "resources" or len(names) < _METHOD_DEPTH:
        return finding
    return replace(finding, resource=names[1], method=names[2])


def _as_written(finding: Finding, config: Mapping[str, Any]) -> Finding:
    """Paths inside a single credential object have no format in them."""
    block = as_mapping(config.get("credentials"))
    prefix = f"credentials.{block.get('format')}."
    if isinstance(block.get("format"), str) and finding.path.startswith(prefix):
        return replace(finding, path=f"credentials.{finding.path.removeprefix(prefix)}")
    return finding


def _integration_file(data: Mapping[str, Any]) -> list[Finding]:
    shell, found = schema.parse(IntegrationFile, {**data, "config": {}} if "config" in data else data)
    findings = list(found)
    if shell is not None:
        findings += unknown_keys(shell, top="info")
    config = data.get("config")
    if isinstance(config, Mapping):
        rows = tuple(row for row in as_list(data.get("documentation")) if isinstance(row, Mapping))
        inner = lint_config(config, has_label=bool(data.get("label")), documentation=rows)
        findings += [_inside(finding, "config") for finding in inner]
    elif "config" in data:
        findings.append(
            Finding(
                severity="error", section="file", source="schema", path="config", message="must be an object"
            )
        )
    return findings


def _inside(finding: Finding, prefix: str) -> Finding:
    if finding.section == "documentation":
        return finding
    return replace(finding, path=f"{prefix}.{finding.path}" if finding.path else prefix)


def _mapping_file(
    data: Mapping[str, Any], path: Path | None, models: Path | None, given: Mapping[str, Any] | None
) -> list[Finding]:
    is_export = "unified_model_name" in data or "integration_name" in data
    shape: type[MappingFile] | type[MappingsExport] = MappingsExport if is_export else MappingFile
    model, findings = schema.parse(shape, data)
    model = model or schema.salvaged(shape, data, findings)
    if model is not None:
        findings += unknown_keys(model, top="info")
    cells = tuple(_cells(data))
    names = (
        data.get("unified_model_name" if is_export else "unified_model"),
        data.get("integration_name" if is_export else "integration"),
    )
    subject = _mapping_subject(cells, path, str(names[0]), str(names[1]))
    if given is not None:
        subject = replace(subject, model=given)
    elif subject.model is None and models is not None and str(names[0]) in {x.name for x in models.iterdir()}:
        subject = replace(subject, model=_model_beside(models / str(names[0])))
    findings += mapping.check(subject)
    findings += samples.check(data, subject.model)
    for cell in cells:
        findings += _cell(cell)
    return [_of_cell(finding, data) for finding in findings]


def _of_cell(finding: Finding, data: Mapping[str, Any]) -> Finding:
    """With the names of the cell that the path leads into."""
    names = finding.path.split(".")
    cells = as_list(data.get("cells"))
    if (
        finding.resource is not None
        or len(names) == 1
        or not names[1].isdigit()
        or int(names[1]) >= len(cells)
    ):
        return finding
    cell = as_mapping(cells[int(names[1])])
    resource, method = cell.get("resource_name"), cell.get("method_name")
    return replace(
        finding,
        resource=resource if isinstance(resource, str) else None,
        method=method if isinstance(method, str) else None,
    )


def _cells(data: Mapping[str, Any]) -> Iterator[mapping.Cell]:
    for index, cell in enumerate(as_list(data.get("cells"))):
        config = as_mapping(cell).get("config")
        if isinstance(config, Mapping):
            names = (str(cell.get("resource_name")), str(cell.get("method_name")))
            yield mapping.Cell(*names, f"cells.{index}.config", config)


def _cell(cell: mapping.Cell) -> Iterator[Finding]:
    model, _ = schema.parse(MappingConfig, cell.config)
    for finding in mapping_not_executed(model) if model is not None else ():
        yield replace(finding, path=f"{cell.path}.{finding.path}", resource=cell.resource, method=cell.method)
    given = {name: cell.config.get(name) for name in ("query_schema", "request_body_schema")}
    yield from _schemas(given, cell.path, "mapping")
    for site in mapping_sites(cell.config, cell.path, cell.resource, cell.method):
        yield from jsonata.check(site) if site.kind == "expression" else placeholder.check_syntax(site)


def _mapping_subject(
    cells: tuple[mapping.Cell, ...], path: Path | None, model: str, integration: str
) -> mapping.MappingSubject:
    """With what stands around the file in the catalogue, or beside it as an export."""
    if path is None:
        return mapping.MappingSubject(cells)
    home = path.resolve().parent.parent
    for candidate in (home / _BESIDE_INTEGRATION, path.parent / f"{integration}.integration.json"):
        config = as_mapping(_read_if_there(candidate)).get("config")
        if isinstance(config, Mapping):
            break
    else:
        config = None
    others = frozenset(
        item.parent.name for item in home.parent.glob(f"*/{_BESIDE_INTEGRATION}") if item.parent != home
    )
    return mapping.MappingSubject(
        cells, config, _model_beside(home.parent.parent / "unified" / model), others
    )


def _model_beside(folder: Path) -> Mapping[str, Any] | None:
    model = _read_if_there(folder / "model.yaml")
    if not isinstance(model, Mapping):
        return None
    resources = {
        name: {**as_mapping(resource), "schema": _read_if_there(folder / f"{name}.schema.yaml")}
        for name, resource in as_mapping(model.get("resources")).items()
    }
    return {**model, "resources": resources}


def _read_if_there(path: Path) -> Any:
    try:
        return read(path).data
    except Unreadable:
        return None


def _model_file(data: Mapping[str, Any]) -> list[Finding]:
    model, findings = schema.parse(ModelFile, data)
    model = model or schema.salvaged(ModelFile, data, findings)
    if model is not None:
        findings += unknown_keys(model, top="warn")
    for name, resource in as_mapping(data.get("resources")).items():
        path = f"resources.{name}"
        findings += _schemas({"schema": as_mapping(resource).get("schema")}, path, "model")
        for field in ("query_schema", "request_body_schema"):
            findings += _schemas(as_mapping(as_mapping(resource).get(field)), f"{path}.{field}", "model")
    return findings


def _schemas(schemas: Mapping[str, Any], path: str, section: str) -> Iterator[Finding]:
    for name, value in schemas.items():
        if value is not None:
            yield from record_schema.check(value, f"{path}.{name}", section)


def _exchanges(data: list[Any]) -> list[Finding]:
    try:
        _EXCHANGES.validate_python(data)
    except ValidationError as error:
        return [
            Finding(
                severity="error",
                section="exchanges",
                source="schema",
                path=item["path"],
                message=item["message"],
            )
            for item in failures_of(error, data)
        ]
    return []
