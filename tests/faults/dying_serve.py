"""`isthmus serve` that kills itself once, in the middle of renewing credentials.

The file `ISTHMUS_DIES_AT` names where; it is gone when that has happened. A lease lasts a tenth of its usual
time here, so that the proofs end the same day.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Mapping
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from isthmus.accounts.credentials import refresh_lease, refresh_store, refresher
from isthmus.accounts.credentials.refresh_store import (
    RefreshAttempt,
    RefreshedCredentials,
    RefreshStore,
    RefreshTarget,
)
from isthmus.cli.server.serve import serve
from tests.product import Product

__all__ = ["DyingProduct"]

_forkserver = multiprocessing.get_context("forkserver")
_forkserver.set_forkserver_preload(
    [
        "tests.faults.dying_serve",
        "tests.faults.dying_lifecycle",
        "tests.faults.processes",
        "isthmus.app",
        "isthmus.jobs.procrastinate_adapter.worker",
    ]
)


def _die(point: str) -> None:
    """Kills the process if the file names this point: before or after the journal says so; between the two in
    the middle the provider is asked."""
    file = Path(os.environ.get("ISTHMUS_DIES_AT", os.devnull))
    if file.is_file() and file.read_text() == point:
        file.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


class _Dying(RefreshStore):
    """A store of refreshes that kills its process at the point that the file names."""

    async def take_lease(
        self, account: RefreshTarget, rejected_token: str | None, owner: str, *, force: bool
    ) -> RefreshAttempt | RefreshedCredentials | None:
        """Takes the lease, and dies after it if the file says so."""
        attempt = await super().take_lease(account, rejected_token, owner, force=force)
        if isinstance(attempt, RefreshAttempt):
            _die("after started")
        return attempt

    async def store_reply(
        self, account: RefreshTarget, attempt: RefreshAttempt, reply: Mapping[str, Any], asked_at: datetime
    ) -> RefreshedCredentials:
        """Stores the reply, and dies before or after if the file says so."""
        _die("before committed")
        kept = await super().store_reply(account, attempt, reply, asked_at)
        _die("after committed")
        return kept


async def _take_lease(*arguments: Any) -> Any:
    """Takes the lease, and dies before it is written if the file says so."""
    lease = await refresh_lease.take_lease(*arguments)
    if lease is not None:
        _die("before started")
    return lease


class DyingProduct(Product):
    """Forked from a process that has imported everything, so that it is soon there again."""

    _victim: BaseProcess | None = None

    def start(self, *, wait: bool = True) -> None:
        """Starts the process. `wait`: until it is ready."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._victim = _forkserver.Process(
            target=_serve, args=(self.environment(), self.port, str(self.log)), daemon=True
        )
        self._victim.start()
        if wait:
            self.wait_until_ready()

    def kill(self) -> None:
        """Ends it in the middle of whatever it does."""
        assert self._victim is not None
        self._victim.kill()
        self._victim.join()

    def stop(self) -> None:
        """Ends it by SIGTERM, or after 20 seconds by SIGKILL."""
        if self._victim is None:
            return
        self._victim.terminate()
        self._victim.join(20)
        self.kill()


def _serve(environ: Mapping[str, str], port: int, log: str) -> None:
    """Runs the server with the parts that die, in this process. `log`: the file for what it prints."""
    os.environ.clear()
    os.environ.update(environ)
    descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    for module, name, value in (
        (refresh_lease, "LEASE_DURATION", timedelta(seconds=1.5)),
        (refresher, "LEASE_EXTENSION_INTERVAL_SECONDS", 0.4),
        (refresher, "RefreshStore", _Dying),
        (refresh_store, "take_lease", _take_lease),
    ):
        setattr(module, name, value)
    serve("127.0.0.1", port, 1)
