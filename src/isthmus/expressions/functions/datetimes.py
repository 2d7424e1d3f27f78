"""Date-times from text (`functions.md` §5.1). Their members are in `host/datetime_members.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isthmus.expressions.failures import failed, over_limit
from isthmus.expressions.host.datetime_pattern import read_pattern
from isthmus.expressions.host.datetimes.fields import Reading
from isthmus.expressions.host.datetimes.members import zone_argument
from isthmus.expressions.host.datetimes.parsing import read_iso, read_rfc2822
from isthmus.expressions.host.datetimes.value import DateTime, invalid
from isthmus.expressions.host.datetimes.zones import SYSTEM
from isthmus.expressions.javascript import describe, text, truthy
from isthmus.expressions.library import Evaluation
from isthmus.expressions.limits import MAX_PICTURE
from isthmus.expressions.values import UNDEFINED

__all__ = ["dt_from_format", "dt_from_iso"]

_INTEGER: Final = re.compile(r"\s*([+-]?\d+)", re.ASCII)


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
    moment = read_iso(value, Reading(evaluation.now))
    return moment.with_zone(zone_argument(zone), zone) if truthy(zone) else moment


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
        return _from_seconds(value)
    if value is UNDEFINED or pattern is UNDEFINED:
        raise failed("dtFromFormat", "fromFormat requires an input string and a format")
    reading, wrong = _reading(evaluation, options)
    if wrong is not None:
        return wrong
    if pattern == "ISO":
        return read_iso(value, reading)
    if not isinstance(value, str) or not isinstance(pattern, str):
        raise failed("dtFromFormat", f"dtFromFormat: the text must be text, not {describe(value)}")
    if len(value) > MAX_PICTURE:
        raise over_limit("dtFromFormat", "characters of a time", MAX_PICTURE)
    if pattern == "RFC2822":
        return read_rfc2822(value, reading)
    return read_pattern(value, pattern, reading)


def _from_seconds(value: object) -> DateTime:
    found = _INTEGER.match(text(value))
    if found is None:
        return invalid("invalid input", "fromSeconds needs a number of seconds")
    return DateTime(int(found[1]) * 1000)


def _reading(evaluation: Evaluation, options: object) -> tuple[Reading, DateTime | None]:
    given = options if isinstance(options, Mapping) else {}
    name = given.get("zone", UNDEFINED)
    zone = zone_argument(name)
    locale = given.get("locale")
    reading = Reading(
        evaluation.now,
        zone or SYSTEM,
        locale if isinstance(locale, str) else "en-US",
        truthy(given.get("setZone", UNDEFINED)),
    )
    if zone is None:
        return reading, invalid("unsupported zone", f'the zone "{text(name)}" is not supported')
    return reading, None
