"""Keeps what is written to sandbox accounts, for `LIFETIME`: at most MAX_RECORDS rows an account.

A row holds the record that was created, or what was changed of a recorded one, in the provider's form. All
writes of an account are made one after the other: each sees what the ones before it left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.accounts.rows.account_checks import SANDBOX_METHOD, account_not_found_error
from isthmus.db.database import Database, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON
from isthmus.db.epochs import get_epoch_group, increment_epoch
from isthmus.db.tables import integrated_account, sandbox_record
from isthmus.errors import Conflict
from isthmus.kit.ids import new_id

__all__ = [
    "LIFETIME",
    "MAX_RECORDS",
    "AccountRecords",
    "Decision",
    "MemoryRecords",
    "RecordStore",
    "StoredRecord",
    "delete_expired_records",
    "empty_sandbox",
    "read_records",
]

LIFETIME: Final = timedelta(hours=24)
MAX_RECORDS: Final = 1_000

_CONTENT: Final = EncryptedJSON(sandbox_record.c.content)
_DELETE_ROW: Final = delete(sandbox_record).where(
    sandbox_record.c.integrated_account_id == bindparam("account"),
    sandbox_record.c.collection == bindparam("resource"),
    sandbox_record.c.record_id == bindparam("record"),
)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record that was written. `collection`: the resource whose records it belongs to. `values`: all of a
    created record; of a recorded one what was changed, to be merged into it. `parameters`: those of the path
    that a record was created at, such as the id of its parent. `number`: grows in the order in which records
    were first written; it and `expires_at` are set when a record is stored."""

    collection: str
    record_id: str
    values: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    is_created: bool = False
    is_deleted: bool = False
    number: int = 0
    expires_at: datetime | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What no two records of an account have alike."""
        return self.collection, self.record_id


class Decision(Protocol):
    """What a write comes to."""

    @property
    def records(self) -> Sequence[StoredRecord]:
        """The records to store, each in place of the one with the same collection and id."""
        ...


class RecordStore(Protocol):
    """The written records of one sandbox account. `has_records`: False if `list_records` has none to give."""

    @property
    def has_records(self) -> bool: ...

    def list_records(self) -> Sequence[StoredRecord]:
        """Returns all records that have not expired, in the order in which they were first written."""
        ...

    async def write(self, decide: Callable[[Sequence[StoredRecord]], Decision]) -> None:
        """Stores what `decide` comes to, given all records. No other write of the account is made meanwhile.
        Raises Conflict if there would be more than MAX_RECORDS, and what `decide` raises."""
        ...


class AccountRecords:
    """The `RecordStore` of an account in the database. `records`: as they were read with the account, which
    is read again after each write."""

    def __init__(
        self, database: Database, environment_id: str, account_id: str, records: Sequence[StoredRecord]
    ) -> None:
        self._database = database
        self._environment_id = environment_id
        self._account_id = account_id
        self._records = records
        self.has_records = bool(records)

    def list_records(self) -> Sequence[StoredRecord]:
        """Returns all records that have not expired, in the order in which they were first written."""
        return _drop_expired(self._records, self._database.clock.now())

    async def write(self, decide: Callable[[Sequence[StoredRecord]], Decision]) -> None:
        """Stores what `decide` comes to, given all records. Raises NotFound for an account that was deleted
        meanwhile, and what `RecordStore.write` raises."""
        async with self._database.write() as conn:
            await _lock_account(conn, self._environment_id, self._account_id)
            stored = await read_records(conn, self._account_id)
            changes = decide(stored).records
            if not changes:
                return
            records = _merge_records(stored, changes, current_time(conn) + LIFETIME, self._account_id)
            changed = {record.key for record in changes}
            await self._replace_rows(conn, [record for record in records if record.key in changed])
            await increment_epoch(conn, get_epoch_group(self._account_id))
        self._records = records
        self.has_records = bool(records)

    async def _replace_rows(self, conn: AsyncConnection, records: Sequence[StoredRecord]) -> None:
        """Write records in place of the rows with their keys."""
        await conn.execute(_DELETE_ROW, [self._make_key(record) for record in records])
        await conn.execute(insert(sandbox_record), [self._make_row(conn, record) for record in records])

    def _make_key(self, record: StoredRecord) -> dict[str, str]:
        """Return the parameters of `_DELETE_ROW` for a record."""
        return {"account": self._account_id, "resource": record.collection, "record": record.record_id}

    def _make_row(self, conn: AsyncConnection, record: StoredRecord) -> dict[str, Any]:
        """Return the row of a record."""
        row_id, now = new_id(), current_time(conn)
        content = {"values": record.values, "parameters": record.parameters}
        return {
            "id": row_id,
            "created_at": now,
            "updated_at": now,
            "environment_id": self._environment_id,
            "integrated_account_id": self._account_id,
            "collection": record.collection,
            "record_id": record.record_id,
            "number": record.number,
            "is_created": record.is_created,
            "is_deleted": record.is_deleted,
            "content": _CONTENT.encrypt(get_key_ring(conn), row_id, content),
            "expires_at": record.expires_at,
        }


class MemoryRecords:
    """A `RecordStore` in memory, for a sandbox without a database: of the contract suite."""

    def __init__(self) -> None:
        self._records: Sequence[StoredRecord] = ()

    @property
    def has_records(self) -> bool:
        """True once anything was written."""
        return bool(self._records)

    def list_records(self) -> Sequence[StoredRecord]:
        """Returns all records; none expires."""
        return self._records

    async def write(self, decide: Callable[[Sequence[StoredRecord]], Decision]) -> None:
        """Stores what `decide` comes to, given all records. Raises what `RecordStore.write` raises."""
        self._records = _merge_records(self._records, decide(self._records).records, None, "of this suite")


def _merge_records(
    stored: Sequence[StoredRecord],
    changes: Sequence[StoredRecord],
    expires_at: datetime | None,
    account_id: str,
) -> list[StoredRecord]:
    """Return the stored records with the changes, which expire at `expires_at`; a new one comes last. Raises
    Conflict if they are more than MAX_RECORDS."""
    merged = {record.key: record for record in stored}
    last = max((record.number for record in stored), default=0)
    for position, change in enumerate(changes, start=1):
        earlier = merged.get(change.key)
        number = last + position if earlier is None else earlier.number
        merged[change.key] = replace(change, number=number, expires_at=expires_at)
    if len(merged) > max(MAX_RECORDS, len(stored)):
        raise Conflict(
            f"the sandbox account {account_id} holds {len(stored)} written records, and {MAX_RECORDS} is the "
            f"most. DELETE /integrated-account/{account_id}/sandbox empties it; each record goes "
            f"{LIFETIME // timedelta(hours=1)} hours after its last change."
        )
    return list(merged.values())


async def read_records(conn: AsyncConnection, account_id: str) -> list[StoredRecord]:
    """Return the records of an account that have not expired, in the order in which they were first
    written."""
    statement = (
        select(sandbox_record)
        .where(
            sandbox_record.c.integrated_account_id == account_id,
            sandbox_record.c.expires_at > current_time(conn),
        )
        .order_by(sandbox_record.c.number)
    )
    keys, records = get_key_ring(conn), []
    for row in (await conn.execute(statement)).mappings():
        content = _CONTENT.decrypt(keys, row["id"], row["content"])
        records.append(
            StoredRecord(
                row["collection"],
                row["record_id"],
                content["values"],
                content["parameters"],
                row["is_created"],
                row["is_deleted"],
                row["number"],
                row["expires_at"],
            )
        )
    return records


async def empty_sandbox(conn: AsyncConnection, environment_id: str, account_id: str) -> int:
    """Delete all written records of a sandbox account, and return how many. Raises NotFound, and Conflict for
    an account of another kind."""
    method = await _lock_account(conn, environment_id, account_id)
    if method != SANDBOX_METHOD:
        raise Conflict(
            f"the account {account_id} has no sandbox to empty: it was connected by {method}, and what is "
            "written to it is with its provider."
        )
    statement = delete(sandbox_record).where(sandbox_record.c.integrated_account_id == account_id)
    deleted = (await conn.execute(statement)).rowcount
    await increment_epoch(conn, get_epoch_group(account_id))
    return deleted


async def delete_expired_records(conn: AsyncConnection) -> int:
    """Delete the rows that have expired, of all accounts, and return how many."""
    expired = sandbox_record.c.expires_at <= current_time(conn)
    return (await conn.execute(delete(sandbox_record).where(expired))).rowcount


async def _lock_account(conn: AsyncConnection, environment_id: str, account_id: str) -> str:
    """Lock the account's row until the transaction ends, and return its authentication method. Raises
    NotFound."""
    statement = select(integrated_account.c.authentication_method).where(
        integrated_account.c.id == account_id, integrated_account.c.environment_id == environment_id
    )
    locking = statement.with_for_update(key_share=True)
    method: str | None = (await conn.execute(locking)).scalar_one_or_none()
    if method is None:
        raise account_not_found_error(account_id)
    return method


def _drop_expired(records: Sequence[StoredRecord], now: datetime) -> Sequence[StoredRecord]:
    """Return the records that have not expired at `now`."""
    return [record for record in records if record.expires_at is None or record.expires_at > now]
