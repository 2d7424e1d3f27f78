"""How much one batch may do."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["BatchLimits"]


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """`nodes`: of one request. `calls`: of one node, loop and recursion together. `pages`: of one list.
    `records`: of all nodes together. `seconds`: for everything; clients hang up after 30. `at_once`: nodes
    that run, and calls that are under way, at the same time."""

    nodes: int = 50
    calls: int = 1_000
    pages: int = 100
    records: int = 10_000
    seconds: float = 25.0
    at_once: int = 5
