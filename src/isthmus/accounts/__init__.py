"""Integrated accounts: repositories, connections, the gateway to a provider, sandbox accounts."""

from isthmus.accounts.accounts import Accounts

__all__ = ["Accounts"]
