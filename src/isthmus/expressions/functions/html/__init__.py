"""HTML as Markdown (`functions.md` §7), by turndown's rules: `tree.py` reads, `whitespace.py` collapses,
`tables.py` and `writer.py` write."""
