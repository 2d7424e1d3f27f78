"""The HTTP client: a pool with time-outs and size limits, and the guard that refuses private addresses."""

from isthmus.http.client import HttpClient, HttpLimits
from isthmus.http.guard import Guard
from isthmus.http.messages import HttpRequest, HttpResponse, HttpStream

__all__ = ["Guard", "HttpClient", "HttpLimits", "HttpRequest", "HttpResponse", "HttpStream"]
