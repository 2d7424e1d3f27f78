"""Settings of a process, from the variables of its environment."""

from isthmus.config.parsers import MAKE_A_KEY, Network, check_key
from isthmus.config.settings import DatetimeStyle, Settings

__all__ = ["MAKE_A_KEY", "DatetimeStyle", "Network", "Settings", "check_key"]
