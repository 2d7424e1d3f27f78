"""Compiles and evaluates object-style mappings: objects whose string leaves are JSONata expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from isthmus import expressions
from isthmus.expressions import UNDEFINED, Expression, ExpressionError, Limits, Services
from isthmus.expressions.field_reads import FieldReads, merge_reads

__all__ = ["LITERAL_KEY", "ObjectMapping", "ObjectMappingError"]

LITERAL_KEY: Final = "$literal"


class ObjectMappingError(Exception):
    """A leaf does not compile. `path`: dotted, below the object; `position`: in the leaf's text, 0-based."""

    def __init__(self, path: str, error: ExpressionError) -> None:
        super().__init__(f"{path}: {error.message}")
        self.path = path
        self.reason = error.message
        self.position = error.position
        self.code = error.code


class _Literal:
    __slots__ = ("value",)

    def __init__(self, value: object) -> None:
        self.value = value


_Node = Expression | _Literal | dict[str, "_Node"] | list["_Node"]


class ObjectMapping:
    """An object of expressions, which evaluates to an object of the same shape. `{"$literal": v}` gives `v`;
    leaves that are undefined, or empty text, are dropped; an undefined item of an array is null.

    It has the methods of `Expression` that tell what is read. `names`: the top-level fields that the leaves
    read.
    """

    __slots__ = ("_leaves", "_root", "names", "source")

    def __init__(self, source: Mapping[str, object]) -> None:
        self.source: Final = source
        self._root: Final = _compile_node(source, "")
        self._leaves: Final = tuple(_iterate_expressions(self._root, ""))
        self.names: Final = frozenset(name for _, leaf in self._leaves for name in leaf.names)

    def reads_path(self, *names: str) -> bool:
        """Returns True if any leaf reads a path that starts with these names."""
        return any(leaf.reads_path(*names) for _, leaf in self._leaves)

    def reads_field(self, *names: str) -> bool:
        """Returns True if any leaf reads a field of one of these names, of whatever object."""
        return any(leaf.reads_field(*names) for _, leaf in self._leaves)

    def find_field_reads(self) -> FieldReads:
        """Returns what the leaves read of their input, at every depth."""
        return merge_reads(leaf.find_field_reads() for _, leaf in self._leaves)

    def can_give_key(self, name: str) -> bool:
        """Returns True if the result can be an object with this key."""
        literal = self._root.value if isinstance(self._root, _Literal) else self.source
        return isinstance(literal, Mapping) and name in literal

    def evaluate(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> object:
        """Returns an object of the same shape, with the values of the expressions. Raises ExpressionError as
        `Expression.evaluate` does."""

        def value(node: _Node) -> object:
            """Returns the value of a node."""
            if isinstance(node, Expression):
                return node.evaluate(input, bindings, limits=limits, services=services)
            return _fill(node, value)

        return value(self._root)

    async def evaluate_async(
        self,
        input: object = UNDEFINED,
        bindings: Mapping[str, object] | None = None,
        *,
        limits: Limits | None = None,
        services: Services | None = None,
    ) -> object:
        """Returns what `evaluate` returns, for expressions whose functions have to be awaited. The error that
        it raises names the leaf."""
        values = {}
        for path, leaf in self._leaves:
            try:
                values[id(leaf)] = await leaf.evaluate_async(
                    input, bindings, limits=limits, services=services
                )
            except ExpressionError as error:
                error.path = path
                raise

        def value(node: _Node) -> object:
            """Returns the value of a node, whose expressions are evaluated already."""
            return values[id(node)] if isinstance(node, Expression) else _fill(node, value)

        return value(self._root)


def _fill(node: _Literal | dict[str, _Node] | list[_Node], value: Callable[[_Node], object]) -> object:
    """Returns the value of a node that is no expression. `value`: returns the value of a node below it."""
    if isinstance(node, _Literal):
        return node.value
    if isinstance(node, list):
        items = [value(item) for item in node]
        return [None if item is UNDEFINED else item for item in items]
    entries = ((key, value(item)) for key, item in node.items())
    return {key: item for key, item in entries if item is not UNDEFINED}


def _compile_node(value: object, path: str) -> _Node:
    """Compiles the texts in a JSON value. `path`: of the value. Raises ObjectMappingError for one that does
    not compile."""
    if isinstance(value, str):
        if not value.strip():
            return _Literal(UNDEFINED)
        try:
            return expressions.compile(value)
        except ExpressionError as error:
            raise ObjectMappingError(path, error) from error
    if isinstance(value, Mapping):
        if set(value) == {LITERAL_KEY}:
            return _Literal(value[LITERAL_KEY])
        return {key: _compile_node(item, _join_path(path, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_compile_node(item, _join_path(path, index)) for index, item in enumerate(value)]
    return _Literal(value)


def _iterate_expressions(node: _Node, path: str) -> Iterator[tuple[str, Expression]]:
    """Yields the expressions of a node and all nodes below it, each with its path. `path`: of the node."""
    if isinstance(node, Expression):
        yield path, node
    elif isinstance(node, dict):
        for key, item in node.items():
            yield from _iterate_expressions(item, _join_path(path, key))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from _iterate_expressions(item, _join_path(path, index))


def _join_path(path: str, name: object) -> str:
    """Returns the dotted path of an entry or item below a path, "" for the root."""
    return f"{path}.{name}" if path else str(name)
