"""Integrated accounts: repositories, connections, the gateway to a provider, sandbox accounts."""

from isthmus.accounts.accounts import Accounts
from isthmus.accounts.connections.call_log import CallLog, CallRecord, JsonCallLog
from isthmus.accounts.connections.connections import Connection, Connections
from isthmus.accounts.installs import Installs, install_everything
from isthmus.accounts.own_account import OwnAccount
from isthmus.accounts.read_only_flags import ReadOnlyFlags
from isthmus.accounts.sandbox.sandbox_accounts import derive_sandbox_account_id
from isthmus.accounts.sandbox.stored_records import empty_sandbox

__all__ = [
    "Accounts",
    "CallLog",
    "CallRecord",
    "Connection",
    "Connections",
    "Installs",
    "JsonCallLog",
    "OwnAccount",
    "ReadOnlyFlags",
    "derive_sandbox_account_id",
    "empty_sandbox",
    "install_everything",
]
