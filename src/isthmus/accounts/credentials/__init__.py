"""Refreshing and revoking the tokens of an account."""
