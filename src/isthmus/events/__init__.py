"""The catalogue of events, and the outbox they leave through."""
