"""Implements `isthmus expr`: runs an expression on a JSON document, and prints how its result came about."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from pathlib import Path
from time import perf_counter
from typing import Any

import orjson
import typer

from isthmus.errors import SetupError
from isthmus.expressions import UNDEFINED, Expression, ExpressionError, compile

__all__ = ["run_expression"]

_MAX_LENGTH = 100


def run_expression(
    expression: str, *, document: str | None, trace: bool, explain: bool, time: bool, python: bool
) -> int:
    """Runs an expression. Prints the result as JSON to standard output, everything else to standard error.
    Returns the exit code: 1 if the expression fails.

    `expression`: a text, or `@file`. `document`: a file, `-` for standard input, or None. `time`: prints how
    long it took. `python`: prints the generated Python instead.
    """
    try:
        started = perf_counter()
        compiled = compile(_read_expression(expression))
        compile_ms = (perf_counter() - started) * 1000
        if python:
            typer.echo(compiled.get_generated_python())
            return 0
        input_value = _read_document(document)
        started = perf_counter()
        result = compiled.evaluate(input_value)
        evaluate_ms = (perf_counter() - started) * 1000
    except ExpressionError as error:
        typer.echo(str(error), err=True)
        return 1
    if trace or explain:
        _print_steps(compiled, input_value, trace=trace, explain=explain)
    if time:
        typer.echo(f"compiled in {compile_ms:.2f} ms, evaluated in {evaluate_ms:.3f} ms", err=True)
    if result is not UNDEFINED:
        typer.echo(_to_json(result, indent=True))
    return 0


def _print_steps(compiled: Expression, input_value: Any, *, trace: bool, explain: bool) -> None:
    """Prints the steps of the evaluation (`trace`), and why results came out empty (`explain`)."""
    if trace:
        trace_of_steps = compiled.trace(input_value)
        for step in trace_of_steps.steps:
            typer.echo(
                f"{step.text}\n    in  {_format_value(step.input)}\n    out {_format_value(step.output)}",
                err=True,
            )
        if trace_of_steps.is_truncated:
            typer.echo("(cut: more steps than a trace holds)", err=True)
    if explain:
        for gap in compiled.explain(input_value):
            name = gap.field or "the result"
            typer.echo(
                f"{name} was empty {gap.times} of {gap.of} times: {gap.reason}\n    {gap.text}",
                err=True,
            )


def _to_json(value: Any, *, indent: bool = False) -> str:
    """Writes a value as JSON; what JSON has no form for, as text."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else None, default=str).decode()
    except TypeError:  # half of a surrogate pair, which JSON can only name
        return json.dumps(value, indent=2 if indent else None, default=str)


def _format_value(value: Any) -> str:
    """Formats the value as JSON, cut after 100 characters."""
    if value is UNDEFINED:
        return "(nothing)"
    text = _to_json(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}… ({len(text)} characters)"


def _read_expression(expression: str) -> str:
    """Returns the text, or the content of the file after `@`. Raises SetupError."""
    if not expression.startswith("@"):
        return expression
    try:
        return Path(expression[1:]).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(f"the expression file {expression[1:]} cannot be read: {error}") from error


def _read_document(name: str | None) -> Any:
    """Reads the JSON document of a file, or of standard input for `-`; returns UNDEFINED for None. Raises
    SetupError."""
    if name is None:
        return UNDEFINED
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return orjson.loads(raw.removeprefix(BOM_UTF8))
    except OSError as error:
        raise SetupError(f"the document {name} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise SetupError(
            f"the document {name} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from error
