"""The models of the `pagination` block: how a list goes on from page to page."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, Tag

from isthmus.definitions.body_path import BodyPathField, OptionalBodyPath
from isthmus.definitions.field_types import DefinitionModel, OptionalExpr
from isthmus.definitions.tagged_unions import discriminate_by_key

__all__ = [
    "CursorConfig",
    "CursorPagination",
    "DynamicConfig",
    "DynamicPagination",
    "LinkHeaderConfig",
    "LinkHeaderPagination",
    "OffsetConfig",
    "OffsetPagination",
    "PageConfig",
    "PagePagination",
    "Pagination",
    "RangeConfig",
    "RangePagination",
]


class _Sized(DefinitionModel):
    max_limit: int | None = Field(
        default=None, ge=1, description="The most records a page may ask for; clamps `limit`."
    )
    default_limit: int | None = Field(
        default=None, ge=1, description="Page size sent when the caller sends no `limit`."
    )


class PageConfig(_Sized):
    """Numbered pages."""

    page_param: str = Field(
        default="page", min_length=1, description="Query parameter with the page's number."
    )
    limit_param: str | None = Field(default="per_page", description="Query parameter with the page's size.")
    start_page: int = Field(default=1, ge=0, description="Number of the first page.")
    total_pages_path: OptionalBodyPath = Field(
        default=None, description="Where the response tells the last page's number."
    )


class CursorConfig(_Sized):
    """A token in the response that asks for the next page."""

    cursor_path: BodyPathField = Field(
        description="Dotted path (or JSONata) to the next cursor in the whole body, before `response_path`."
    )
    cursor_param: str = Field(
        default="cursor", min_length=1, description="Query parameter that sends it back."
    )
    limit_param: str | None = Field(default="limit", description="Query parameter with the page's size.")
    prev_cursor_path: OptionalBodyPath = Field(
        default=None, description="Where the response tells the cursor before."
    )
    has_more_path: OptionalBodyPath = Field(
        default=None, description="Where falsy means that there is no next page, even beside a cursor."
    )


class LinkHeaderConfig(_Sized):
    """`Link` headers, RFC 8288."""

    limit_param: str | None = Field(default=None, description="Query parameter with the page's size.")


class OffsetConfig(_Sized):
    """An index to start at."""

    offset_param: str = Field(
        default="offset", min_length=1, description="Query parameter with the start index."
    )
    limit_param: str | None = Field(default="limit", description="Query parameter with the page's size.")
    start_offset: int = Field(default=0, ge=0, description="Index of the first record.")
    total_path: OptionalBodyPath = Field(
        default=None, description="Where the response tells the number of records."
    )


class RangeConfig(DefinitionModel):
    """`Range` and `Content-Range` headers."""

    range_unit: str = Field(default="items", min_length=1, description="Unit in the `Range` header.")
    default_limit: int = Field(default=100, ge=1, description="Page size when the caller sends no `limit`.")
    max_limit: int | None = Field(default=None, ge=1, description="The most records a page may ask for.")


class DynamicConfig(DefinitionModel):
    """Values that expressions compute and that go into the next request."""

    get_initial_pagination_values_expression: OptionalExpr = Field(
        default=None, description="The values to start with. In scope: `query`, `url`, `requestOptions`."
    )
    get_pagination_values_expression: OptionalExpr = Field(
        default=None,
        description="The values of the next page; null or undefined ends the walk. In scope besides: "
        "`response`, `body`, `paginationValues`.",
    )
    get_cursor_from_response_expression: OptionalExpr = Field(
        default=None, description="The cursor the caller sees; undefined means none. The same scope."
    )


class PagePagination(DefinitionModel):
    """Numbered pages."""

    format: Literal["page"] = Field(default="page", description="Name of the format.")
    config: PageConfig = Field(default=PageConfig(), description="Its parameters.")


class CursorPagination(DefinitionModel):
    """A cursor in the response."""

    format: Literal["cursor"] = Field(default="cursor", description="Name of the format.")
    config: CursorConfig = Field(description="Its parameters.")


class LinkHeaderPagination(DefinitionModel):
    """A `Link` header in the response."""

    format: Literal["link_header"] = Field(default="link_header", description="Name of the format.")
    config: LinkHeaderConfig = Field(default=LinkHeaderConfig(), description="Its parameters.")


class OffsetPagination(DefinitionModel):
    """A start index."""

    format: Literal["offset"] = Field(default="offset", description="Name of the format.")
    config: OffsetConfig = Field(default=OffsetConfig(), description="Its parameters.")


class RangePagination(DefinitionModel):
    """Range headers."""

    format: Literal["range"] = Field(default="range", description="Name of the format.")
    config: RangeConfig = Field(default=RangeConfig(), description="Its parameters.")


class DynamicPagination(DefinitionModel):
    """Computed by expressions."""

    format: Literal["dynamic"] = Field(default="dynamic", description="Name of the format.")
    config: DynamicConfig = Field(description="Its expressions.")


Pagination = Annotated[
    Annotated[PagePagination, Tag("page")]
    | Annotated[CursorPagination, Tag("cursor")]
    | Annotated[LinkHeaderPagination, Tag("link_header")]
    | Annotated[OffsetPagination, Tag("offset")]
    | Annotated[RangePagination, Tag("range")]
    | Annotated[DynamicPagination, Tag("dynamic")],
    discriminate_by_key("format", ("page", "cursor", "link_header", "offset", "range", "dynamic")),
]
