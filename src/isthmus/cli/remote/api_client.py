"""The HTTP API as a command calls it: address, token, and the exit code of what fails (`cli.md` §2, §10)."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, TypeVar
from urllib.parse import urlencode

import aiohttp
import typer
from yarl import URL

from isthmus.cli.record_output import Json, at, printable
from isthmus.cli.remote.profiles.profile_file import Profiles
from isthmus.config.command_variables import API_TOKEN, API_URL
from isthmus.errors import IsthmusError, SetupError

__all__ = [
    "IDEMPOTENCY_KEY",
    "Answer",
    "Remote",
    "RemoteCallFailed",
    "ended_by",
    "expected",
    "ran",
    "server_url",
    "url_of",
]

Found = TypeVar("Found")

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_DEFAULT_URL: Final = "http://127.0.0.1:8000"
_SECONDS: Final = 60.0
_CODES: Final[Mapping[int, int]] = {401: 3, 403: 3, 404: 4, 409: 6, 429: 7}
_REDIRECT: Final = 300
_REFUSED: Final = 400
_STRANGE: Final = "the answer is none of this API. Is it the right address (--api-url)?"
_PASSING: Final = frozenset({429, 502, 503, 504})
_TRIES: Final = 3
_LONGEST_WAIT: Final = 60
_SERVER_FAULT: Final = 500
_UNREACHABLE: Final = 5


class RemoteCallFailed(Exception):
    """`code`: that the command exits with. `status`: of the answer, None where there was none."""

    def __init__(self, message: str, code: int, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """`content_type`: without parameters."""

    status: int
    content_type: str
    body: bytes


class Remote:
    """`url`, `token`: None for those of the environment, else of the profile. The token of a profile goes to
    its own server alone, and that of a family of variables to no address of another. Raises SetupError
    without a token."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        set_url, set_token = _of_the_environment(is_elsewhere=url is not None)
        url, token = url or set_url, token or set_token
        profile = Profiles().current() if url is None or token is None else {}
        self.url = server_url(url or profile.get("apiUrl") or _DEFAULT_URL)
        kept = profile.get("token") if self.url == profile.get("apiUrl", _DEFAULT_URL) else None
        self.token = token or kept or ""
        if not self.token:
            raise SetupError(
                f"no token for {self.url}: `isthmus login`, or set {_variable_of_the_token()}, or give "
                "--token. `isthmus tokens create` makes one, beside the server."
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise SetupError("the token holds characters that no token has: was more copied than the token?")
        self._headers = {"authorization": f"Bearer {self.token}"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Remote:
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=_SECONDS)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def call(
        self, verb: str, path: str, *, params: Mapping[str, str] | None = None, body: Json = None
    ) -> Json:
        """The JSON of a success, None where there is none. Raises RemoteCallFailed with the server's own
        message. `path`: percent-encoded already."""
        answer = await self.send(verb, path, params=params, body=body)
        try:
            return json.loads(answer.body) if answer.body.strip() else None
        except (ValueError, RecursionError) as error:
            raise RemoteCallFailed(f"{verb} {path}: the answer is not JSON.", _UNREACHABLE) from error

    async def send(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """A success, as it came. What only reads, or has a key, is sent again where the server is busy: after
        its Retry-After, or half a second, then one. Raises RemoteCallFailed."""
        if self._session is None:
            raise SetupError("the connection to the server is not open.")
        query = f"?{urlencode(params, errors='surrogateescape')}" if params else ""
        url = URL(f"{self.url}{path}{query}", encoded=True)
        is_repeatable = verb == "GET" or IDEMPOTENCY_KEY in (headers or ())
        tries = _TRIES if is_repeatable else 1
        for number in range(1, tries + 1):
            try:
                async with self._session.request(
                    verb, url, json=body, headers=headers, allow_redirects=False
                ) as response:
                    answer = Answer(response.status, response.content_type, await response.read())
                    wait = response.headers.get("retry-after", "")
                    elsewhere = response.headers.get("location", "")
            except (aiohttp.ClientError, TimeoutError) as error:
                raise RemoteCallFailed(_unanswered(self.url, error), _UNREACHABLE) from error
            except ValueError as error:  # of a header or a verb, before anything is sent
                raise SetupError(f"this cannot be sent: {error}") from error
            if answer.status not in _PASSING or number == tries:
                break
            await asyncio.sleep(min(_LONGEST_WAIT, int(wait)) if wait.isdigit() else 2 ** (number - 2))
        if _REDIRECT <= answer.status < _REFUSED:
            raise RemoteCallFailed(
                f"{self.url} sends to {printable(elsewhere) or 'nowhere'}: the token goes to no address that "
                "was not named. Name that one with --api-url, if it is right.",
                _UNREACHABLE,
                answer.status,
            )
        if answer.status >= _REFUSED:
            code = _UNREACHABLE if answer.status >= _SERVER_FAULT else _CODES.get(answer.status, 1)
            message = printable(_message(answer.body) or f"status {answer.status}")
            raise RemoteCallFailed(f"{verb} {path}: {message}", code, answer.status)
        return answer

    async def rows(self, path: str, **params: str) -> list[dict[str, Json]]:
        """Every row of a list that the filters leave."""
        found: list[dict[str, Json]] = []
        cursor: str | None = None
        while True:
            page = {**params, "limit": "100"} | ({"next_cursor": cursor} if cursor else {})
            rows, cursor = await self.page(path, page)
            found += rows
            if not cursor:
                return found

    async def page(self, path: str, params: Mapping[str, str]) -> tuple[list[Json], str | None]:
        """One page of a list, and the cursor of the next one, None at the end."""
        answer = await self.call("GET", path, params=params)
        rows = expected(answer, "result")
        if not isinstance(rows, list):
            raise RemoteCallFailed(_STRANGE, _UNREACHABLE)
        return rows, at(answer, "next_cursor")


def ended_by(error: RemoteCallFailed | IsthmusError, *, also: str = "") -> int:
    """Says on standard error what ends a command. The exit code: the failed call's, 2 for what is asked for
    wrongly."""
    typer.echo(f"isthmus: {error.message}{also}", err=True)
    return error.code if isinstance(error, RemoteCallFailed) else 2


def ran(
    api_url: str | None,
    token: str | None,
    work: Callable[[Remote], Awaitable[Found]],
    shown: Callable[[Found], int],
) -> int:
    """The exit code: of the call that failed, 2 for what is asked for wrongly, else that of `shown`."""

    async def run() -> Found:
        async with Remote(api_url, token) as remote:
            return await work(remote)

    try:
        return shown(asyncio.run(run()))
    except (RemoteCallFailed, IsthmusError) as error:
        return ended_by(error)


def _message(body: bytes) -> str | None:
    """The server's own words; of several failures, each."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    message, failures = at(answer, "message"), at(answer, "details.failures")
    if isinstance(failures, list) and len(failures) > 1:
        return "; ".join(f"{at(each, 'path')}: {at(each, 'message')}" for each in failures)
    return message if isinstance(message, str) else None


def _unanswered(url: str, error: Exception) -> str:
    """A client's own words about a refused connection name sockets and TLS; what helps is the address."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"{url} does not answer: nothing listens there. Start it, or give --api-url or {API_URL[0]}."
    return f"{url} does not answer: {error or type(error).__name__}"


def url_of(given: str | None, kept: str | None) -> str:
    """The server for a login: the one given, that of the environment, or the one that was kept before."""
    return server_url(given or _first(API_URL) or kept or _DEFAULT_URL)


def server_url(written: str) -> str:
    """Without a slash at its end. Raises SetupError for what is no address of a server, and does not repeat
    what may be a password in it."""
    try:
        url = URL(written)
        is_right = url.scheme in ("http", "https") and bool(url.host) and not (url.query or url.fragment)
    except ValueError:
        is_right = False
    if not is_right:
        raise SetupError("the server's address is none: it has the form https://api.example.com.")
    if url.user is not None or url.password is not None:
        raise SetupError("the server's address holds a user or a password: a token is all that is sent.")
    return written.rstrip("/")


def expected(answer: Json, path: str) -> Json:
    """The value that an answer has at a dotted path. Raises RemoteCallFailed where it has none: another
    program answers there."""
    found = at(answer, path)
    if found is None:
        raise RemoteCallFailed(_STRANGE, _UNREACHABLE)
    return found


def _of_the_environment(*, is_elsewhere: bool) -> tuple[str | None, str | None]:
    """URL and token of one family of variables: the first whose URL is set, else the first whose token is.
    `is_elsewhere`: the URL is given, and those of the environment do not count."""
    families = [
        (os.environ.get(url) or None, os.environ.get(token) or None)
        for url, token in zip(API_URL, API_TOKEN, strict=True)
    ]
    by_url = [] if is_elsewhere else [each for each in families if each[0]]
    return next(iter(by_url + [each for each in families if each[1]]), (None, None))


def _variable_of_the_token() -> str:
    """That of the family whose URL is set."""
    names = zip(API_URL, API_TOKEN, strict=True)
    return next((token for url, token in names if os.environ.get(url)), API_TOKEN[0])


def _first(names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := os.environ.get(name))), None)
