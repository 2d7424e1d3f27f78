"""Settings: each is an environment variable `ISTHMUS_<NAME>`, read once at start.

`python -m isthmus.config` prints the reference page (`docs/reference/settings.md`).
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

__all__ = ["DatetimeStyle", "Network", "Settings", "check_key", "reference"]

Network = IPv4Network | IPv6Network
DatetimeStyle = Literal["space", "iso"]

MAKE_A_KEY = "make one with: python3 -c 'import secrets; print(secrets.token_urlsafe(32))'"
_KEY_CHARACTERS = 32
_KEY_VARIETY = 10
_TOKEN_CHARACTERS = 8


class _Wrong(ValueError):
    """What would be right, for a person; never the value itself, which may be a secret."""


def _about(read: Callable[[str], Any], doc: str, *, shown: str = "unset") -> Mapping[str, Any]:
    return {"read": read, "doc": doc, "shown": shown}


def _path(text: str) -> Path:
    return Path(text).expanduser()


def _secret(text: str) -> Secret[str]:
    return Secret(text)


def _keys(text: str) -> Secret[tuple[str, ...]]:
    keys = tuple(part.strip() for part in text.split(",") if part.strip())
    if not keys:
        raise _Wrong(f"one key, or several separated by commas; {MAKE_A_KEY}")
    for key in keys:
        _check_key(key)
    return Secret(keys)


def _check_key(key: str) -> None:
    weak = len(key) < _KEY_CHARACTERS or len(set(key)) < _KEY_VARIETY
    if weak or not key.isascii() or any(character.isspace() for character in key):
        raise _Wrong(
            f"random keys of at least {_KEY_CHARACTERS} ASCII characters, without spaces; {MAKE_A_KEY}"
        )


def check_key(key: str, where: str) -> None:
    """Raises SetupError, naming `where` the key came from, unless it is fit to seal secrets."""
    try:
        _check_key(key)
    except _Wrong as wrong:
        raise SetupError(f"{where} must hold {wrong}") from None


def _token(text: str) -> Secret[str]:
    if len(text) < _TOKEN_CHARACTERS or not text.isascii() or not text.isprintable() or " " in text:
        raise _Wrong(
            f"a token of at least {_TOKEN_CHARACTERS} printable ASCII characters without spaces; {MAKE_A_KEY}"
        )
    return Secret(text)


def _origin(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise _Wrong("an absolute http or https URL, for example https://api.example.com")
    return text.rstrip("/")


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())
    except ValueError:
        raise _Wrong("networks separated by commas, for example 127.0.0.0/8,10.1.0.0/16") from None


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise _Wrong(f"a whole number from {least} to {most}")
        return int(text)

    return read


def _seconds(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise _Wrong(f"a number of seconds from {least:g} to {most:g}")
        return value

    return read


def _hosts(text: str) -> tuple[str, ...]:
    """Host names in lower case; `http://` before one that may be reached without TLS."""
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in found:
        name = host.removeprefix("http://")
        if urlsplit(f"//{name}").hostname != name or not name.isascii():
            raise _Wrong(
                "host names separated by commas, without paths and ports, for example "
                "api.example.com,http://parser.internal"
            )
    return found


def _limits(text: str) -> Mapping[str, float]:
    found: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, number = (piece.strip() for piece in part.partition("="))
        try:
            value = float(number)
        except ValueError:
            value = 0.0
        if not name or not 0 < value < 1e12:
            raise _Wrong("limits as name=number, separated by commas, for example seconds=10,items=500000")
        found[name] = value
    return found


def _switch(text: str) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if text.lower() not in words:
        raise _Wrong("true or false")
    return words[text.lower()]


def _flag(text: str) -> bool:
    return _one_of("true", "false")(text) == "true"


_NAME_PARTS = ("integration", "resource", "one", "method")
_NAME = re.compile(r"(?:[A-Za-z0-9_-]|\{(?:" + "|".join(_NAME_PARTS) + r")\})+")


def _tool_name(text: str) -> str:
    is_told_apart = "{method}" in text and ("{resource}" in text or "{one}" in text)
    if not _NAME.fullmatch(text) or not is_told_apart:
        raise _Wrong(
            f"letters, digits, _ and - around {', '.join(f'{{{name}}}' for name in _NAME_PARTS)}; {{method}} "
            "and one of {resource} and {one} must be among them"
        )
    return text


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise _Wrong(f"one of {', '.join(words)}")
        return text

    return read


_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Field `name` is the variable `ISTHMUS_NAME`. An empty variable counts as unset."""

    data_dir: Path = field(
        default=Path(".isthmus"),
        metadata=_about(
            _path,
            "Directory of what the embedded default keeps: the SQLite file and the key file. "
            "Made with mode 0700 if absent. Back it up as a whole.",
            shown="`.isthmus` in the working directory",
        ),
    )
    database_url: Secret[str] | None = field(
        default=None,
        metadata=_about(
            _secret,
            "`postgresql://user:password@host:5432/name`, or `sqlite:////absolute/path/isthmus.sqlite3`.",
            shown="`isthmus.sqlite3` in the data directory",
        ),
    )
    database_pool_size: int = field(
        default=10,
        metadata=_about(
            _whole(2, 200),
            "Most connections to PostgreSQL that a process's requests and background work share; it holds up "
            "to 6 more for its queue and for notifications.",
            shown="`10`",
        ),
    )
    secret_key: Secret[tuple[str, ...]] | None = field(
        default=None,
        metadata=_about(
            _keys,
            "Keys that seal stored secrets, separated by commas: the first seals, all open. At least 32 "
            "random characters each; `python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` makes "
            "one. Required with PostgreSQL.",
            shown="SQLite: a key file `secret.key` (mode 0600) in the data directory",
        ),
    )
    bootstrap_token: Secret[str] | None = field(
        default=None,
        metadata=_about(
            _token,
            "The API token that the first start creates, instead of a random one that it prints. "
            "Make it as long and random as a key. Without effect once a team exists.",
            shown="unset: a random one",
        ),
    )
    public_api_url: str | None = field(
        default=None,
        metadata=_about(
            _origin, "The URL under which clients reach the API.", shown="`http://` and the address served"
        ),
    )
    public_app_url: str | None = field(
        default=None,
        metadata=_about(
            _origin,
            "The URL under which people reach the pages.",
            shown="the same as `ISTHMUS_PUBLIC_API_URL`",
        ),
    )
    egress_allow: tuple[Network, ...] = field(
        default=(),
        metadata=_about(
            _networks,
            "Networks, separated by commas, that outgoing requests may reach although they are private: "
            "for example `127.0.0.0/8`. Every other private, loopback or link-local address is refused.",
            shown="none",
        ),
    )
    token_rate_limit: int = field(
        default=0,
        metadata=_about(
            _whole(0, 1_000_000),
            "Requests in 10 seconds that one token may make; 0 = no limit. (The platform's own: 500.)",
            shown="`0`",
        ),
    )
    account_rate_limit: int = field(
        default=0,
        metadata=_about(
            _whole(0, 1_000_000),
            "Unified, proxy and custom requests in 10 seconds to one integrated account; 0 = no limit. "
            "(The platform's own: 50.)",
            shown="`0`",
        ),
    )
    batch_max_nodes: int = field(
        default=50, metadata=_about(_whole(1, 1_000), "Nodes that a batch request may have.", shown="`50`")
    )
    batch_max_calls: int = field(
        default=1_000,
        metadata=_about(
            _whole(1, 100_000),
            "Calls that one node of a batch may make: loop and recursion together, pages not counted.",
            shown="`1000`",
        ),
    )
    batch_max_pages: int = field(
        default=100, metadata=_about(_whole(1, 100_000), "Pages of one list in a batch.", shown="`100`")
    )
    batch_max_records: int = field(
        default=10_000,
        metadata=_about(
            _whole(1, 1_000_000), "Records that the nodes of a batch may give together.", shown="`10000`"
        ),
    )
    batch_seconds: float = field(
        default=25.0,
        metadata=_about(
            _seconds(1, 3_600),
            "How long a batch may run; nodes that are left then get an error 504. Clients give up after 30 s "
            "unless told otherwise.",
            shown="`25`",
        ),
    )
    batch_concurrency: int = field(
        default=5,
        metadata=_about(
            _whole(1, 100), "Calls of one batch that are under way at the same time.", shown="`5`"
        ),
    )
    strict_version: bool = field(
        default=False,
        metadata=_about(
            _flag,
            "`true`: a PATCH of an integration or unified model must send the `version` it read. Else it is "
            "only compared where it is sent; some clients cannot send it.",
            shown="`false`",
        ),
    )
    tool_name_template: str | None = field(
        default=None,
        metadata=_about(
            _tool_name,
            "How tools are named, for example `{integration}_{method}_{resource}`; `{one}` is the resource "
            "in the singular. Each part is put in snake_case. Unset: the "
            "[usual names](tools.md#tools), such as `list_all_<integration>_<resource>`.",
        ),
    )
    renew_ahead: bool = field(
        default=True,
        metadata=_about(
            _flag,
            "`false`: access tokens are only renewed by a call that needs one. Else also 5 minutes before "
            "they end, so that a refresh token which its provider ends when it is not used stays alive.",
            shown="`true`",
        ),
    )
    datetime_style: DatetimeStyle = field(
        default="space",
        metadata=_about(
            _one_of("space", "iso"),
            "How times of platform rows are written: `space` = `2024-09-01 10:00:00`, "
            "`iso` = `2024-09-01T10:00:00.000Z`. Both are UTC; input accepts both.",
            shown="`space`",
        ),
    )
    connect_timeout_seconds: float = field(
        default=10.0,
        metadata=_about(_seconds(0.1, 300), "Longest wait for a connection to a third party.", shown="`10`"),
    )
    max_request_bytes: int = field(
        default=50 * _MIB,
        metadata=_about(
            _whole(1024, 4096 * _MIB),
            "Largest body of a request to Isthmus; a larger one is answered with 413.",
            shown="`52428800` (50 MiB)",
        ),
    )
    max_response_bytes: int = field(
        default=10 * _MIB,
        metadata=_about(
            _whole(1024, 4096 * _MIB),
            "Largest third-party answer that is read into memory; a larger one is answered with 502. Parsed, "
            "the worst JSON takes some 30 times as much memory. Streamed files are not bounded.",
            shown="`10485760` (10 MiB)",
        ),
    )

    expression_limits: Mapping[str, float] = field(
        default_factory=dict,
        metadata=_about(
            _limits,
            "Limits of one evaluation of an expression, as `name=number` separated by commas: for example "
            "`seconds=10,items=500000`. The names are those of [limits](functions.md#limits).",
            shown="those of the table",
        ),
    )
    function_hosts: tuple[str, ...] = field(
        default=(),
        metadata=_about(
            _hosts,
            "Hosts, separated by commas, that functions of expressions may reach by https; `http://` before "
            "one allows it without TLS. They pass the same guard as all outgoing requests.",
            shown="none: no function reaches out",
        ),
    )
    parse_document: Literal["off", "local", "remote"] = field(
        default="off",
        metadata=_about(
            _one_of("off", "local", "remote"),
            "Where `$parseDocument` reads files: `local` in a process of its own (extra `documents`), "
            "`remote` at `ISTHMUS_DOCUMENT_SERVICE_URL`.",
            shown="`off`",
        ),
    )
    convert_md_to_pdf: Literal["local", "remote"] = field(
        default="local",
        metadata=_about(
            _one_of("local", "remote"),
            "Where `$convertMdToPdf` makes files: `local` in a process of its own (extra `pdf`), `remote` at "
            "`ISTHMUS_DOCUMENT_SERVICE_URL`.",
            shown="`local`",
        ),
    )
    document_service_url: str | None = field(
        default=None,
        metadata=_about(
            _origin,
            "The service with `/parse` and `/md-to-pdf` that `remote` means. Its host must be among "
            "`ISTHMUS_FUNCTION_HOSTS`.",
        ),
    )
    document_service_key: Secret[str] | None = field(
        default=None, metadata=_about(_secret, "The key of that service.")
    )
    embeddings_url: str | None = field(
        default=None,
        metadata=_about(
            _origin,
            "The address that `$generateEmbeddingsCohere` asks, such as `https://api.example.com/v2/embed`. "
            "Its host must be among `ISTHMUS_FUNCTION_HOSTS`.",
            shown="unset: the function is off",
        ),
    )
    strict_compat: bool = field(
        default=False,
        metadata=_about(
            _switch,
            "`true`: functions also give those results of the platform's own that nobody could use; "
            "[which](functions.md#switches).",
            shown="`false`",
        ),
    )
    currency_exact: bool = field(
        default=False,
        metadata=_about(
            _switch,
            "`true`: `$convertCurrencyToSubunit` counts in decimals, so that 19.99 is 1999; `false` as the "
            "platform's own does: 1998.",
            shown="`false`",
        ),
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Raises SetupError that names every bad variable and what would be right."""
        given = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        problems: list[str] = []
        for each in fields(cls):
            text = given.get(variable(each), "").strip()
            if not text:
                continue
            try:
                values[each.name] = each.metadata["read"](text)
            except _Wrong as wrong:
                problems.append(f"{variable(each)} must be {wrong}")
        if problems:
            raise SetupError(". ".join(problems) + ".")
        return cls(**values)

    @property
    def key_file(self) -> Path:
        return self.data_dir / "secret.key"

    @property
    def resolved_database_url(self) -> Secret[str]:
        """`database_url`, or that of the SQLite file in the data directory."""
        if self.database_url is not None:
            return self.database_url
        return Secret(f"sqlite:///{self.data_dir.absolute() / 'isthmus.sqlite3'}")


def variable(setting: Field[Any]) -> str:
    return f"ISTHMUS_{setting.name.upper()}"


def reference() -> str:
    """The reference page of the settings, in Markdown."""
    lines = [
        "# Settings",
        "",
        "<!-- Generated by `python -m isthmus.config`; a test holds it to the code. -->",
        "",
        "Each setting is an environment variable, read once at start. An empty variable counts as unset. "
        "A value that cannot be right ends the command with a message that names the variable. "
        "Host and port are options of `isthmus serve`.",
        "",
        "| variable | default | meaning |",
        "| --- | --- | --- |",
    ]
    for each in fields(Settings):
        lines.append(f"| `{variable(each)}` | {each.metadata['shown']} | {each.metadata['doc']} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference())
