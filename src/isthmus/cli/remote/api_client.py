"""The client with which commands call the HTTP API of a server, and the exit codes of failed calls."""

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

from isthmus.cli.record_output import Json, get_at_path, replace_control_characters
from isthmus.cli.remote.profiles.profile_file import Profiles
from isthmus.config.command_variables import API_TOKEN, API_URL
from isthmus.errors import IsthmusError, SetupError
from isthmus.kit.call_warnings import WARNING_HEADER, parse_warning_header

__all__ = [
    "IDEMPOTENCY_KEY",
    "ApiClient",
    "ApiResponse",
    "RemoteCallFailed",
    "check_server_url",
    "choose_server_url",
    "get_configured_url",
    "report_error",
    "require_value",
    "run_command",
]

Found = TypeVar("Found")

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
_DEFAULT_URL: Final = "http://127.0.0.1:8000"
_TIMEOUT_SECONDS: Final = 60.0
_EXIT_CODES: Final[Mapping[int, int]] = {401: 3, 403: 3, 404: 4, 409: 6, 429: 7}
_MIN_REDIRECT_STATUS: Final = 300
_MIN_ERROR_STATUS: Final = 400
_UNKNOWN_API: Final = "the response is not one of this API. Is the address (--api-url) right?"
_RETRIED_STATUSES: Final = frozenset({429, 502, 503, 504})
_MAX_TRIES: Final = 3
_MAX_WAIT_SECONDS: Final = 60
_MIN_SERVER_ERROR_STATUS: Final = 500
_UNREACHABLE_EXIT_CODE: Final = 5


