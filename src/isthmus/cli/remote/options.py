"""Options that several remote commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from isthmus.cli.record_output import Format

__all__ = ["Account", "ApiUrl", "Body", "JsonOutput", "Key", "Query", "Stdin", "TableOutput", "Token"]

ApiUrl = Annotated[
    str | None,
    typer.Option(
        help="URL of the server; default ISTHMUS_API_URL.",
        show_default="http://127.0.0.1:8000",
        metavar="URL",
    ),
]
Token = Annotated[str | None, typer.Option(help="API token; default ISTHMUS_API_TOKEN.", metavar="TOKEN")]

JsonOutput = Annotated[
    Format | None, typer.Option("-o", "--output", help="Output format.", show_default="json")
]
TableOutput = Annotated[
    Format | None,
    typer.Option("-o", "--output", help="Output format.", show_default="table; json for one record"),
]

Account = Annotated[
    str | None,
    typer.Option(
        "-a",
        "--account",
        help="Id of the integrated account; or the name of its integration or its tenant id, if no other "
        "account has it.",
        show_default="the profile's",
        metavar="ACCOUNT",
    ),
]
Body = Annotated[str | None, typer.Option("-b", "--body", help="JSON, or @file.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--idempotency-key",
        help="Makes the request idempotent; it is retried where the server is busy.",
        metavar="KEY",
    ),
]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the body from standard input.")]
Query = Annotated[
    list[str] | None,
    typer.Option(
        "-q", "--query", help="k=v,k2=v2; write a comma in a value as \\,; can be repeated.", metavar="K=V"
    ),
]
