"""Defines the base class of all models of definitions, and the types of their fields: secrets, templates and
expressions, read from JSON and serialized as their author wrote them.

Expressions are compiled and templates parsed when the model is built, so that calls parse nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, TypeAlias, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from isthmus import expressions
from isthmus.definitions.object_mapping import ObjectMapping, ObjectMappingError
from isthmus.expressions import Expression, ExpressionError
from isthmus.expressions.placeholders import Template, compile_template
from isthmus.kit.secret import Secret

__all__ = [
    "DefinitionModel",
    "Expr",
    "JsonObject",
    "OptionalExpr",
    "OptionalMappingField",
    "OptionalTemplateField",
    "OptionalTemplateOrExpr",
    "OptionalTemplatesByKey",
    "OptionalTextTemplate",
    "SecretText",
    "TemplateField",
    "TemplatesByKey",
    "TextTemplate",
    "compile_expression",
]

JsonObject: TypeAlias = dict[str, JsonValue]


def _allows_null(annotation: object) -> bool:
    """Returns True if null is one of the values of a field. `annotation`: the type of the field."""
    json_value: object = JsonValue
    return annotation is json_value or type(None) in get_args(annotation)


class DefinitionModel(BaseModel):
    """A piece of a definition: immutable; keys nobody knows are kept in `model_extra` (lint reports them).

    Null counts as absent wherever a field has a default and null is not one of its values.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        arbitrary_types_allowed=True,
        populate_by_name=True,
        defer_build=True,
    )

    _null_is_absent: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        cls._null_is_absent = frozenset(
            name
            for field_name, field in cls.model_fields.items()
            if not field.is_required() and not _allows_null(field.annotation)
            for name in (field_name, field.alias or field_name)
        )

    @model_validator(mode="before")
    @classmethod
    def _drop_nulls(cls, value: Any) -> Any:
        """Leaves out nulls that count as absent."""
        if not isinstance(value, Mapping) or None not in value.values():
            return value
        absent = cls._null_is_absent
        return {key: item for key, item in value.items() if item is not None or key not in absent}


def compile_expression(text: str) -> Expression:
    """Compiles an expression. Raises PydanticCustomError `expression` with its `position` and `reason`."""
    try:
        return expressions.compile(text)
    except ExpressionError as error:
        where = "" if error.position is None else f" at position {error.position}"
        raise PydanticCustomError(
            "expression",
            "does not compile{where}: {reason}",
            {
                "where": where,
                "reason": error.message,
                "position": error.position,
                "expression_code": error.code,
            },
        ) from error


def _read_expression(value: object) -> Expression:
    """Compiles a JSONata string. Raises PydanticCustomError for anything else."""
    if isinstance(value, Expression):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("expression_type", "must be a JSONata expression, written as a string")
    return compile_expression(value)


def _read_optional_expression(value: object) -> Expression | None:
    """Compiles a JSONata string; None for null and for an empty text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return _read_expression(value)


def _read_template(value: object) -> Template:
    """Compiles any JSON value as a template."""
    return value if isinstance(value, Template) else compile_template(value)


def _read_optional_template(value: object) -> Template | None:
    """Compiles any JSON value as a template; None for null."""
    return None if value is None else _read_template(value)


def _read_text_template(value: object) -> Template:
    """Compiles a string as a template. Raises PydanticCustomError for anything else."""
    if isinstance(value, Template):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    return compile_template(value)


def _read_optional_text_template(value: object) -> Template | None:
    """Compiles a string as a template; None for null. Raises PydanticCustomError for anything else."""
    return None if value is None else _read_text_template(value)


def _read_templates_by_key(value: object) -> dict[str, Template | None]:
    """Reads an object as templates by key, null staying None. Raises PydanticCustomError for anything
    else."""
    if not isinstance(value, Mapping):
        raise PydanticCustomError("dict_type", "must be an object")
    for key in value:
        if not isinstance(key, str):
            raise PydanticCustomError("key_type", "has a key that is not a string: {key}", {"key": repr(key)})
    return {key: _read_optional_template(item) for key, item in value.items()}


def _read_optional_templates_by_key(value: object) -> dict[str, Template | None] | Expression | None:
    """Reads an object as templates by key, or a string as the expression that returns such an object; None
    for null and for an empty text. Raises PydanticCustomError for anything else, and for an expression that
    does not compile."""
    if value is None or isinstance(value, Expression):
        return value
    return _read_optional_expression(value) if isinstance(value, str) else _read_templates_by_key(value)


def _read_templates_or_empty(value: object) -> dict[str, Template | None]:
    """Reads an object as templates; {} for null. Raises PydanticCustomError for anything else."""
    return {} if value is None else _read_templates_by_key(value)


def _read_optional_template_or_expression(value: object) -> Template | Expression | None:
    """Reads an object as a template, or a string as the expression that returns the value; None for null. A
    string that is a single placeholder could not be an expression, and is a template."""
    if value is None or isinstance(value, Template | Expression):
        return value
    template = compile_template(value)
    if isinstance(value, str) and not template.is_placeholder:
        return _read_optional_expression(value)
    return template


def _read_optional_mapping_field(value: object) -> Expression | ObjectMapping | None:
    """Reads a string as an expression, or an object as one whose string leaves are expressions; None for
    null. Raises PydanticCustomError for one that does not compile."""
    if isinstance(value, ObjectMapping):
        return value
    if isinstance(value, Mapping):
        try:
            return ObjectMapping(value)
        except ObjectMappingError as error:
            raise PydanticCustomError(
                "expression",
                "does not compile{where}: {reason}",
                {
                    "where": "" if error.position is None else f" at position {error.position}",
                    "reason": error.reason,
                    "position": error.position,
                    "expression_code": error.code,
                    "below": error.path,
                },
            ) from error
    return _read_optional_expression(value)


def _read_secret(value: object) -> Secret[str]:
    """Wraps a text as a secret. Raises PydanticCustomError for anything else."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("string_type", "must be a string")
    return Secret(value)


