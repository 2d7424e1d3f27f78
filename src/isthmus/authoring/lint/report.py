"""Holds the findings of one checked file, with their summary and output formats."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from isthmus.definitions.findings import Finding, Severity

__all__ = ["CSV_COLUMNS", "Mode", "Report"]

Mode: TypeAlias = Literal["integration", "config", "mapping", "model", "schema", "exchanges", "unreadable"]

CSV_COLUMNS: Final = ("severity", "section", "source", "resource", "method", "message")
_SEVERITY_ORDER: Final[dict[Severity, int]] = {"error": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Report:
    """The findings of one file, the most severe first, then by line. `mode`: the kind of file it was read
    as."""

    source: str
    mode: Mode
    findings: tuple[Finding, ...] = ()

    @classmethod
    def from_findings(cls, source: str, mode: Mode, findings: list[Finding]) -> Report:
        """Makes a report with the findings sorted, each once."""
        unique = list(dict.fromkeys(findings))
        unique.sort(key=lambda item: (_SEVERITY_ORDER[item.severity], item.line or 0, item.path))
        return cls(source, mode, tuple(unique))

    @property
    def summary(self) -> dict[str, int]:
        """The number of findings in total and by severity."""
        counts = Counter(item.severity for item in self.findings)
        return {"total": len(self.findings), **{name: counts[name] for name in _SEVERITY_ORDER}}

    def compute_exit_code(self, *, ignore_warnings: bool = False) -> int:
        """Returns 0 if nothing blocks; 1 for errors, and for warnings unless ignored; 2 if the file could not
        be read."""
        if self.mode == "unreadable":
            return 2
        blocking = {"error"} if ignore_warnings else {"error", "warn"}
        return 1 if any(item.severity in blocking for item in self.findings) else 0

    def as_json(self) -> dict[str, object]:
        """Returns the report as JSON."""
        return {
            "source": self.source,
            "mode": self.mode,
            "findings": [item.as_json() for item in self.findings],
            "summary": self.summary,
        }

    def format_lines(self) -> list[str]:
        """Returns one line for each finding: `file:line: severity: path: message (fix)`."""
        return [_format_line(self.source, item) for item in self.findings]


def _format_line(source: str, finding: Finding) -> str:
    """Returns `file:line: severity: path: message (fix)`, without what the finding lacks."""
    place = source if finding.line is None else f"{source}:{finding.line}"
    path = f"{finding.path}: " if finding.path else ""
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"{place}: {finding.severity}: {path}{finding.message}{fix}"
