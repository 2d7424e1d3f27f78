"""Static gates: ways out with an address of their own."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Named, Table, Text

from isthmus.db.tables.base import Revisioned, Row, metadata
from isthmus.db.types import Encrypted, Uuid

__all__ = ["static_gate"]


class StaticGateColumns(Revisioned, Row):
    """`domain`: host, and a port where it has one. `api_token`: what the gate lets requests in for."""

    environment_id: Named[str] = Column(Uuid, ForeignKey("environment.id", ondelete="CASCADE"), index=True)
    name: Named[str] = Column(Text)
    domain: Named[str] = Column(Text)
    api_token: Named[bytes] = Column(Encrypted, nullable=False)
    created_by: Named[str | None] = Column(Uuid, ForeignKey("user.id", ondelete="SET NULL"))


static_gate = Table("static_gate", metadata, StaticGateColumns)
