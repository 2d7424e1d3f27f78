"""The first files of an integration, made from a few words: valid as they stand, and meant to be changed."""

from isthmus.authoring.scaffold.scaffold_files import scaffold
from isthmus.authoring.scaffold.scaffold_request import AUTHS, PAGINATIONS, Resource, Wanted

__all__ = ["AUTHS", "PAGINATIONS", "Resource", "Wanted", "scaffold"]