class RemoteCallFailed(Exception):
    """A call failed. `code`: the exit code of the command. `status`: of the response, None where there was
    none."""

    def __init__(self, message: str, code: int, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the server. `content_type`: without parameters."""

    status: int
    content_type: str
    body: bytes


class ApiClient:
    """Calls the API of one server, with a token. `url`, `token`: None for those of environment variables,
    otherwise of the active profile. The token of a profile is only sent to the profile's server, and a token
    variable only to the URL variable of the same prefix. Raises SetupError if there is no token."""

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        set_url, set_token = _read_environment(has_url=url is not None)
        url, token = url or set_url, token or set_token
        profile = Profiles().get_active_profile() if url is None or token is None else {}
        self.url = check_server_url(url or profile.get("apiUrl") or _DEFAULT_URL)
        stored = profile.get("token") if self.url == profile.get("apiUrl", _DEFAULT_URL) else None
        self.token = token or stored or ""
        if not self.token:
            raise SetupError(
                f"no token for {self.url}: run `isthmus login`, or set {_find_token_variable()}, or give "
                "--token. `isthmus tokens create` makes one, beside the server."
            )
        if not (self.token.isascii() and self.token.isprintable()):
            raise SetupError("the token holds characters that no token has: was more than the token copied?")
        self._headers = {"authorization": f"Bearer {self.token}"}
        self._session: aiohttp.ClientSession | None = None
        self._warned: set[str] = set()

    async def __aenter__(self) -> ApiClient:
        """Opens the connection to the server."""
        self._session = aiohttp.ClientSession(
            headers=self._headers, timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the connection."""
        if self._session is not None:
            await self._session.close()

    async def call(
        self, verb: str, path: str, *, params: Mapping[str, str] | None = None, body: Json = None
    ) -> Json:
        """Makes a call and returns the JSON of a successful response, None for an empty one. `path`:
        percent-encoded. Raises RemoteCallFailed with the server's message."""
        answer = await self.send(verb, path, params=params, body=body)
        try:
            return json.loads(answer.body) if answer.body.strip() else None
        except (ValueError, RecursionError) as error:
            raise RemoteCallFailed(
                f"{verb} {path}: the response is not JSON.", _UNREACHABLE_EXIT_CODE
            ) from error

    async def send(
        self,
        verb: str,
        path: str,
        *,
        params: Mapping[str, str] | Sequence[tuple[str, str]] | None = None,
        body: Json = None,
        headers: Mapping[str, str] | None = None,
    ) -> ApiResponse:
        """Sends a request and returns the successful response. A GET, or a request with an idempotency key,
        is retried if the server is busy: after its Retry-After, otherwise after half a second, then one. What
        the response's warnings say is printed on standard error.
        Raises RemoteCallFailed."""
        if self._session is None:
            raise SetupError("the connection to the server is not open.")
        query = f"?{urlencode(params, errors='surrogateescape')}" if params else ""
        url = URL(f"{self.url}{path}{query}", encoded=True)
        is_repeatable = verb == "GET" or IDEMPOTENCY_KEY in (headers or ())
        tries = _MAX_TRIES if is_repeatable else 1
        for number in range(1, tries + 1):
            try:
                async with self._session.request(
                    verb, url, json=body, headers=headers, allow_redirects=False
                ) as response:
                    answer = ApiResponse(response.status, response.content_type, await response.read())
                    wait = response.headers.get("retry-after", "")
                    location = response.headers.get("location", "")
                    warnings = response.headers.get(WARNING_HEADER, "")
            except (aiohttp.ClientError, TimeoutError) as error:
                raise RemoteCallFailed(
                    _make_connection_error_message(self.url, error), _UNREACHABLE_EXIT_CODE
                ) from error
            except ValueError as error:  # an invalid header or verb, before anything is sent
                raise SetupError(f"this request cannot be sent: {error}") from error
            if answer.status not in _RETRIED_STATUSES or number == tries:
                break
            await asyncio.sleep(min(_MAX_WAIT_SECONDS, int(wait)) if wait.isdigit() else 2 ** (number - 2))
        if _MIN_REDIRECT_STATUS <= answer.status < _MIN_ERROR_STATUS:
            raise RemoteCallFailed(
                f"{self.url} redirects to {replace_control_characters(location) or 'nowhere'}: the token is "
                "only sent to the address that was given. Give the new one with --api-url if it is right.",
                _UNREACHABLE_EXIT_CODE,
                answer.status,
            )
        if answer.status >= _MIN_ERROR_STATUS:
            code = (
                _UNREACHABLE_EXIT_CODE
                if answer.status >= _MIN_SERVER_ERROR_STATUS
                else _EXIT_CODES.get(answer.status, 1)
            )
            message = replace_control_characters(
                _read_error_message(answer.body) or f"status {answer.status}"
            )
            raise RemoteCallFailed(f"{verb} {path}: {message}", code, answer.status)
        self._print_warnings(warnings)
        return answer

    def _print_warnings(self, header: str) -> None:
        """Prints on standard error what a call left out; what an earlier call left out as well only once."""
        for warning in parse_warning_header(header):
            if warning.message not in self._warned:
                self._warned.add(warning.message)
                typer.echo(f"isthmus: warning: {replace_control_characters(warning.message)}", err=True)

    async def fetch_all_rows(self, path: str, **params: str) -> list[dict[str, Json]]:
        """Fetches all pages of a list, and returns the rows. `params`: filters."""
        all_rows: list[dict[str, Json]] = []
        cursor: str | None = None
        while True:
            page = {**params, "limit": "100"} | ({"next_cursor": cursor} if cursor else {})
            rows, cursor = await self.fetch_page(path, page)
            all_rows += rows
            if not cursor:
                return all_rows

    async def fetch_page(self, path: str, params: Mapping[str, str]) -> tuple[list[Json], str | None]:
        """Fetches one page of a list; returns its rows, and the cursor of the next page, None on the last."""
        answer = await self.call("GET", path, params=params)
        rows = require_value(answer, "result")
        if not isinstance(rows, list):
            raise RemoteCallFailed(_UNKNOWN_API, _UNREACHABLE_EXIT_CODE)
        return rows, get_at_path(answer, "next_cursor")


def report_error(error: RemoteCallFailed | IsthmusError, *, addition: str = "") -> int:
    """Prints the error that ends a command on standard error. Returns the exit code: that of the failed call,
    2 for wrong usage."""
    typer.echo(f"isthmus: {error.message}{addition}", err=True)
    return error.code if isinstance(error, RemoteCallFailed) else 2


def run_command(
    api_url: str | None,
    token: str | None,
    call_server: Callable[[ApiClient], Awaitable[Found]],
    print_result: Callable[[Found], int],
) -> int:
    """Calls the server with `call_server` and prints the result. Returns the exit code of `print_result`, of
    the failed call, or 2 for wrong usage."""

    async def run() -> Found:
        """Makes the call with an open connection."""
        async with ApiClient(api_url, token) as remote:
            return await call_server(remote)

    try:
        return print_result(asyncio.run(run()))
    except (RemoteCallFailed, IsthmusError) as error:
        return report_error(error)


def _read_error_message(body: bytes) -> str | None:
    """Returns the message of an error response, with every failure if there are several; None if it has
    none."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    message, failures = get_at_path(answer, "message"), get_at_path(answer, "details.failures")
    if isinstance(failures, list) and len(failures) > 1:
        return "; ".join(
            f"{get_at_path(failure, 'path')}: {get_at_path(failure, 'message')}" for failure in failures
        )
    return message if isinstance(message, str) else None


def _make_connection_error_message(url: str, error: Exception) -> str:
    """Returns the message for a connection that failed. It names the address, not sockets or TLS as the
    client's error does."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return (
            f"{url} does not respond: nothing listens there. Start the server, or give --api-url or "
            f"{API_URL[0]}."
        )
    return f"{url} does not respond: {error or type(error).__name__}"


