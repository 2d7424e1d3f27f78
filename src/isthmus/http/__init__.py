"""The one HTTP client: a pool, time-outs, size limits, and the guard that keeps out of private networks."""

from isthmus.http.client import HttpClient, HttpLimits
from isthmus.http.guard import Guard
from isthmus.http.messages import HttpRequest, HttpResponse, HttpStream

__all__ = ["Guard", "HttpClient", "HttpLimits", "HttpRequest", "HttpResponse", "HttpStream"]
