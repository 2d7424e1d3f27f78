"""The catalogue of events, and the outbox they leave through (`docs/explanation/reliability.md`)."""

from isthmus.events.catalogue import EVENTS, Event, schema_of
from isthmus.events.outbox import Events, OutboxState, emit, outbox_state, prune_events
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
    "outbox_state",
    "prune_events",
    "schema_of",
]