def _serialize_source(value: Any) -> Any:
    """Returns the source of a compiled field, as its author wrote it."""
    if isinstance(value, Expression):
        return value.text
    if isinstance(value, Template | ObjectMapping):
        return value.source
    if isinstance(value, dict):
        return {key: _serialize_source(item) for key, item in value.items()}
    return value


_SERIALIZE_SOURCE: Final = PlainSerializer(_serialize_source)
_JSONATA: Final[dict[str, Any]] = {"type": "string", "format": "jsonata"}
_TEMPLATE: Final[dict[str, Any]] = {"type": "string", "format": "template"}
_OBJECT: Final[dict[str, Any]] = {"type": "object", "additionalProperties": True}


def _make_nullable_schema(*schemas: dict[str, Any]) -> WithJsonSchema:
    """Returns the JSON Schema of a field that has one of these forms, or is null."""
    return WithJsonSchema({"anyOf": [*schemas, {"type": "null"}]})


Expr = Annotated[Expression, PlainValidator(_read_expression), _SERIALIZE_SOURCE, WithJsonSchema(_JSONATA)]
OptionalExpr = Annotated[
    Expression | None,
    PlainValidator(_read_optional_expression),
    _SERIALIZE_SOURCE,
    _make_nullable_schema(_JSONATA),
]
TextTemplate = Annotated[
    Template, PlainValidator(_read_text_template), _SERIALIZE_SOURCE, WithJsonSchema(_TEMPLATE)
]
OptionalTextTemplate = Annotated[
    Template | None,
    PlainValidator(_read_optional_text_template),
    _SERIALIZE_SOURCE,
    _make_nullable_schema(_TEMPLATE),
]
TemplateField = Annotated[
    Template, PlainValidator(_read_template), _SERIALIZE_SOURCE, WithJsonSchema({"format": "template"})
]
OptionalTemplateField = Annotated[
    Template | None,
    PlainValidator(_read_optional_template),
    _SERIALIZE_SOURCE,
    WithJsonSchema({"format": "template"}),
]
TemplatesByKey = Annotated[
    dict[str, Template | None],
    PlainValidator(_read_templates_or_empty),
    _SERIALIZE_SOURCE,
    _make_nullable_schema({"type": "object", "additionalProperties": {"format": "template"}}),
]
"""Templates by key; {} for null."""

OptionalTemplatesByKey = Annotated[
    dict[str, Template | None] | Expression | None,
    PlainValidator(_read_optional_templates_by_key),
    _SERIALIZE_SOURCE,
    _make_nullable_schema({"type": "object", "additionalProperties": {"format": "template"}}, _JSONATA),
]
"""Templates by key, or the expression that returns such an object; None for null and an empty text."""

OptionalTemplateOrExpr = Annotated[
    Template | Expression | None,
    PlainValidator(_read_optional_template_or_expression),
    _SERIALIZE_SOURCE,
    _make_nullable_schema(_OBJECT, _JSONATA),
]
OptionalMappingField = Annotated[
    Expression | ObjectMapping | None,
    PlainValidator(_read_optional_mapping_field),
    _SERIALIZE_SOURCE,
    _make_nullable_schema(_JSONATA, _OBJECT),
]
SecretText = Annotated[
    Secret[str], PlainValidator(_read_secret), WithJsonSchema({"type": "string", "writeOnly": True})
]
