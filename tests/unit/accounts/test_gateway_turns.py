"""What a gateway asks a definition's expressions holds up nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest
from tests.unit.expressions.test_turns import ENDLESS, turns_counted

from isthmus.accounts.gateway import Gateway, GatewayAccount, GatewayParts
from isthmus.definitions import load_integration
from isthmus.engine import proxy
from isthmus.engine.calls import read_call
from isthmus.engine.ports import AccountFacts
from isthmus.engine.results import ListResult
from isthmus.engine.scopes import Evaluations, evaluating
from isthmus.errors import MappingFailed
from isthmus.expressions import Limits
from isthmus.http.messages import HttpRequest, HttpResponse
from isthmus.kit.clock import SystemClock


class AtOnce:
    """A way out that answers before anybody else could have a turn, and an account that nobody waits at."""

    is_free = True

    async def send(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, {"content-type": "application/json"}, b"[]", request.url)

    def succeeded(self) -> None:
        """Nobody stands behind."""

    failed = succeeded

    def record(self, record: object) -> None:
        """Nobody reads the log."""


@pytest.mark.parametrize(
    ("config", "fails"),
    [
        ({"rate_limit": {"is_rate_limited": ENDLESS}}, False),
        ({"error_expression": ENDLESS}, False),
        ({"authorization": {"format": "header", "config": {"expression": ENDLESS}}}, True),
    ],
)
async def test_others_have_their_turn(config: Mapping[str, Any], fails: bool) -> None:
    definition = load_integration(
        {"base_url": "https://api.acme.test", "resources": {"things": {"list": {"path": "/l"}}}, **config}
    )
    ports = cast(Any, AtOnce())
    parts = GatewayParts(ports, SystemClock(), ports, ports, ports, ports)
    facts = AccountFacts("a", "t", "e", authentication_method="api_key")
    account = GatewayAccount(facts, "acme", definition, {"api_key": "k"}, 1, ports, ports)
    call = proxy.call(Gateway(parts, account, "r"), definition, "things", read_call("list"))
    async with turns_counted() as turns:
        with evaluating(Evaluations(limits=Limits(seconds=0.2))):
            if fails:
                with pytest.raises(MappingFailed, match="seconds"):
                    await call
            else:
                assert isinstance(await call, ListResult)
        assert turns() > 1
