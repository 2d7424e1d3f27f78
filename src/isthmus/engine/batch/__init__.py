"""Batch requests: several calls of one account in one, each with what those before gave (`api.md` §4.5)."""

from isthmus.engine.batch.budget import BatchLimits
from isthmus.engine.batch.outcome import BatchOutcome
from isthmus.engine.batch.request_nodes import Admit, NodeCalls
from isthmus.engine.batch.run import run_batch

__all__ = ["Admit", "BatchLimits", "BatchOutcome", "NodeCalls", "run_batch"]
