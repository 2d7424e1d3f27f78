"""Generates the reference of the functions from their docstrings.

    python -m isthmus.expressions.functions.reference docs/reference/functions.md

writes the page. A test compares it with the docstrings and runs every example.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

from isthmus.expressions.functions import FAMILIES
from isthmus.expressions.host import HOST_TYPES
from isthmus.expressions.library import Function, HostType
from isthmus.expressions.limits import Limits

__all__ = ["Entry", "parse_entry", "render_page"]

_SECTION_HEADING: Final = re.compile(r"^(Arguments|Null and missing|Errors|Members|Example):[ ]*", re.M)
_ARGUMENT_NAME: Final = re.compile(r"^([\w.]+): ", re.M)
_HOST_TITLES_AND_SUMMARIES: Final = {
    "Blob": ("Blob", "Bytes with a media type: from `$blob`, `$base64ToBlob`, `$convertMdToPdf`, upstream."),
    "ArrayBuffer": ("ArrayBuffer", "Bytes: from `$getArrayBuffer`, `$jsonToParquet`, `arrayBuffer()`."),
    "bytes": ("Bytes", "Raw bytes from upstream; in JSON they are Base64."),
    "datetime": (
        "Date",
        "A moment in UTC, from `toJSDate()` and the data of runs; in JSON ISO text.",
    ),
    "DateTime": (
        "DateTime",
        "From `$dtFromIso` and `$dtFromFormat`; in JSON its ISO text, null when invalid. See "
        "[date-times](date-times.md).",
    ),
    "Duration": (
        "Duration",
        "From `diff()`, with the fields of the units asked for; in JSON ISO text.",
    ),
    "Graph": ("DepGraph", "From `$dependencyGraph`. Parents come before children."),
    "Headers": ("Headers", "Headers of a response; each name, in any case, is also a field."),
    "StreamReader": ("Reader", "From `getReader()` of a stream; `read()` gives `{value, done}`."),
    "Response": ("Response", "An answer of a server, where a mapping is given one."),
    "SearchParams": ("SearchParams", "The query of a URL; names may repeat."),
    "Stream": ("Stream", "Bytes that are read once; whoever reads them locks the stream."),
    "Url": ("Url", "From `$parseUrl`; in JSON its `href`."),
}

_INTRODUCTION: Final = """\
# Functions

