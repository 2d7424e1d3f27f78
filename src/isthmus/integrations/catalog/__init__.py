"""Definitions that environments can install: the shipped catalogue, and what teams own or share."""
