"""The placeholder language `{{path:cast|other?:default}}`, described in `docs/reference/placeholders.md`."""

from isthmus.expressions.placeholders.casts import CASTS, PlaceholderError, cast, to_text_form
from isthmus.expressions.placeholders.parser import (
    FLAGS,
    Alternative,
    IsAbsent,
    Placeholder,
    Records,
    UnresolvedPlaceholder,
    find_placeholders,
    split_placeholders,
)
from isthmus.expressions.placeholders.templates import (
    MERGE_KEY,
    Encode,
    Template,
    compile_template,
    make_literal_template,
)

__all__ = [
    "CASTS",
    "FLAGS",
    "MERGE_KEY",
    "Alternative",
    "Encode",
    "IsAbsent",
    "Placeholder",
    "PlaceholderError",
    "Records",
    "Template",
    "UnresolvedPlaceholder",
    "cast",
    "compile_template",
    "find_placeholders",
    "make_literal_template",
    "split_placeholders",
    "to_text_form",
]
