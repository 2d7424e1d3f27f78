"""`$dtFromIso` and `$dtFromFormat`: date-times from text.

What can be done with them is in `isthmus.expressions.host.datetimes.members`.
"""

from __future__ import annotations

import re
from typing import Final

from isthmus.expressions.errors import make_function_error, make_limit_error
from isthmus.expressions.functions.arguments import get_options
from isthmus.expressions.host.datetimes.fields import ParseContext
from isthmus.expressions.host.datetimes.parsing import parse_iso, parse_rfc2822, parse_with_pattern
from isthmus.expressions.host.datetimes.value import DateTime, make_invalid_datetime
from isthmus.expressions.host.datetimes.zones import SYSTEM, to_zone
from isthmus.expressions.javascript import describe_kind, is_truthy, to_text
from isthmus.expressions.library import Evaluation
from isthmus.expressions.limits import MAX_PICTURE_CHARS
from isthmus.expressions.values import UNDEFINED

__all__ = ["dt_from_format", "dt_from_iso"]

_LEADING_INTEGER: Final = re.compile(r"\s*([+-]?\d+)", re.ASCII)


def dt_from_iso(evaluation: Evaluation, value: object = UNDEFINED, zone: object = UNDEFINED) -> DateTime:
    """A date-time from ISO 8601 text.

    Text with an offset is converted to UTC, text without one is read as UTC. The result leaves an
    expression as ISO text.

    Arguments:
        text: a date, week date, ordinal date or time, with or without offset.
        zone: re-expresses the instant in an IANA zone, `UTC`, `UTC+3` or `local` (default: UTC, with the
            offset printed as `+00:00`).
    Null and missing: no error: a value whose `isValid` is false, as for text that cannot be read and for an
        unknown zone; its output is null.
    Example:
        $dtFromIso("2024-03-31T10:00:00Z").minus({"month": 1}).toISODate()
        => "2024-02-29"
    """
    moment = parse_iso(value, ParseContext(evaluation.now))
    return moment.with_zone(to_zone(zone), zone) if is_truthy(zone) else moment


def dt_from_format(
    evaluation: Evaluation,
    value: object = UNDEFINED,
    pattern: object = UNDEFINED,
    options: object = UNDEFINED,
) -> DateTime:
    """A date-time from text by a pattern.

    Units that the text leaves out come from now on the large side and are the smallest on the small side.

    Arguments:
        text: what to read; numbers only for `fromSeconds`.
        format: `RFC2822`, `ISO`, `fromSeconds` (whole seconds since 1970), or tokens such as
            `yyyy-MM-dd HH:mm`; text in single quotes stands for itself.
        options: `zone` that the text is in, `setZone` to keep the offset that it states, `locale`.
    Null and missing: `fromFormat requires an input string and a format`; null text is an error.
    Errors: text that does not match gives an invalid value, no error.
    Example:
        $dtFromFormat("31/12/2024", "dd/MM/yyyy").toISODate()
        => "2024-12-31"
    """
    if pattern == "fromSeconds":
        return _parse_seconds(value)
    if value is UNDEFINED or pattern is UNDEFINED:
        raise make_function_error("dtFromFormat", "fromFormat requires an input string and a format")
    context, invalid = _parse_options(evaluation, options)
    if invalid is not None:
        return invalid
    if pattern == "ISO":
        return parse_iso(value, context)
    if not isinstance(value, str) or not isinstance(pattern, str):
        wrong = describe_kind(pattern if isinstance(value, str) else value)
        raise make_function_error("dtFromFormat", f"dtFromFormat: text and format must be text, not {wrong}")
    if len(value) > MAX_PICTURE_CHARS:
        raise make_limit_error("dtFromFormat", "characters of a time", MAX_PICTURE_CHARS)
    if pattern == "RFC2822":
        return parse_rfc2822(value, context)
    return parse_with_pattern(value, pattern, context)


def _parse_seconds(value: object) -> DateTime:
    """Return the date-time of whole seconds since 1970; invalid where the text starts with no number."""
    match = _LEADING_INTEGER.match(to_text(value))
    if match is None:
        return make_invalid_datetime("invalid input", "fromSeconds needs a number of seconds")
    return DateTime(int(match[1]) * 1000)


def _parse_options(evaluation: Evaluation, options: object) -> tuple[ParseContext, DateTime | None]:
    """Return the options of `$dtFromFormat`; beside them, for an unknown zone, the invalid date-time to
    return."""
    options = get_options(options)
    name = options.get("zone", UNDEFINED)
    zone = to_zone(name)
    locale = options.get("locale")
    context = ParseContext(
        evaluation.now,
        zone or SYSTEM,
        locale if isinstance(locale, str) else "en-US",
        is_truthy(options.get("setZone", UNDEFINED)),
    )
    if zone is None:
        return context, make_invalid_datetime(
            "unsupported zone", f'the zone "{to_text(name)}" is not supported'
        )
    return context, None
