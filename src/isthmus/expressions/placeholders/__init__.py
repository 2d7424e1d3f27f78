"""The placeholder language `{{path:cast|other?:default}}` of definitions."""

from isthmus.expressions.placeholders.casts import CASTS, PlaceholderError, cast, text_form
from isthmus.expressions.placeholders.parser import (
    FLAGS,
    Absent,
    Alternative,
    Placeholder,
    Records,
    UnresolvedPlaceholder,
    find_placeholders,
    pieces_of,
)
from isthmus.expressions.placeholders.templates import (
    MERGE_KEY,
    Encode,
    Template,
    compile_template,
    literal_template,
)

__all__ = [
    "CASTS",
    "FLAGS",
    "MERGE_KEY",
    "Absent",
    "Alternative",
    "Encode",
    "Placeholder",
    "PlaceholderError",
    "Records",
    "Template",
    "UnresolvedPlaceholder",
    "cast",
    "compile_template",
    "find_placeholders",
    "literal_template",
    "pieces_of",
    "text_form",
]
