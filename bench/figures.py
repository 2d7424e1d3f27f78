"""Compares a measurement with that of a peer or with a bound, and prints the result."""

from __future__ import annotations

import sys
from dataclasses import dataclass

__all__ = ["Figure", "check_at_least", "check_at_most", "print_and_exit"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A measurement of ours beside that of a peer (or a bound), and whether the rule for their ratio
    holds."""

    name: str
    ours: float
    unit: str
    peer: float
    peer_name: str
    ratio: float
    rule: str
    holds: bool

    def format_line(self) -> str:
        """PASS or FAIL, both figures and their ratio, as one line of text."""
        verdict = "PASS" if self.holds else "FAIL"
        return (
            f"{verdict}  {self.name:<34} ours {self.ours:>9.2f} {self.unit:<5} "
            f"{self.peer_name} {self.peer:>9.2f} {self.unit:<5} ratio {self.ratio:>6.2f} ({self.rule})"
        )


def check_at_most(name: str, ours: float, unit: str, peer: float, peer_name: str, bound: float) -> Figure:
    """A figure that holds if ours is at most `bound` times the peer's."""
    ratio = ours / peer if peer > 0 else float("inf")
    return Figure(name, ours, unit, peer, peer_name, ratio, f"at most {bound:.2f}", ratio <= bound)


def check_at_least(name: str, ours: float, unit: str, peer: float, peer_name: str, bound: float) -> Figure:
    """A figure that holds if ours is at least `bound` times the peer's."""
    ratio = ours / peer if peer > 0 else float("inf")
    return Figure(name, ours, unit, peer, peer_name, ratio, f"at least {bound:.2f}", ratio >= bound)


def print_and_exit(figures: list[Figure]) -> None:
    """Prints all figures and ends the program, with the exit code 1 if one does not hold."""
    for figure in figures:
        print(figure.format_line())
    sys.exit(0 if all(figure.holds for figure in figures) else 1)
