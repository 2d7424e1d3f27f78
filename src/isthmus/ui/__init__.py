"""The connect pages, on which people connect accounts, and the script that embeds them."""

from isthmus.ui.pages import PageParts, build_pages

__all__ = ["PageParts", "build_pages"]
