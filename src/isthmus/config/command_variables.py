"""Environment variables that only commands read; a server does not use them."""

from __future__ import annotations

from typing import Final

__all__ = ["API_TOKEN", "API_URL", "COMMAND_VARIABLES", "CONFIG_DIR", "NEW_SECRET_KEY", "PROFILE"]

API_URL: Final = ("ISTHMUS_API_URL", "TRUTO_API_URL")
API_TOKEN: Final = ("ISTHMUS_API_TOKEN", "TRUTO_API_TOKEN")
"""Names in order of precedence. The first URL that is set counts, with the token of the same prefix."""
PROFILE: Final = "ISTHMUS_PROFILE"
CONFIG_DIR: Final = "ISTHMUS_CONFIG_DIR"
NEW_SECRET_KEY: Final = "ISTHMUS_NEW_SECRET_KEY"  # noqa: S105 - the name of a variable

COMMAND_VARIABLES: Final = (
    (
        API_URL[0],
        "that of the profile, else `http://127.0.0.1:8000`",
        "The server that a command calls, where `--api-url` is not given. `TRUTO_API_URL` counts where it is "
        "unset.",
    ),
    (
        API_TOKEN[0],
        "that of the profile",
        "The API token of such a command, where `--token` is not given. `TRUTO_API_TOKEN` counts where it is "
        "unset. Where a URL of the two is taken, only the token of the same name counts.",
    ),
    (
        PROFILE,
        "the active one",
        "The profile that counts: a server and a token that `isthmus login` has kept.",
    ),
    (
        CONFIG_DIR,
        "`isthmus` in `$XDG_CONFIG_HOME`, else in `~/.config`",
        "Folder of the file that keeps the profiles.",
    ),
    (
        NEW_SECRET_KEY,
        "unset: a random one",
        "The key that `isthmus db rotate-key` seals with from now on; of the form of `ISTHMUS_SECRET_KEY`.",
    ),
)
"""(name, default, meaning) of each variable, for the reference page."""
