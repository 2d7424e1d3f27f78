"""Definitions, models and mappings with all layers merged, for calls and for explanations."""
