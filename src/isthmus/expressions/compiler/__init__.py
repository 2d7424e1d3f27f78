"""Tree to Python: `scopes` looks at the whole, `generator` and its parts write the source."""
