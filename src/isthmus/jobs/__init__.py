"""Durable background work: the one door to the job engine."""
