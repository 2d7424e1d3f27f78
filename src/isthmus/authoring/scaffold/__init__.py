"""Generating the first files of an integration, which are valid and which the author then changes."""

from isthmus.authoring.scaffold.scaffold_files import build_scaffold
from isthmus.authoring.scaffold.scaffold_request import AUTH_METHODS, PAGINATIONS, Resource, ScaffoldRequest

__all__ = ["AUTH_METHODS", "PAGINATIONS", "Resource", "ScaffoldRequest", "build_scaffold"]
