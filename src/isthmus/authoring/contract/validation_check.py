"""Checks that connecting fails where the provider refuses the credentials."""

from __future__ import annotations

from isthmus.authoring.contract.catalog_entry import CatalogEntry
from isthmus.authoring.contract.replay_upstreams import RefusingUpstream
from isthmus.engine.evaluation import is_truthy
from isthmus.engine.steps import run_action
from isthmus.errors import IsthmusError, RemoteError

__all__ = ["check_validation"]


async def check_validation(entry: CatalogEntry) -> list[str]:
    """Returns a complaint if the action `validation` passes although the provider refuses the credentials, or
    nobody asked it."""
    action = entry.file.config.actions.get("validation")
    if action is None:
        return ["there is no action `validation`: whoever connects with a wrong key is told that it worked"]
    upstream = RefusingUpstream(entry.example_context)
    try:
        result = await run_action(upstream, entry.file.config, "validation", action)
    except RemoteError:
        return []
    except IsthmusError:
        if upstream.sent or "post_install" not in entry.file.config.actions:
            raise
        return []  # it reads what post_install takes from the provider, who refuses that already
    if not upstream.sent:
        return ["the action `validation` asks the provider nothing, so a wrong key is not noticed"]
    return ["the action `validation` passes where the provider answers 401"] if is_truthy(result) else []
