"""URLs and their query parameters, parsed by the rules of the WHATWG standard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import ada_url

from isthmus.expressions.errors import make_function_error, make_limit_error
from isthmus.expressions.host_value import Host, make_host_type
from isthmus.expressions.library import Evaluation
from isthmus.expressions.limits import DEFAULT_ITEMS

__all__ = ["SEARCH_PARAMS", "URL", "SearchParams", "Url"]

Item = TypeVar("Item")

_PARTS: Final = (
    "href",
    "origin",
    "protocol",
    "username",
    "password",
    "host",
    "hostname",
    "port",
    "pathname",
    "hash",
    "search",
)


class SearchParams(Host):
    """The parsed query of a URL; names may repeat. Raises `ExpressionError` for more parameters than a list
    may have items."""

    __slots__ = ("_parsed",)

    def __init__(self, query: str) -> None:
        if query.count("&") >= DEFAULT_ITEMS:
            raise make_limit_error("searchParams", "items", DEFAULT_ITEMS)
        self._parsed = ada_url.URLSearchParams(query)

    def to_text(self) -> str:
        """Return the query string, without a `?`."""
        return str(self._parsed)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All names with their values, in order; a name may occur more than once."""
        return list(self._parsed.items())

    def get(self, name: object) -> str | None:
        """Return the first value of a name; None where there is none."""
        return next((value for key, value in self.pairs if key == name), None)

    def get_all(self, name: object) -> list[str]:
        """Return all values of a name, in order."""
        return [value for key, value in self.pairs if key == name]


class Url(Host):
    """An absolute URL. Raises `ExpressionError` with the message `Invalid URL` for anything else."""

    __slots__ = ("_parsed",)

    def __init__(self, url: str) -> None:
        try:
            self._parsed = ada_url.URL(url)
        except ValueError:
            raise make_function_error("parseUrl", "Invalid URL") from None

    def to_json(self) -> object:
        """Return the whole URL."""
        return self.to_text()

    def to_text(self) -> str:
        """Return the whole URL."""
        return self.get_part("href")

    def get_part(self, name: str) -> str:
        """Return the text of a part (`hostname`, `search`, …); `""` where the URL has none."""
        return str(getattr(self._parsed, name))

    @property
    def search_params(self) -> SearchParams:
        """The parameters of its query string."""
        return SearchParams(self.get_part("search"))


def _make_part_getter(name: str) -> Callable[[Url], str]:
    """Return the property of a URL that gives the part of that name."""
    return lambda url: url.get_part(name)


URL: Final = make_host_type(
    Url,
    {
        **{name: _make_part_getter(name) for name in _PARTS},
        "searchParams": lambda url: url.search_params,
    },
    {"toString": Url.to_text, "toJSON": Url.to_text},
    to_result=Url.to_text,
)


def _charge_list(evaluation: Evaluation, items: list[Item]) -> list[Item]:
    """Return a list of parts of the parameters; raises ExpressionError if it is too long."""
    evaluation.charge_items(len(items), "searchParams")
    return items


SEARCH_PARAMS: Final = make_host_type(
    SearchParams,
    {"size": lambda params: len(params.pairs)},
    {
        "get": SearchParams.get,
        "has": lambda params, name: any(key == name for key, _ in params.pairs),
        "getAll": lambda evaluation, params, name: _charge_list(evaluation, params.get_all(name)),
        "keys": lambda evaluation, params: _charge_list(evaluation, [key for key, _ in params.pairs]),
        "values": lambda evaluation, params: _charge_list(evaluation, [value for _, value in params.pairs]),
        "entries": lambda evaluation, params: _charge_list(evaluation, list(map(list, params.pairs))),
        "toString": SearchParams.to_text,
    },
    evaluation_methods=frozenset({"getAll", "keys", "values", "entries"}),
)
