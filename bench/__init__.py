"""Measurements, each a program that runs beside its peer and prints both (`make bench`)."""
