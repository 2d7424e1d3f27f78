"""The database: connections and transactions, encryption of secrets, epochs for caches. The tables are in
`isthmus.db.tables`."""

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, announce, current_time, get_key_ring
from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.epochs import EpochWatcher, raise_epoch, raise_epochs
from isthmus.db.keys import get_server_secret
from isthmus.db.startup import check_workers, is_embedded, open_database

__all__ = [
    "AsyncConnection",
    "Database",
    "EncryptedJSON",
    "EpochWatcher",
    "KeyRing",
    "announce",
    "check_workers",
    "current_time",
    "get_key_ring",
    "get_server_secret",
    "is_embedded",
    "open_database",
    "raise_epoch",
    "raise_epochs",
]
