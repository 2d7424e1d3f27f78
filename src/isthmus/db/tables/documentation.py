"""What is written about integrations and unified models, and the categories they are sorted into."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Named, Table, Text

from isthmus.db.tables.base import Row, metadata
from isthmus.db.types import Uuid

__all__ = ["category", "documentation"]


def _subject(table: str) -> Column[str | None]:
    """One of four such columns holds whom a row is about; it goes with them."""
    return Column(Uuid, ForeignKey(f"{table}.id", ondelete="CASCADE"), index=True)


class DocumentationColumns(Row):
    """`content`: Markdown, a link, or a JSON Schema as YAML. `is_inline`: made from a field of a shipped
    definition, which is what is read where a definition is."""

    integration_id: Named[str | None] = _subject("integration")
    environment_integration_id: Named[str | None] = _subject("environment_integration")
    unified_model_id: Named[str | None] = _subject("unified_model")
    environment_unified_model_id: Named[str | None] = _subject("environment_unified_model")
    type: Named[str] = Column(Text)
    content: Named[str] = Column(Text)
    resource: Named[str | None] = Column(Text)
    method: Named[str | None] = Column(Text)
    authentication_method: Named[str | None] = Column(Text)
    integration_name: Named[str | None] = Column(Text)
    is_inline: Named[bool] = Column(Boolean, default=False)


documentation = Table("documentation", metadata, DocumentationColumns)


class CategoryColumns(Row):
    """`name`: a slug, as integrations and unified models write it."""

    name: Named[str] = Column(Text, unique=True)
    label: Named[str] = Column(Text)


category = Table("category", metadata, CategoryColumns)
