"""Commands that call the data plane of a server."""
