"""The lint of definition files: rules beyond those of the pydantic models (docs/reference/checks.md).

`validate_file(path)` returns a `Report` with findings: their dotted path, line and correction. Each `_rules`
module is one family of rules. Rules read plain JSON, so that an invalid part does not hide findings in other
parts.
"""

from isthmus.authoring.lint.file_validation import lint_config, validate_document, validate_file
from isthmus.authoring.lint.report import CSV_COLUMNS, Report
from isthmus.authoring.lint.shape_comparison import Corpus

__all__ = ["CSV_COLUMNS", "Corpus", "Report", "lint_config", "validate_document", "validate_file"]
