"""The database: the way in, what is sealed, what others must see. Tables: `isthmus.db.tables`."""

from sqlalchemy.ext.asyncio import AsyncConnection

from isthmus.db.database import Database, announce, keys_of, now_of
from isthmus.db.encryption import EncryptedJSON, KeyRing
from isthmus.db.epochs import EpochWatcher, raise_epoch, raise_epochs
from isthmus.db.keys import server_secret_bytes
from isthmus.db.startup import check_workers, is_embedded, open_database

__all__ = [
    "AsyncConnection",
    "Database",
    "EncryptedJSON",
    "EpochWatcher",
    "KeyRing",
    "announce",
    "check_workers",
    "is_embedded",
    "keys_of",
    "now_of",
    "open_database",
    "raise_epoch",
    "raise_epochs",
    "server_secret_bytes",
]