def choose_server_url(option: str | None, stored: str | None) -> str:
    """Returns the server that commands are configured with: that of the option, otherwise that of the
    environment, otherwise that of a profile (`stored`). Raises SetupError for an invalid URL."""
    return check_server_url(option or _find_set_variable(API_URL) or stored or _DEFAULT_URL)


def get_configured_url() -> str:
    """Returns the address of the server that commands call if they have no `--api-url`. Raises SetupError."""
    return choose_server_url(None, Profiles().get_active_profile().get("apiUrl"))


def check_server_url(url_text: str) -> str:
    """Returns the URL of a server without a trailing slash. Raises SetupError for an invalid URL, without
    repeating it, because it may hold a password."""
    try:
        url = URL(url_text)
        is_valid = url.scheme in ("http", "https") and bool(url.host) and not (url.query or url.fragment)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise SetupError("the server's address is invalid: it has the form https://api.example.com.")
    if url.user is not None or url.password is not None:
        raise SetupError("the server's address holds a user or a password: a token is all that is sent.")
    return url_text.rstrip("/")


def require_value(answer: Json, path: str) -> Json:
    """Returns the value at a dotted path of a response. Raises RemoteCallFailed if there is none: another
    program responds at this address."""
    value = get_at_path(answer, path)
    if value is None:
        raise RemoteCallFailed(_UNKNOWN_API, _UNREACHABLE_EXIT_CODE)
    return value


def _read_environment(*, has_url: bool) -> tuple[str | None, str | None]:
    """Returns URL and token of the variables with one prefix: the first whose URL is set, otherwise the first
    whose token is; each None if not set. `has_url`: a URL was given, so that URL variables do not count."""
    pairs = [
        (os.environ.get(url) or None, os.environ.get(token) or None)
        for url, token in zip(API_URL, API_TOKEN, strict=True)
    ]
    by_url = [] if has_url else [pair for pair in pairs if pair[0]]
    return next(iter(by_url + [pair for pair in pairs if pair[1]]), (None, None))


def _find_token_variable() -> str:
    """Returns the name of the token variable that belongs to the URL variable that is set."""
    names = zip(API_URL, API_TOKEN, strict=True)
    return next((token for url, token in names if os.environ.get(url)), API_TOKEN[0])


def _find_set_variable(names: tuple[str, ...]) -> str | None:
    """Returns the value of the first variable that is set; None if none is."""
    return next((value for name in names if (value := os.environ.get(name))), None)
