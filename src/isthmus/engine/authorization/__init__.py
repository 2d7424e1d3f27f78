"""How requests get their credentials, and how credentials are obtained and refreshed: flows without I/O.

`flows` adds the credentials of an account to a request; `grants` are the calls of token endpoints.
"""

from isthmus.engine.authorization.flows import authorize

__all__ = ["authorize"]
