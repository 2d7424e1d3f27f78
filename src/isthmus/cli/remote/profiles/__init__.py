"""Commands and file of the profiles: stored servers and tokens."""
