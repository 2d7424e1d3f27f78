"""The platform's routes, one file a resource."""
