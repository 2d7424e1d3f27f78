"""Heavy libraries are extras of the package, imported by the call that needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from isthmus.expressions.errors import function_error

__all__ = ["extra"]


def extra(module: str, name: str, function: str) -> Any:
    """The module; without it an error that says which extra to install. Any: the library may be absent."""
    try:
        return import_module(module)
    except ImportError:
        raise function_error(
            function, f"${function} needs the extra `{name}`: pip install 'isthmus[{name}]'"
        ) from None
