"""The lint of an integration, as `isthmus integrations validate` runs it."""

from __future__ import annotations

from isthmus.authoring.contract.entries import Entry
from isthmus.authoring.lint import Report, validate_document
from isthmus.definitions.yaml_source import Document

__all__ = ["lint_is_clean"]


def lint_is_clean(entry: Entry) -> list[str]:
    """No error and no warning in any of its files."""
    return [
        f"{report.source}: {item.path}: {item.message}"
        for report in _reports(entry)
        for item in report.findings
        if item.severity != "info"
    ]


def _reports(entry: Entry) -> list[Report]:
    reports = [validate_document(Document(entry.definition), "integration.yaml")]
    for name, mapping in entry.mappings.items():
        path = entry.directory / "mappings" / f"{name}.yaml"
        reports.append(validate_document(Document(mapping), f"mappings/{name}.yaml", path))
    for name, exchanges in entry.exchanges_data.items():
        reports.append(validate_document(Document(exchanges), f"examples/{name}.json"))
    return reports
