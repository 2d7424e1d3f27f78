"""Recording exchanges from a real account: calling it, redacting its answers, and writing the example
files."""
