"""Exchanges made of real answers: redacted, closed after the last page that is kept, put into their files."""
