"""How a measurement is told: ours, the peer's or the bound, the ratio, and whether it holds."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["Figure", "at_least", "at_most", "finish"]


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    ours: float
    unit: str
    peer: float
    peer_name: str
    ratio: float
    rule: str
    holds: bool

    def line(self) -> str:
        verdict = "PASS" if self.holds else "FAIL"
        return (
            f"{verdict}  {self.name:<34} ours {self.ours:>9.2f} {self.unit:<5} "
            f"{self.peer_name} {self.peer:>9.2f} {self.unit:<5} ratio {self.ratio:>6.2f} ({self.rule})"
        )


def at_most(name: str, ours: float, unit: str, peer: float, peer_name: str, bound: float) -> Figure:
    """Ours may be at most `bound` times the peer's."""
    ratio = ours / peer if peer > 0 else float("inf")
    return Figure(name, ours, unit, peer, peer_name, ratio, f"at most {bound:.2f}", ratio <= bound)


def at_least(name: str, ours: float, unit: str, peer: float, peer_name: str, bound: float) -> Figure:
    """Ours must be at least `bound` times the peer's."""
    ratio = ours / peer if peer > 0 else float("inf")
    return Figure(name, ours, unit, peer, peer_name, ratio, f"at least {bound:.2f}", ratio >= bound)


def finish(figures: list[Figure]) -> None:
    """Prints all figures; ends the program with 1 if one does not hold."""
    for figure in figures:
        print(figure.line())
    sys.exit(0 if all(figure.holds for figure in figures) else 1)
