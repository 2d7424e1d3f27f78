"""What a call would send, explained without sending it (`isthmus_explain=true`)."""
