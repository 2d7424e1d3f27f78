"""Commands that work on the database and settings of this machine."""
