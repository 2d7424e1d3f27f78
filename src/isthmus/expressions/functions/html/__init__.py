"""HTML as Markdown: `tree` parses the HTML, `to_markdown` writes the Markdown."""
