"""The settings of a process. Each is an environment variable `ISTHMUS_<NAME>`, read once at start."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from isthmus.config import parsers
from isthmus.errors import SetupError
from isthmus.kit.secret import Secret

__all__ = ["DatetimeStyle", "Settings", "get_variable_name"]

DatetimeStyle = Literal["space", "iso"]
_MIB = 1024 * 1024


def _describe(parse: Callable[[str], Any], doc: str, *, shown: str = "unset") -> Mapping[str, Any]:
    """The metadata of a field: the parser of its text, and its meaning and default for the reference page."""
    return {"parse": parse, "doc": doc, "default_text": shown}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Field `name` is the variable `ISTHMUS_NAME`. An empty variable counts as unset."""

    data_dir: Path = field(
        default=Path(".isthmus"),
        metadata=_describe(
            parsers.parse_path,
            "Directory of what the embedded default keeps: the SQLite file and the key file. "
            "Made with mode 0700 if absent; refused if others may write to it. Back it up as a whole.",
            shown="`.isthmus` in the working directory",
        ),
    )
    database_url: Secret[str] | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_secret,
            "`postgresql://user:password@host:5432/name`, or `sqlite:////absolute/path/isthmus.sqlite3`.",
            shown="`isthmus.sqlite3` in the data directory",
        ),
    )
    database_pool_size: int = field(
        default=10,
        metadata=_describe(
            parsers.make_integer_parser(2, 200),
            "Most connections to PostgreSQL that a process's requests and background work share; it holds up "
            "to 7 more for its queue, for notifications and to show that it runs.",
            shown="`10`",
        ),
    )
    secret_key: Secret[tuple[str, ...]] | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_keys,
            "Keys that seal stored secrets, separated by commas: the first seals, all open. At least 32 "
            "random characters each; `python3 -c 'import secrets; print(secrets.token_urlsafe(32))'` makes "
            "one. Required with PostgreSQL.",
            shown="SQLite: a key file `secret.key` (mode 0600) in the data directory",
        ),
    )
    bootstrap_token: Secret[str] | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_token,
            "The API token that the first start creates, instead of a random one that it prints. "
            "Make it as long and random as a key. Without effect once a team exists.",
            shown="unset: a random one",
        ),
    )
    public_api_url: str | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_origin,
            "The URL under which clients reach the API.",
            shown="`http://` and the address served",
        ),
    )
    public_app_url: str | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_origin,
            "The URL under which people reach the pages.",
            shown="the same as `ISTHMUS_PUBLIC_API_URL`",
        ),
    )
    egress_allow: tuple[parsers.Network, ...] = field(
        default=(),
        metadata=_describe(
            parsers.parse_networks,
            "Networks, separated by commas, that outgoing requests may reach although they are private: "
            "for example `127.0.0.0/8`. Every other private, loopback or link-local address is refused.",
            shown="none",
        ),
    )
    max_provider_wait_seconds: float = field(
        default=3_600.0,
        metadata=_describe(
            parsers.make_seconds_parser(1, 86_400),
            "How long a provider that limits the rate may make an account wait. A longer wait that it asks "
            "for is cut to this.",
            shown="`3600`",
        ),
    )
    token_rate_limit: int = field(
        default=0,
        metadata=_describe(
            parsers.make_integer_parser(0, 1_000_000),
            "Requests in 10 seconds that one token may make, in all processes together; 0 = no limit. "
            "(The platform's own: 500.)",
            shown="`0`",
        ),
    )
    account_rate_limit: int = field(
        default=0,
        metadata=_describe(
            parsers.make_integer_parser(0, 1_000_000),
            "Unified, proxy and custom requests in 10 seconds to one integrated account, in all processes "
            "together; 0 = no limit. "
            "(The platform's own: 50.)",
            shown="`0`",
        ),
    )
    batch_max_nodes: int = field(
        default=50,
        metadata=_describe(
            parsers.make_integer_parser(1, 1_000), "Nodes that a batch request may have.", shown="`50`"
        ),
    )
    batch_max_calls: int = field(
        default=1_000,
        metadata=_describe(
            parsers.make_integer_parser(1, 100_000),
            "Calls that one node of a batch may make: loop and recursion together, pages not counted.",
            shown="`1000`",
        ),
    )
    batch_max_pages: int = field(
        default=100,
        metadata=_describe(
            parsers.make_integer_parser(1, 100_000), "Pages of one list in a batch.", shown="`100`"
        ),
    )
    batch_max_records: int = field(
        default=10_000,
        metadata=_describe(
            parsers.make_integer_parser(1, 1_000_000),
            "Records that the nodes of a batch may give together.",
            shown="`10000`",
        ),
    )
    batch_seconds: float = field(
        default=25.0,
        metadata=_describe(
            parsers.make_seconds_parser(1, 3_600),
            "How long a batch may run; nodes that are left then get an error 504. Clients give up after 30 s "
            "unless told otherwise.",
            shown="`25`",
        ),
    )
    batch_concurrency: int = field(
        default=5,
        metadata=_describe(
            parsers.make_integer_parser(1, 100),
            "Calls of one batch that are under way at the same time.",
            shown="`5`",
        ),
    )
    strict_version: bool = field(
        default=False,
        metadata=_describe(
            parsers.parse_switch,
            "`true`: a PATCH of an integration or unified model must send the `version` it read. Else it is "
            "only compared where it is sent; some clients cannot send it.",
            shown="`false`",
        ),
    )
    tool_name_template: str | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_tool_name,
            "How tools are named, for example `{integration}_{method}_{resource}`; `{one}` is the resource "
            "in the singular. Each part is put in snake_case. Unset: the "
            "[usual names](tools.md#tools), such as `list_all_<integration>_<resource>`.",
        ),
    )
    renew_ahead: bool = field(
        default=True,
        metadata=_describe(
            parsers.parse_switch,
            "`false`: access tokens are only refreshed by a call that needs one. Else also 5 minutes before "
            "they expire, so that a refresh token which its provider ends when it is not used stays alive.",
            shown="`true`",
        ),
    )
    datetime_style: DatetimeStyle = field(
        default="space",
        metadata=_describe(
            parsers.make_choice_parser("space", "iso"),
            "How times of platform rows are written: `space` = `2024-09-01 10:00:00`, "
            "`iso` = `2024-09-01T10:00:00.000Z`. Both are UTC; input accepts both.",
            shown="`space`",
        ),
    )
    connect_timeout_seconds: float = field(
        default=10.0,
        metadata=_describe(
            parsers.make_seconds_parser(0.1, 300),
            "Longest wait for a connection to a third party: for one to be free, and again for it to be "
            "made.",
            shown="`10`",
        ),
    )
    host_connections: int = field(
        default=200,
        metadata=_describe(
            parsers.make_integer_parser(1, 1_000),
            "Most connections of a process to one host that are in use at the same time. There are at most "
            "1,000 to all hosts together.",
            shown="`200`",
        ),
    )
    account_connections: int = field(
        default=50,
        metadata=_describe(
            parsers.make_integer_parser(1, 1_000),
            "How many of them one integrated account may use, so that one with slow answers leaves some to "
            "the others. A call that has to wait too long for a free one gets 503.",
            shown="`50`",
        ),
    )
    max_request_bytes: int = field(
        default=50 * _MIB,
        metadata=_describe(
            parsers.make_integer_parser(1024, 4096 * _MIB),
            "Largest body of a request to Isthmus; a larger one is answered with 413.",
            shown="`52428800` (50 MiB)",
        ),
    )
    max_response_bytes: int = field(
        default=10 * _MIB,
        metadata=_describe(
            parsers.make_integer_parser(1024, 4096 * _MIB),
            "Largest third-party answer that is read into memory; a larger one is answered with 502. Parsed, "
            "the worst JSON takes some 30 times as much memory. Streamed files are not bounded.",
            shown="`10485760` (10 MiB)",
        ),
    )

    expression_limits: Mapping[str, float] = field(
        default_factory=dict,
        metadata=_describe(
            parsers.parse_limits,
            "Limits of one evaluation of an expression, as `name=number` separated by commas: for example "
            "`seconds=10,items=500000`. The names are those of [limits](functions.md#limits).",
            shown="those of the table",
        ),
    )
    function_hosts: tuple[str, ...] = field(
        default=(),
        metadata=_describe(
            parsers.parse_hosts,
            "Hosts, separated by commas, that functions of expressions may reach by https; `http://` before "
            "one allows it without TLS. They pass the same guard as all outgoing requests.",
            shown="none: no function reaches out",
        ),
    )
    parse_document: Literal["off", "local", "remote"] = field(
        default="off",
        metadata=_describe(
            parsers.make_choice_parser("off", "local", "remote"),
            "Where `$parseDocument` reads files: `local` in a process of its own (extra `documents`), "
            "`remote` at `ISTHMUS_DOCUMENT_SERVICE_URL`.",
            shown="`off`",
        ),
    )
    convert_md_to_pdf: Literal["local", "remote"] = field(
        default="local",
        metadata=_describe(
            parsers.make_choice_parser("local", "remote"),
            "Where `$convertMdToPdf` makes files: `local` in a process of its own (extra `pdf`), `remote` at "
            "`ISTHMUS_DOCUMENT_SERVICE_URL`.",
            shown="`local`",
        ),
    )
    document_service_url: str | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_origin,
            "The service with `/parse` and `/md-to-pdf` that `remote` means. Its host must be among "
            "`ISTHMUS_FUNCTION_HOSTS`.",
        ),
    )
    document_service_key: Secret[str] | None = field(
        default=None, metadata=_describe(parsers.parse_secret, "The key of that service.")
    )
    embeddings_url: str | None = field(
        default=None,
        metadata=_describe(
            parsers.parse_origin,
            "The address that `$generateEmbeddingsCohere` asks, such as `https://api.example.com/v2/embed`. "
            "Its host must be among `ISTHMUS_FUNCTION_HOSTS`.",
            shown="unset: the function is off",
        ),
    )
    strict_compat: bool = field(
        default=False,
        metadata=_describe(
            parsers.parse_switch,
            "`true`: functions also give those results of the platform's own that nobody could use; "
            "[which](functions.md#switches).",
            shown="`false`",
        ),
    )
    currency_exact: bool = field(
        default=False,
        metadata=_describe(
            parsers.parse_switch,
            "`true`: `$convertCurrencyToSubunit` counts in decimals, so that 19.99 is 1999; `false` as the "
            "platform's own does: 1998.",
            shown="`false`",
        ),
    )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads the settings, from `os.environ` by default. Raises SetupError that names every invalid
        variable and what would be valid."""
        given = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        problems: list[str] = []
        for each in fields(cls):
            text = given.get(get_variable_name(each), "").strip()
            if not text:
                continue
            try:
                values[each.name] = each.metadata["parse"](text)
            except parsers.InvalidSetting as invalid:
                problems.append(f"{get_variable_name(each)} must be {invalid}")
        if problems:
            raise SetupError(". ".join(problems) + ".")
        return cls(**values)

    @property
    def key_file(self) -> Path:
        """The key file of a SQLite installation."""
        return self.data_dir / "secret.key"

    @property
    def resolved_database_url(self) -> Secret[str]:
        """`database_url`, or the URL of the SQLite file in the data directory."""
        if self.database_url is not None:
            return self.database_url
        return Secret(f"sqlite:///{self.data_dir.absolute() / 'isthmus.sqlite3'}")


def get_variable_name(setting: Field[Any]) -> str:
    """The environment variable of a field of Settings."""
    return f"ISTHMUS_{setting.name.upper()}"
