"""The OpenAPI document: its parts, and the routes that serve it."""
