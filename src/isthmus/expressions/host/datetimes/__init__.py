"""Date-times, durations and time zones as expressions hold them, with Luxon's members and behaviour."""
