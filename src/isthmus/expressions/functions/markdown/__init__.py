"""Markdown into other formats, and Notion blocks into Markdown (`functions.md` §7).

`blocks.py` and `inline.py` read Markdown (GFM) into one tree of tokens (`tokens.py`) that keep
their source text; each format writes from that tree.
"""
