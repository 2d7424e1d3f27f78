"""Mapping rows, which map one method of a unified model to one integration."""
