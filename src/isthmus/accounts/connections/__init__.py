"""Opening an account for one call, and the gateway that sends its requests to the provider."""
