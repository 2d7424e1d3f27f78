"""Generated calls of every operation of the OpenAPI document; answers are held to what it says of them."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

__all__ = ["Fuzzed", "Target", "fuzzed"]

_CHECKED: Final = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
_OTHER_SHAPES: Final = frozenset({"select", "isthmus_explain"})
"""Parameters that ask for another answer than the route's own, as their descriptions say."""
_ORDER: Final = ("get", "head", "options", "post", "put", "patch", "delete")
_REAL: Final = 0.8
"""How often a name or id is one that there is; the others are generated."""


@dataclass(frozen=True, slots=True)
class Target:
    """An account with something of a unified model and of its integration to call."""

    account: str
    model: str
    resource: str
    proxied: str
    id: str


@dataclass
class Fuzzed:
    """`failures`: what is wrong with an answer, one for each operation at most."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    @property
    def cases(self) -> int:
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class _Fuzzer:
    url: str
    token: str
    ids: Mapping[str, str]
    targets: Sequence[Target]
    session: requests.Session
    found: Fuzzed

    def fuzz(self, operation: Any, examples: int, seed: int) -> None:
        """Valid and invalid values in turn."""
        valid = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        cases = st.one_of(valid, operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

        @hypothesis.seed(seed)
        @settings(
            max_examples=examples,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
            print_blob=False,
        )
        @given(case=cases, chance=st.integers(0, 2**32 - 1))
        def check(case: Case[Any], chance: int) -> None:
            self.check(case, random.Random(chance))

        try:
            check()
        except FailureGroup as failed:
            self.found.failures.append(f"{operation.label}: {failed}")
        except AssertionError as failed:
            self.found.failures.append(f"{operation.label}: {failed}")
        except Exception as failed:
            told = "\n".join(map(str, getattr(failed, "exceptions", (failed,))))
            self.found.failures.append(f"{operation.label}: {type(failed).__name__}: {told}")

    def check(self, case: Case[Any], source: random.Random) -> None:
        self.aim(case, source)
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = case.call(base_url=self.url, session=self.session, headers=headers, auth=self.authorized)
        self.found.statuses[answer.status_code] += 1
        told = f"\n{case.as_curl_command()}\n{answer.status_code} {answer.text[:1_000]}"
        assert answer.status_code != 500 or _is_of_a_mapping(answer.text), f"failed{told}"
        checked = _CHECKED if _OTHER_SHAPES.isdisjoint(case.query or ()) else _CHECKED[:-1]
        case.validate_response(answer, checks=checked, headers=headers)

    def authorized(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """With the token: also where the generated call is one that leaves headers out."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def aim(self, case: Case[Any], source: random.Random) -> None:
        """At what there is, mostly: nothing can be said of a route by ids alone that nobody has."""
        path = case.operation.path
        fitting = [each for each in self.targets if path.startswith(f"/unified/{each.model}/")]
        target = source.choice(fitting or self.targets)
        names = case.path_parameters or {}
        prefix = next((each for each in self.ids if path.startswith(f"{each}/{{id}}")), None)
        known = {
            "model": target.model,
            "resource": target.proxied if path.startswith("/proxy") else target.resource,
            "id": target.id if prefix is None else self.ids[prefix],
            "integration": "larkdesk",
            "method": "list",
            "name": "integration",
            "path": f"v1/{target.proxied}",
        }
        for name in names:
            if name in known and source.random() < _REAL:
                names[name] = known[name]
        takes = {each.name for each in case.operation.query}
        if "integrated_account_id" in takes and source.random() < _REAL:
            case.query = {**(case.query or {}), "integrated_account_id": target.account}


def fuzzed(
    url: str,
    token: str,
    *,
    ids: Mapping[str, str],
    targets: Sequence[Target],
    cases: int,
    seed: int,
) -> Fuzzed:
    """Calls over all operations, those that delete last. `ids`: one by the path that serves it."""
    found = Fuzzed()
    headers = {"Authorization": f"Bearer {token}"}
    document = requests.get(f"{url}/openapi.json", headers=headers, timeout=60).json()
    schema = schemathesis.openapi.from_dict(document, config=SchemathesisConfig(seed=seed))
    operations = [operation.ok() for operation in schema.get_all_operations() if isinstance(operation, Ok)]
    assert len(operations) == sum(map(len, document["paths"].values()))
    operations.sort(key=lambda operation: _ORDER.index(operation.method))
    source = random.Random(seed)
    examples = _shares(len(operations), cases, source)
    with requests.Session() as session:
        session.trust_env = False
        fuzzer = _Fuzzer(url, token, ids, targets, session, found)
        for operation, count in zip(operations, examples, strict=True):
            if count:
                fuzzer.fuzz(operation, count, source.randrange(2**32))
    return found


def _shares(operations: int, cases: int, source: random.Random) -> list[int]:
    """Returns how many of the cases each operation gets: the same, and what is left over to some of them."""
    share, remainder = divmod(cases, operations)
    lucky = set(source.sample(range(operations), remainder))
    return [share + (index in lucky) for index in range(operations)]


def _is_of_a_mapping(text: str) -> bool:
    """Returns True for a 500 that the author of a mapping can mend: its message names the field
    (`docs/reference/errors.md`)."""
    try:
        details = json.loads(text).get("details")
    except ValueError:
        return False
    return isinstance(details, dict) and "field" in details
