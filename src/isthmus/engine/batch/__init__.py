"""Batch requests: several calls of one account in one request, each of which may read what others gave."""

from isthmus.engine.batch.budget import BatchLimits
from isthmus.engine.batch.outcome import BatchOutcome
from isthmus.engine.batch.request_nodes import Admit, NodeCaller
from isthmus.engine.batch.run import run_batch

__all__ = ["Admit", "BatchLimits", "BatchOutcome", "NodeCaller", "run_batch"]
