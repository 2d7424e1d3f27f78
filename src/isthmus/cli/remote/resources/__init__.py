"""Commands for the platform's resources: rows of any server."""
