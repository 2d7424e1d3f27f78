"""Proofs with foreign products and waits in real time: `make acceptance`."""
