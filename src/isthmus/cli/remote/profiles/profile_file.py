"""Servers and tokens that were logged in to, kept under a name in a file of this user (`cli.md` §2)."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from isthmus.cli.record_output import Json
from isthmus.config.command_variables import CONFIG_DIR, PROFILE
from isthmus.errors import SetupError

__all__ = ["DEFAULT", "KEYS", "Profiles", "key_of"]

DEFAULT: Final = "default"
KEYS: Final = ("apiUrl", "defaultIntegratedAccount")
"""Those that `profiles set` sets. A token comes by `login` alone."""
_FILE: Final = "config.json"


def key_of(written: str) -> str:
    """The key in the file: `api-url`, `api_url` and `apiUrl` are one. Raises SetupError for others."""
    for key in KEYS:
        if written.replace("-", "").replace("_", "").lower() == key.lower():
            return key
    raise SetupError(f"{written} is no key of a profile. There are: {', '.join(KEYS)}.")


class Profiles:
    """The file, as it was read. `active`: the name of the one that counts, of the variable or the file."""

    def __init__(self) -> None:
        self.path = _directory() / _FILE
        self._data = self._read()
        self.active = os.environ.get(PROFILE) or str(self._data.get("active") or DEFAULT)

    @property
    def all(self) -> dict[str, dict[str, str]]:
        profiles: dict[str, dict[str, str]] = self._data.setdefault("profiles", {})
        return profiles

    def current(self) -> Mapping[str, str]:
        """The active one. Raises SetupError where the variable names one that is not there."""
        if self.active not in self.all and os.environ.get(PROFILE):
            raise SetupError(
                f"{PROFILE}: there is no profile {self.active} in {self.path}. There are: "
                f"{', '.join(sorted(self.all)) or 'none; `isthmus login` makes one'}."
            )
        return self.all.get(self.active, {})

    def use(self, name: str) -> None:
        """Raises SetupError for one that is not there."""
        if name not in self.all:
            raise SetupError(
                f"there is no profile {name}. There are: "
                f"{', '.join(sorted(self.all)) or 'none; `isthmus login` makes one'}."
            )
        self._data["active"] = name

    def save(self) -> None:
        """For its owner only, in one step. Raises SetupError."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(dir=self.path.parent, prefix=f".{_FILE}-")  # mode 0600
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                    json.dump(self._data, file, indent=2, ensure_ascii=False)
                    file.write("\n")
                Path(draft).replace(self.path)
            finally:
                Path(draft).unlink(missing_ok=True)
        except OSError as error:
            raise SetupError(f"{self.path} cannot be written: {error.strerror} ({CONFIG_DIR}).") from error

    def _read(self) -> dict[str, Json]:
        try:
            data = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise SetupError(f"{self.path} cannot be read: {error}. Mend it, or take it away.") from error
        profiles = data.get("profiles", {}) if isinstance(data, dict) else None
        if not isinstance(profiles, dict) or not all(isinstance(each, dict) for each in profiles.values()):
            raise SetupError(f"{self.path} holds no profiles. Mend it, or take it away.")
        return dict(data)


def _directory() -> Path:
    given = os.environ.get(CONFIG_DIR)
    if given:
        return Path(given).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "isthmus"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus"
