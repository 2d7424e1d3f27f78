"""The first files of an integration, made from a few words: valid as they stand, and meant to be changed."""

from isthmus.authoring.scaffold.scaffold_files import build_scaffold
from isthmus.authoring.scaffold.scaffold_request import AUTH_METHODS, PAGINATIONS, Resource, ScaffoldRequest

__all__ = ["AUTH_METHODS", "PAGINATIONS", "Resource", "ScaffoldRequest", "build_scaffold"]
