"""How a provider says "slow down": the `rate_limit` block (`definitions.md` §1.7)."""

from __future__ import annotations

from pydantic import Field

from isthmus.definitions.fields import OptionalExpr, Part

__all__ = ["RateLimit"]


class RateLimit(Part):
    """All three see `{headers, status}`, header names in lower case."""

    is_rate_limited: OptionalExpr = Field(
        default=None, description="Truthy: this response is throttling, whatever its status."
    )
    retry_after_header_expression: OptionalExpr = Field(default=None, description="Seconds to wait.")
    rate_limit_header_expression: OptionalExpr = Field(
        default=None, description="Epoch seconds at which the allowance refills."
    )