Mappings are written in [JSONata](https://docs.jsonata.org) 2.2 with the functions of this page beside, or in
the place of, its own. This page is generated from the functions themselves by
`python -m isthmus.expressions.functions.reference docs/reference/functions.md`.

## Rules for all

- An argument marked `?` may be left out. A default applies to a **missing** argument only, not to `null`.
- There is no implicit context argument and no check of types, except where a signature is shown.
- "A list" takes anything: what is no list counts as a list of one, `null` and missing included.
- A text form is JavaScript's: `null`, `true`, `1e+21`, lists joined by commas, objects as `[object Object]`.
- "Counts as true" is JavaScript's truth: `false`, `0`, NaN, `""`, `null` and missing are false; `[]` and `{}`
  are true.
- NaN and infinite numbers may be results; in JSON they are `null`.
- The local time zone is always UTC.
- A problem is an error with the code `ISTHMUS_FUNCTION` and the message that stands here; going over a limit
  has the code `ISTHMUS_LIMIT`.
- Functions marked *waits* may need `evaluate_async`: they read streams, start a process or ask a server.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """The parts of a function's docstring. `result` of the `example` is JSON, or `error: <message>`."""

    summary: str
    arguments: tuple[tuple[str, str], ...]
    sections: dict[str, str]
    example: str
    result: str


def parse_entry(function: Function) -> Entry:
    """Return the parts of a function's docstring; raises ValueError where summary or example is missing."""
    text = inspect.getdoc(function.call) or ""
    pieces = _SECTION_HEADING.split(text)
    sections = {
        name: inspect.cleandoc("\n" + body) for name, body in zip(pieces[1::2], pieces[2::2], strict=True)
    }
    example, mark, result = sections.pop("Example", "").partition("\n=> ")
    if not pieces[0].strip() or not mark:
        raise ValueError(f"the docstring of {function.name} needs a summary and an example")
    return Entry(
        pieces[0].strip(), tuple(_parse_arguments(sections.pop("Arguments", ""))), sections, example, result
    )


def _parse_arguments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and description of each argument."""
    pieces = _ARGUMENT_NAME.split(text)
    for name, body in zip(pieces[1::2], pieces[2::2], strict=True):
        yield name, " ".join(body.split())


def render_page() -> str:
    """Return the whole page, as Markdown."""
    parts = [_INTRODUCTION, _render_contents()]
    for family in FAMILIES:
        parts.append(f"## {family.title}\n")
        parts.extend(_render_function(function) for function in family.functions)
    parts.append(_SETTINGS)
    parts.append(_render_limits())
    parts.append("## Host values\n")
    parts.append("Values that are not JSON. `*`, `$keys`, `$spread` and `$merge` do not see their members.\n")
    parts.extend(_render_host(host) for host in HOST_TYPES)
    return "\n".join(parts)


_SETTINGS: Final = """\
## Switches

What the operator may change, handed to an evaluation as `Services.settings`:

| Name | Setting | Default | Meaning |
| --- | --- | --- | --- |
| `strict_compat` | `ISTHMUS_STRICT_COMPAT` | false | results that nobody could use are exactly the original's: `$removeEmpty` of an object, bookmarks and code in parts in `$convertNotionToMarkdown`, `nin` with `useOrForIn` in `$convertQueryToSql` |
| `currency_exact` | `ISTHMUS_CURRENCY_EXACT` | false | `$convertCurrencyToSubunit` computes in decimal: `19.99` USD is 1999 instead of 1998 |
| `documents.mode` | `ISTHMUS_PARSE_DOCUMENT` | off | `$parseDocument`: `local` or `remote` |
| `pdf.mode` | `ISTHMUS_CONVERT_MD_TO_PDF` | local | `$convertMdToPdf`: `local` or `remote` |
| `documents.url`, `documents.key` | `ISTHMUS_DOCUMENT_SERVICE_URL`, `…_KEY` | none | the service of `remote` |
| `embeddings.url` | `ISTHMUS_EMBEDDINGS_URL` | none | the server that `$generateEmbeddingsCohere` asks |

No function reaches a host that is not in `ISTHMUS_FUNCTION_HOSTS`; without it none reaches outside
(`ISTHMUS_NOT_CONFIGURED`, `ISTHMUS_REFUSED`).

## Limits

Of one evaluation; `ISTHMUS_EXPRESSION_LIMITS=name=number,…` changes them. A hit is an error `ISTHMUS_LIMIT` that
names the function and the limit.
"""  # noqa: E501  # rows of a table cannot be broken


def _render_limits() -> str:
    """Return a table with a row for each field of `Limits`, in the words of its docstring."""
    text = " ".join((Limits.__doc__ or "").split())
    meanings = dict(re.findall(r"`([a-z_]+)`: (.+?)\.(?= `[a-z_]+`: |$)", text))
    usual = Limits()
    lines = ["| Name | Default | Meaning |", "| --- | --- | --- |"]
    for each in fields(Limits):
        lines.append(f"| `{each.name}` | {getattr(usual, each.name)} | {meanings[each.name]} |")
    return "\n".join(lines) + "\n"


def _render_contents() -> str:
    """Return a table of all families with links to their functions."""
    lines = ["| Family | Functions |", "| --- | --- |"]
    for family in FAMILIES:
        names = ", ".join(
            f"[`${name}`](#{name.lower()})" for name in sorted(f.name for f in family.functions)
        )
        lines.append(f"| {family.title} | {names} |")
    return "\n".join(lines) + "\n"


def _render_function(function: Function) -> str:
    """Return the section of one function, as Markdown."""
    entry = parse_entry(function)
    shown = ", ".join(f"{name}?" if "default" in text else name for name, text in entry.arguments)
    lines = [f"### {function.name}", "", f"`${function.name}({shown})`", "", entry.summary, ""]
    notes = ["*waits*"] if function.is_async else []
    if function.signature:
        notes.append(f"signature `{function.signature}`")
    if notes:
        lines += ["; ".join(notes), ""]
    lines += [f"- `{name}`: {text}" for name, text in entry.arguments]
    lines += [f"- **{name}**: {' '.join(text.split())}" for name, text in entry.sections.items()]
    if entry.arguments or entry.sections:
        lines.append("")
    return "\n".join([*lines, "```jsonata", entry.example, f"=> {entry.result}", "```", ""])


def _render_host(host: HostType) -> str:
    """Return the section of one kind of host value, as Markdown."""
    title, summary = _HOST_TITLES_AND_SUMMARIES[host.python_type.__name__]
    lines = [f"### {title}", "", summary, ""]
    if host.properties:
        lines.append(f"- Fields: {', '.join(f'`{name}`' for name in host.properties)}")
    if host.methods:
        lines.append(f"- Methods: {', '.join(f'`{name}()`' for name in host.methods)}")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(), encoding="utf-8")
