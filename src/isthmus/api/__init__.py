"""The HTTP API: routes of the platform and of the data plane, and the OpenAPI document."""
