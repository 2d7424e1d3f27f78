"""Compiles expressions to Python: `scopes` surveys the tree, `generator` and its parts write Python,
`program` runs it."""
