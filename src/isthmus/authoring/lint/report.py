"""The outcome of checking one file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from isthmus.definitions.findings import Finding, Severity

__all__ = ["CSV_COLUMNS", "Mode", "Report"]

Mode: TypeAlias = Literal["integration", "config", "mapping", "model", "schema", "exchanges", "unreadable"]

CSV_COLUMNS: Final = ("severity", "section", "source", "resource", "method", "message")
_ORDER: Final[dict[Severity, int]] = {"error": 0, "warn": 1, "info": 2}


@dataclass(frozen=True, slots=True)
class Report:
    """`source` names the file; `mode` says what it was taken for. Findings come worst first, then by line."""

    source: str
    mode: Mode
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, source: str, mode: Mode, findings: list[Finding]) -> Report:
        unique = list(dict.fromkeys(findings))
        unique.sort(key=lambda item: (_ORDER[item.severity], item.line or 0, item.path))
        return cls(source, mode, tuple(unique))

    @property
    def summary(self) -> dict[str, int]:
        counts = Counter(item.severity for item in self.findings)
        return {"total": len(self.findings), **{name: counts[name] for name in _ORDER}}

    def exit_code(self, *, ignore_warnings: bool = False) -> int:
        """0: nothing blocks; 1: an error, or a warning unless those are ignored; 2: it could not be read."""
        if self.mode == "unreadable":
            return 2
        blocking = {"error"} if ignore_warnings else {"error", "warn"}
        return 1 if any(item.severity in blocking for item in self.findings) else 0

    def as_json(self) -> dict[str, object]:
        return {
            "source": self.source,
            "mode": self.mode,
            "findings": [item.as_json() for item in self.findings],
            "summary": self.summary,
        }

    def lines(self) -> list[str]:
        """For people: `file:line: severity: path: message (fix)`, one a finding."""
        return [_line(self.source, item) for item in self.findings]


def _line(source: str, finding: Finding) -> str:
    place = source if finding.line is None else f"{source}:{finding.line}"
    path = f"{finding.path}: " if finding.path else ""
    fix = f" ({finding.fix})" if finding.fix else ""
    return f"{place}: {finding.severity}: {path}{finding.message}{fix}"
