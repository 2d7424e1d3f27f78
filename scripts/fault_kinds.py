"""Finds the faults that `plant_faults.py` can plant, each kind in the syntax tree of a file.

Each is small and keeps the types: half of a guard is gone, or a filter, a lock, a limit, an exception.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

__all__ = ["KINDS", "Fault", "find_faults"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault that a file can have: the node at `line` (from 1) and the text that replaces it.
    `is_at_import`: the node is evaluated when the file is imported, so any test of the file depends on it."""

    kind: str
    line: int
    before: str
    after: str
    start: int
    end: int
    is_at_import: bool

    def apply_to(self, source: str) -> str:
        """Returns the file's text with the fault in it."""
        return source[: self.start] + self.after + source[self.end :]


def find_faults(source: str) -> list[Fault]:
    """Returns every fault of every kind that a file can have. `source`: the file's text."""
    tree = ast.parse(source)
    parents = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    lines = source.splitlines(keepends=True)
    offsets = [0, *accumulate(map(len, lines))]
    faults = []
    for kind, find in KINDS.items():
        for node, text in find(tree, parents):
            start = offsets[node.lineno - 1] + _characters(lines[node.lineno - 1], node.col_offset)
            last_line_index = (node.end_lineno or node.lineno) - 1
            end = offsets[last_line_index] + _characters(lines[last_line_index], node.end_col_offset or 0)
            if source[start:end] != text:
                is_at_import = _is_at_import(node, parents)
                faults.append(Fault(kind, node.lineno, source[start:end], text, start, end, is_at_import))
    return faults


def _is_at_import(node: ast.AST, parents: Parents) -> bool:
    """Returns whether the node is outside of the bodies of functions."""
    while (parent := parents.get(node)) is not None:
        match parent:
            case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body) if node in body:
                return False
            case ast.Lambda(body=body) if node is body:
                return False
        node = parent
    return True


Parents = dict[ast.AST, ast.AST]
FindEdits = Callable[[ast.Module, Parents], Iterator[tuple[ast.expr | ast.stmt, str]]]


def _drop_operands(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a guard loses its last operand: `a and b` -> `a`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BoolOp):
            kept = node.values[:-1]
            word = " and " if isinstance(node.op, ast.And) else " or "
            yield node, f"({word.join(ast.unparse(value) for value in kept)})"


def _shift_limits(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a limit is off by one: `a < b` -> `a <= b`, and each of the other three."""
    shifted = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in shifted:
            sign = shifted[type(node.ops[0])]
            yield node, f"({ast.unparse(node.left)} {sign} {ast.unparse(node.comparators[0])})"


_TIMES: Final = ("expir", "ends_at", "end_at", "until", "deadline", "due", "_before", "not_after", "now")


def _ignore_expiry(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a comparison with a time that something ends at is always true, or always
    false."""
    ordered = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ordered):
            text = ast.unparse(node)
            if any(word in text for word in _TIMES):
                for constant in ("True", "False"):
                    yield node, constant


def _drop_filters(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a filter is dropped: `.where(a, b)` -> `.where(a)` or `.where(b)`; `.where(a)` is
    left out."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in ("where", "filter", "having") or node.keywords:
            continue
        subject = ast.unparse(node.func.value)
        if len(node.args) == 1:
            yield node, subject
        for dropped_index in range(len(node.args) if len(node.args) > 1 else 0):
            kept = [ast.unparse(arg) for index, arg in enumerate(node.args) if index != dropped_index]
            yield node, f"{subject}.{node.func.attr}({', '.join(kept)})"


_LOCK: Final = re.compile(r"(?<![bc])lock|lease|semaphore|exclusive|mutex|fence", re.IGNORECASE)


def _drop_locks(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a lock is not taken: the block of `with lock:` runs without it; a query does not
    lock its rows."""
    for node in ast.walk(tree):
        if isinstance(node, ast.With | ast.AsyncWith) and len(node.items) == 1:
            item = node.items[0]
            if item.optional_vars is None and _LOCK.search(ast.unparse(item)):
                yield item.context_expr, _NO_LOCK
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "with_for_update":
                yield node, ast.unparse(node.func.value)
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Await):
            called = node.value.value
            if isinstance(called, ast.Call) and _LOCK.search(ast.unparse(called.func)):
                yield node, "pass"


_NO_LOCK: Final = "__import__('contextlib').nullcontext()"


def _keep_state(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a loop does not reset what it kept of the item before: `name = None` (or a
    literal, or empty) goes."""
    for loop in ast.walk(tree):
        if not isinstance(loop, ast.For | ast.AsyncFor | ast.While):
            continue
        for node in ast.walk(loop):
            if isinstance(node, ast.Assign) and len(node.targets) == 1 and _is_empty(node.value):
                yield node, "pass"


def _is_empty(value: ast.expr) -> bool:
    """Returns True for a false constant, an empty collection, and a tuple of such values."""
    if isinstance(value, ast.Tuple):
        return all(_is_empty(element) for element in value.elts)
    if isinstance(value, ast.List | ast.Set):
        return not value.elts
    if isinstance(value, ast.Dict):
        return not value.keys
    return isinstance(value, ast.Constant) and not value.value


def _widen_sets(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a set of names loses a member, or `x in names` is always true."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Compare)
            and len(node.ops) == 1
            and isinstance(node.ops[0], ast.In | ast.NotIn)
        ):
            yield node, str(isinstance(node.ops[0], ast.In))
        elif isinstance(node, ast.Set) and len(node.elts) > 1:
            for dropped_index in range(len(node.elts)):
                kept = [
                    ast.unparse(element) for index, element in enumerate(node.elts) if index != dropped_index
                ]
                yield node, f"{{{', '.join(kept)}}}"


def _misspell_keys(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which a key is read or compared by another name: `value["name"]` ->
    `value["name_"]`."""
    for node in ast.walk(tree):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
            key = node.slice
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            key = node.args[0] if node.args else None
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq | ast.In):
            key = node.comparators[0] if isinstance(node.ops[0], ast.Eq | ast.NotEq) else node.left
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and key.value.isidentifier():
            yield key, repr(f"{key.value}_")


def _forget_exceptions(tree: ast.Module, _: Parents) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    """Yields edits by which an exception is not caught: `except (A, B)` -> `except (A,)`, for each that can
    be left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and isinstance(node.type, ast.Tuple):
            for dropped_index in range(len(node.type.elts)):
                kept = [
                    ast.unparse(exception)
                    for index, exception in enumerate(node.type.elts)
                    if index != dropped_index
                ]
                yield node.type, f"({', '.join(kept)},)"


KINDS: Final[dict[str, FindEdits]] = {
    "guard loses an operand": _drop_operands,
    "filter is dropped": _drop_filters,
    "expiry is not looked at": _ignore_expiry,
    "lock is not taken": _drop_locks,
    "state of the item before is kept": _keep_state,
    "limit is off by one": _shift_limits,
    "set is widened or loses a member": _widen_sets,
    "key is misspelt": _misspell_keys,
    "exception is not caught": _forget_exceptions,
}


def _characters(line: str, byte_column: int) -> int:
    """Returns the number of characters before a column. `byte_column`: in bytes of UTF-8, as `ast` counts."""
    return len(line.encode()[:byte_column].decode())
