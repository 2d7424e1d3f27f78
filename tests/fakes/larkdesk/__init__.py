"""Larkdesk: an invented help desk with tickets, contacts, users and comments, served over HTTP.

It is a provider as providers are: API keys in a header of its own, cursor pages, a limit of five requests a
second, errors in its own envelope, faults when a test asks for them. It logs each request it sees.
`python -m tests.fakes.larkdesk` runs it as a process of its own; `running()` runs it inside the test.
"""

from tests.fakes.larkdesk.faults import Fault
from tests.fakes.larkdesk.limits import RequestLimit, Visit
from tests.fakes.larkdesk.records import Records
from tests.fakes.larkdesk.server import CONTROL, DEFINITION, KEY, Larkdesk, running

__all__ = [
    "CONTROL",
    "DEFINITION",
    "KEY",
    "Fault",
    "Larkdesk",
    "Records",
    "RequestLimit",
    "Visit",
    "running",
]
