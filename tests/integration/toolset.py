"""Tools called as published toolsets call them: arguments by the properties of their schemas, split by
membership, through the proxy API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.integration.serving import Server

__all__ = ["Tool", "Toolset"]

Tool = dict[str, Any]
_VERBS = {"list": "GET", "get": "GET", "create": "POST", "update": "PATCH", "delete": "DELETE"}
_METHODS_BY_ID = ("get", "update", "delete")


@dataclass
class Toolset:
    """The tools of an account by name."""

    server: Server
    account: str
    tools: dict[str, Tool]

    @classmethod
    async def load(cls, server: Server, account: str, methods: str) -> Toolset:
        """Reads the tools of an account. `methods`: names or groups, with commas between them."""
        body = await server.ok("GET", f"/integrated-account/{account}/tools?methods={methods}")
        return cls(server, account, {tool["name"]: tool for tool in body["result"]})

    async def use(self, name: str, given: dict[str, Any]) -> Any:
        """Calls a tool, which must be answered with 200; returns the answer."""
        tool = self.tools[name]
        method = tool["method"]
        query = {key: _write(given[key]) for key in tool["query_schema"]["properties"] if key in given}
        body = {key: given[key] for key in tool["body_schema"]["properties"] if key in given}
        path = f"/proxy/{tool['resource']}"
        if method in _METHODS_BY_ID:
            path += f"/{given['id']}"
        elif method not in _VERBS:
            path += f"/{method}"
        if method == "list":
            query.setdefault("next_cursor", "")
        sends_body = method not in ("list", "get", "delete")
        return await self.server.ok(
            _VERBS.get(method, "POST"),
            path,
            params={"integrated_account_id": self.account, **query},
            json=body if sends_body else None,
        )


def _write(value: object) -> str:
    """Returns an argument as it stands in a query."""
    return str(value).lower() if isinstance(value, bool) else str(value)
