"""The column types of the scripts, frozen: scripts never import the tables, which move on."""

from __future__ import annotations

import sqlalchemy as sa

__all__ = ["encrypted", "json", "moment", "uuid"]


def uuid() -> sa.String:
    return sa.String(36)


def moment() -> sa.DateTime:
    return sa.DateTime(timezone=True).with_variant(sa.String(26), "sqlite")


def json() -> sa.JSON:
    return sa.JSON()


def encrypted() -> sa.LargeBinary:
    return sa.LargeBinary()
