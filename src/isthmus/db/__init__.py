"""The database: connections and transactions, encryption of secrets, epochs for caches. The tables are in
`isthmus.db.tables`."""

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, current_time, get_key_ring, notify_after_commit
from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.epochs import EpochWatcher, increment_epoch, increment_epochs
from isthmus.db.keys import get_server_secret
from isthmus.db.startup import check_process_count, is_embedded, open_database

__all__ = [
    "AsyncConnection",
    "Database",
    "EncryptedJSON",
    "EpochWatcher",
    "KeyRing",
    "check_process_count",
    "current_time",
    "get_key_ring",
    "get_server_secret",
    "increment_epoch",
    "increment_epochs",
    "is_embedded",
    "notify_after_commit",
    "open_database",
]
