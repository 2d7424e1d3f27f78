"""The catalogue of events, and the outbox they leave through (`docs/explanation/reliability.md`)."""

from isthmus.events.catalogue import EVENTS, Event, schema_of
from isthmus.events.outbox import Events, OutboxState, emit, prune_events, read_outbox_state
from isthmus.events.relay import Occurrence, Relay, Subscriber, Subscribers

__all__ = [
    "EVENTS",
    "Event",
    "Events",
    "Occurrence",
    "OutboxState",
    "Relay",
    "Subscriber",
    "Subscribers",
    "emit",
    "prune_events",
    "read_outbox_state",
    "schema_of",
]
