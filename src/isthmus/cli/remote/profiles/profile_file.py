"""Reads and writes the file in which profiles (server, token, default account) are stored under names."""

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

__all__ = ["DEFAULT", "KEYS", "Profiles", "parse_key"]

DEFAULT: Final = "default"
KEYS: Final = ("apiUrl", "defaultIntegratedAccount")
"""The keys that `profiles set` sets. A token is only stored by `login`."""
_FILE: Final = "config.json"


def parse_key(text: str) -> str:
    """Returns the key as it is in the file: `api-url`, `api_url` and `apiUrl` are the same. Raises SetupError
    for an unknown key."""
    for key in KEYS:
        if text.replace("-", "").replace("_", "").lower() == key.lower():
            return key
    raise SetupError(f"unknown key {text}. Keys are {', '.join(KEYS)}.")


class Profiles:
    """The profiles in the file. `active`: the name of the active one, from the variable or the file."""

    def __init__(self) -> None:
        self.path = _find_config_directory() / _FILE
        self._data = self._read()
        self.active = os.environ.get(PROFILE) or str(self._data.get("active") or DEFAULT)

    @property
    def all(self) -> dict[str, dict[str, str]]:
        """The profiles by name, each with its keys. Changes to it are written by `save`."""
        profiles: dict[str, dict[str, str]] = self._data.setdefault("profiles", {})
        return profiles

    def get_active_profile(self) -> Mapping[str, str]:
        """Returns the active profile, empty if there is none. Raises SetupError if the variable names an
        unknown one."""
        if self.active not in self.all and os.environ.get(PROFILE):
            raise SetupError(
                f"{PROFILE}: there is no profile {self.active} in {self.path}. There are: "
                f"{', '.join(sorted(self.all)) or 'none; `isthmus login` makes one'}."
            )
        return self.all.get(self.active, {})

    def use(self, name: str) -> None:
        """Makes a profile the active one. Raises SetupError for an unknown name."""
        if name not in self.all:
            raise SetupError(
                f"there is no profile {name}. There are: "
                f"{', '.join(sorted(self.all)) or 'none; `isthmus login` makes one'}."
            )
        self._data["active"] = name

    def save(self) -> None:
        """Writes the file atomically, readable by its owner only. Raises SetupError."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, temporary_path = tempfile.mkstemp(
                dir=self.path.parent, prefix=f".{_FILE}-"
            )  # mode 0600
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
                    json.dump(self._data, file, indent=2, ensure_ascii=False)
                    file.write("\n")
                Path(temporary_path).replace(self.path)
            finally:
                Path(temporary_path).unlink(missing_ok=True)
        except OSError as error:
            raise SetupError(f"{self.path} cannot be written: {error.strerror} ({CONFIG_DIR}).") from error

    def _read(self) -> dict[str, Json]:
        """Reads the content of the file; returns an empty one if there is no file. Raises SetupError."""
        try:
            data = json.loads(self.path.read_text(encoding="utf-8-sig"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise SetupError(f"{self.path} cannot be read: {error}. Correct or delete it.") from error
        profiles = data.get("profiles", {}) if isinstance(data, dict) else None
        if not isinstance(profiles, dict) or not all(
            isinstance(profile, dict) and all(isinstance(value, str) for value in profile.values())
            for profile in profiles.values()
        ):
            raise SetupError(f"{self.path} holds no profiles. Correct or delete it.")
        return dict(data)


def _find_config_directory() -> Path:
    """Returns the directory of the variable, otherwise that of the operating system for settings."""
    configured = os.environ.get(CONFIG_DIR)
    if configured:
        return Path(configured).expanduser()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA") or Path.home()) / "isthmus"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "isthmus"
