"""The settings of a process, from environment variables."""

from isthmus.config.parsers import KEY_HINT, Network, check_key
from isthmus.config.settings import DatetimeStyle, Settings

__all__ = ["KEY_HINT", "DatetimeStyle", "Network", "Settings", "check_key"]
