"""Markdown into other formats, and Notion blocks into Markdown.

`blocks` and `inline` parse Markdown (GFM) into a tree of `tokens` that keep their source text; the modules
`to_…` write a format from that tree, `from_notion` writes Markdown from Notion's blocks.
"""
