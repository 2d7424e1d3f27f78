"""Isthmus: an open-source, self-hosted unified API platform."""

__version__ = "0.1.0"
