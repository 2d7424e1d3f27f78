"""Variables that only commands read: no settings of a server."""

from __future__ import annotations

from typing import Final

__all__ = ["API_TOKEN", "API_URL", "COMMAND_VARIABLES", "NEW_SECRET_KEY"]

API_URL: Final = ("ISTHMUS_API_URL", "TRUTO_API_URL")
API_TOKEN: Final = ("ISTHMUS_API_TOKEN", "TRUTO_API_TOKEN")
"""The first that is set counts."""
NEW_SECRET_KEY: Final = "ISTHMUS_NEW_SECRET_KEY"  # noqa: S105 - the name of a variable

COMMAND_VARIABLES: Final = (
    (
        API_URL[0],
        "`http://127.0.0.1:8000`",
        "The server that a command calls, where `--api-url` is not given. `TRUTO_API_URL` counts where it is "
        "unset.",
    ),
    (
        API_TOKEN[0],
        "unset",
        "The API token of such a command, where `--token` is not given. `TRUTO_API_TOKEN` counts where it is "
        "unset.",
    ),
    (
        NEW_SECRET_KEY,
        "unset: a random one",
        "The key that `isthmus db rotate-key` seals with from now on; of the form of `ISTHMUS_SECRET_KEY`.",
    ),
)
"""Name, default, meaning: rows of the reference page."""
