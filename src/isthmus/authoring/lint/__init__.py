"""Checks of definition files, beyond what the models refuse (`definitions.md` §6.3).

`validate_file(path)` gives a `Report`: findings with their dotted path and line, what would be right, and the
exit code of a command. One file of rules a family; each rule is a function of JSON, so that an invalid part
does not hide what is wrong elsewhere.
"""

from isthmus.authoring.lint.files import lint_config, validate_document, validate_file
from isthmus.authoring.lint.pattern import Corpus
from isthmus.authoring.lint.report import CSV_COLUMNS, Report

__all__ = ["CSV_COLUMNS", "Corpus", "Report", "lint_config", "validate_document", "validate_file"]
