"""Commands that run a server or a worker."""
