"""Third parties of our own making: real HTTP servers that paginate, limit and fail on cue."""
