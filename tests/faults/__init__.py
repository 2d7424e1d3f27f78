"""Proofs that things hold when processes die: a short form in `make test`, the full one in `make faults`."""
