"""Vaultline: an invented archive that speaks the older dialects of the web.

XML with attributes, multipart uploads, `Range` pages, OAuth 1.0a signatures that it checks, forms, and bodies
that it counts while they arrive. `running()` runs it inside the test.
"""

from tests.fakes.vaultline.definition import definition
from tests.fakes.vaultline.server import CONSUMER, TOKEN, Seen, Vaultline, running

__all__ = ["CONSUMER", "TOKEN", "Seen", "Vaultline", "definition", "running"]
