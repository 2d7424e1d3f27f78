"""The header that names what a call left out."""

from __future__ import annotations

from isthmus.kit.call_warnings import CallWarning, format_warning_header, parse_warning_header


def test_warnings_are_read_back_as_they_were_written() -> None:
    warnings = [
        CallWarning("unknown_name", 'body.emial is no field of contacts; similar: "email"', "body.emial"),
        CallWarning("partial_failure", "a\\b, c;d", None),
    ]

    assert parse_warning_header(format_warning_header(warnings)) == warnings


def test_the_header_is_a_list_of_a_structured_field() -> None:
    warning = CallWarning("unknown_name", "body.x is unknown", "body.x")

    assert format_warning_header([warning, CallWarning("other", "y")]) == (
        '"body.x is unknown";code=unknown_name;field="body.x", "y";code=other'
    )


def test_a_line_break_or_a_letter_outside_of_ascii_is_percent_encoded() -> None:
    assert format_warning_header([CallWarning("unknown_name", "é\r\nset-cookie: a=b\ud800")]) == (
        '"%C3%A9%0D%0Aset-cookie: a=b%3F";code=unknown_name'
    )


def test_a_long_list_ends_with_the_number_of_those_left_out() -> None:
    header = format_warning_header([CallWarning("unknown_name", "m" * 99, f"body.f{n}") for n in range(1000)])

    *kept, last = parse_warning_header(header)
    assert len(header) < 4200
    assert last == CallWarning("left_out", f"{1000 - len(kept)} more")
