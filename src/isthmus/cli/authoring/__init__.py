"""Commands for authors of definitions and mappings."""
