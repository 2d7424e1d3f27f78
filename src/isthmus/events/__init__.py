"""The catalogue of events, the outbox that keeps them, and the relay that hands them to subscribers
(`docs/explanation/reliability.md#events`)."""

from isthmus.events.catalogue import EVENTS, Event, get_payload_schema
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
    "get_payload_schema",
    "prune_events",
    "read_outbox_state",
]
