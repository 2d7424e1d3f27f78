"""The gates of the workshop, each with a planted violation that it must catch."""
