"""Commands that call the HTTP API of any server."""
