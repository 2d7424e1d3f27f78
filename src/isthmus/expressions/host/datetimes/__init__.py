"""Date-times, durations and time zones of expressions, with the members and rules of Luxon.

`value` has the date-time itself, `parsing` and `fields` make one from text, `formatting` writes one,
`members` says what expressions see of it.
"""
