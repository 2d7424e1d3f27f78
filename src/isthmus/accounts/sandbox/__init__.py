"""Sandbox accounts: how they are made, and the replay of recorded exchanges that answers their calls."""
