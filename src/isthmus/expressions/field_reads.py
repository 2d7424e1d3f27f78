"""Tells from the parsed tree of an expression which fields of its input it reads, at every depth.

The input is followed through paths, variables, parameters and the functions that hand on what they are given;
nothing is evaluated. Where the tree does not tell (a computed name, `*`, a function that receives a whole
object), every field of the object counts as read: a field that is read never counts as unread.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from isthmus.expressions.syntax import tree as t

__all__ = ["ALL_FIELDS", "NO_FIELDS", "FieldReads", "find_field_reads", "make_path_reads", "merge_reads"]

_MAX_VISITS: Final = 50_000
"""Nodes that are looked at, a function's again for each of its calls; then every field counts as read."""

_PRESENCE: Final = frozenset({"exists", "boolean", "not", "count", "type"})
"""Functions that tell nothing of the fields in their argument."""
_SAME_ITEMS: Final = frozenset({"filter", "single", "sort", "distinct", "reverse", "shuffle", "clone"})
_UNIONS: Final = frozenset({"append", "merge"})
_CONTEXT_ARITY: Final = {
    "boolean": 1, "clone": 1, "each": 2, "keys": 1, "lookup": 2, "not": 1, "sift": 2, "spread": 1,
    "string": 1,
}  # fmt: skip
"""Functions that take the context, which may be an object, in place of their first argument, and the number
of arguments from which on they do not. (`$sift` alone may stand without its function.)"""


@dataclass(frozen=True, slots=True)
class FieldReads:
    """What is read of a value, or of each item of a list. `is_whole`: the value with all that is in it. Else
    `fields` are the names that are read in it; where there are none, the value counts as read if it is a
    single one (text, a number), and for whether it is there."""

    is_whole: bool = False
    fields: Mapping[str, FieldReads] = field(default_factory=dict)

    def find_below(self, name: str) -> FieldReads | None:
        """Returns what is read of a field's value; None if the field is not read."""
        return self if self.is_whole else self.fields.get(name)

    def iterate_paths(self) -> Iterator[tuple[str, ...]]:
        """Yields the path of each field that is read, sorted; not those below a field that is read whole."""
        for name, below in sorted(self.fields.items()):
            inner = () if below.is_whole else tuple(below.iterate_paths())
            yield from ((name, *path) for path in inner or ((),))


ALL_FIELDS: Final = FieldReads(is_whole=True)
NO_FIELDS: Final = FieldReads()


def make_path_reads(path: Sequence[str]) -> FieldReads:
    """Returns the reads of the value at a path, of which numbers are positions in lists."""
    reads = ALL_FIELDS
    for name in reversed(path):
        if not name.lstrip("-").isdigit():
            reads = FieldReads(fields={name: reads})
    return reads


def merge_reads(several: Iterable[FieldReads]) -> FieldReads:
    """Returns all that the given ones read together."""
    merged: dict[str, FieldReads] = {}
    for reads in several:
        if reads.is_whole:
            return ALL_FIELDS
        for name, below in reads.fields.items():
            merged[name] = merge_reads((merged[name], below)) if name in merged else below
    return FieldReads(fields=merged)


def find_field_reads(tree: t.Node) -> FieldReads:
    """Returns what the expression reads of its input."""
    reader = _Reader()
    try:
        reader.read_all(tree)
    except (_TooManyVisits, RecursionError):
        return ALL_FIELDS
    return reader.root.freeze()


class _TooManyVisits(Exception):
    """The expression takes too long to follow."""


class _Field:
    """A field of the input that is read, or the input itself."""

    __slots__ = ("fields", "is_whole")

    def __init__(self) -> None:
        self.fields: dict[str, _Field] = {}
        self.is_whole = False

    def select(self, name: str) -> _Field:
        """Returns the field of a name below this one, which counts as read from then on."""
        return self.fields.setdefault(name, _Field())

    def freeze(self) -> FieldReads:
        """Returns the reads of this field's value."""
        if self.is_whole:
            return ALL_FIELDS
        return FieldReads(fields={name: below.freeze() for name, below in self.fields.items()})


class _Scope:
    """The variables of a block or of a function's call. A variable that is bound again keeps what it was."""

    __slots__ = ("_outer", "_values")

    def __init__(self, outer: _Scope | None = None) -> None:
        self._outer = outer
        self._values: dict[str, _Value] = {}

    def bind(self, name: str, value: _Value) -> None:
        """Binds a variable."""
        self._values[name] = _unite((self._values.get(name, _NOTHING), value))

    def find(self, name: str) -> _Value | None:
        """Returns what a variable stands for; None for one that is not bound here or around."""
        value = self._values.get(name)
        if value is None and self._outer is not None:
            return self._outer.find(name)
        return value

    def list_values_beside(self, other: _Scope) -> list[_Value]:
        """Returns what the variables stand for that are bound here or around, but not around `other`."""
        shared = set(other._iterate_outwards())
        return [
            value
            for scope in self._iterate_outwards()
            if scope not in shared
            for value in scope._values.values()
        ]

    def _iterate_outwards(self) -> Iterator[_Scope]:
        """Yields this scope and those around it."""
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope._outer


@dataclass(frozen=True, slots=True, eq=False)
class _Function:
    """A function that the expression defines, with the context and the variables of that place."""

    definition: t.Lambda
    context: _Value
    scope: _Scope


@dataclass(frozen=True, slots=True)
class _Value:
    """What a value may be: one of some fields of the input, one of some functions, or anything else."""

    fields: tuple[_Field, ...] = ()
    functions: tuple[_Function, ...] = ()

    def select(self, name: str) -> _Value:
        """Returns the value of a field below this value."""
        return _Value(tuple(one.select(name) for one in self.fields))


_NOTHING: Final = _Value()
"""A value that is neither a part of the input nor a function of the expression."""


def _unite(values: Iterable[_Value]) -> _Value:
    """Returns the value that may be any of the given ones."""
    fields: dict[_Field, None] = {}
    functions: dict[_Function, None] = {}
    for value in values:
        fields.update(dict.fromkeys(value.fields))
        functions.update(dict.fromkeys(value.functions))
    return _Value(tuple(fields), tuple(functions))


class _Reader:
    """Follows the input through one expression."""

    def __init__(self) -> None:
        self.root: Final = _Field()
        self._input: Final = _Value((self.root,))
        self._visits_left = _MAX_VISITS
        self._defined: list[_Function] = []
        self._called: set[t.Lambda] = set()
        self._consumed: set[_Function] = set()
        self._running: dict[t.Lambda, _Function] = {}

    def read_all(self, tree: t.Node) -> None:
        """Notes what the expression reads, and what its functions read that it never calls itself."""
        self._consume(self._read(tree, self._input, _Scope()))
        while self._defined:
            function = self._defined.pop()
            if function.definition not in self._called:
                self._consume(_Value(functions=(function,)))

    def _consume(self, *values: _Value) -> None:
        """Notes that values leave the tree's sight: every field in them may be read."""
        for value in values:
            for one in value.fields:
                one.is_whole = True
            for function in value.functions:
                if function not in self._consumed:
                    self._consumed.add(function)
                    self._consume(self._call_function(function, []))

    def _read(self, node: t.Node, context: _Value, scope: _Scope) -> _Value:
        """Notes what a node reads, and returns what its value may be. `context`: the value of `$` there."""
        self._visits_left -= 1
        if self._visits_left < 0:
            raise _TooManyVisits
        return self._read_behind(node, self._read_node(node, context, scope), scope)

    def _read_behind(self, node: t.Node, value: _Value, scope: _Scope) -> _Value:
        """Notes what the filters and the grouping behind a node read. `value`: of the node itself."""
        for predicate in node.predicates or ():
            self._read(predicate.expression, value, scope)
        for stage in node.stages or ():
            if isinstance(stage, t.Filter):
                self._read(stage.expression, value, scope)
            else:
                scope.bind(stage.name, _NOTHING)
        if node.group is None:
            return value
        for pair in node.group.pairs:
            self._consume(*(self._read(one, value, scope) for one in pair))
        return _NOTHING

    def _read_node(self, node: t.Node, context: _Value, scope: _Scope) -> _Value:  # noqa: C901  one case a kind
        """Notes what a node reads without what stands behind it, and returns what its value may be."""
        match node:
            case t.Name():
                return context.select(node.value)
            case t.Variable():
                return self._find_variable(node.name, context, scope)
            case t.Path():
                return self._read_path(node.steps, context, scope)
            case t.Call():
                return self._read_call(node, context, scope)
            case t.Apply():
                return self._read_application(node, context, scope)
            case t.Lambda():
                function = _Function(node, context, scope)
                self._defined.append(function)
                return _Value(functions=(function,))
            case t.Bind():
                value = self._read(node.value, context, scope)
                scope.bind(node.name, value)
                return value
            case t.Block():
                inside = _Scope(scope)
                values = [self._read(one, context, inside) for one in node.expressions]
                return values[-1] if values else _NOTHING
            case t.Array():
                return _unite([self._read(item, context, scope) for item in node.items])
            case t.Condition():
                self._read(node.condition, context, scope)
                ends = [node.then] if node.otherwise is None else [node.then, node.otherwise]
                return _unite([self._read(end, context, scope) for end in ends])
            case t.Default():
                return _unite([self._read(side, context, scope) for side in (node.left, node.right)])
            case t.Wildcard() | t.Descendant():
                self._consume(context)
                return _NOTHING
            case t.Parent():
                self._consume(self._input)
                return _NOTHING
            case t.Sort():
                for term in node.terms:
                    self._consume(self._read(term.expression, context, scope))
                return context
            case t.Transform():
                # It is applied to what it is given, which whoever applies it consumes.
                self._consume(*(self._read(one, _NOTHING, scope) for one in t.iterate_operands(node)))
                return _NOTHING
            case _:
                values = [self._read(child, context, scope) for child in t.iterate_operands(node)]
                if not _tells_presence_only(node):
                    self._consume(*values)
                return _NOTHING

    def _find_variable(self, name: str, context: _Value, scope: _Scope) -> _Value:
        """Returns what a variable stands for: `$`, `$$`, or one that the expression binds."""
        if name in ("", "$"):
            return context if name == "" else self._input
        return scope.find(name) or _NOTHING

    def _read_path(self, steps: Sequence[t.Node], context: _Value, scope: _Scope) -> _Value:
        """Notes what the steps of a path read, and returns what its end may be."""
        value = context
        for step in steps:
            given, value = value, self._read(step, value, scope)
            if step.index is not None:
                scope.bind(step.index, _NOTHING)
            if step.focus is not None:
                scope.bind(step.focus, value)
                self._read(step, given, scope)  # once more: its filters see the variable
                value = given
        return value

    def _read_application(self, node: t.Apply, context: _Value, scope: _Scope) -> _Value:
        """Notes what `left ~> right` reads: a call of `right` with `left` as its first argument."""
        left, right = self._read(node.left, context, scope), node.right
        if isinstance(right, t.Call) and not right.is_partial:
            return self._read_behind(right, self._read_call(right, context, scope, left), scope)
        function = self._read(right, context, scope)
        if left.functions:  # two functions become one
            self._consume(left, function)
            return _NOTHING
        return self._call(function, [left], context)

    def _read_call(self, node: t.Call, context: _Value, scope: _Scope, *first: _Value) -> _Value:
        """Notes what a call reads, and returns what its value may be. `first`: arguments before its own."""
        arguments = [*first, *(self._read(one, context, scope) for one in node.arguments)]
        procedure = node.procedure
        name = procedure.name if isinstance(procedure, t.Variable) else ""
        function = scope.find(name) if name else self._read(procedure, context, scope)
        if node.is_partial:
            self._consume(*arguments, function or _NOTHING)
            return _NOTHING
        if function is not None:
            return self._call(function, arguments, context)
        if len(arguments) < _CONTEXT_ARITY.get(name, 0):
            self._consume(context)
        if name == "eval":
            self._consume(self._input)
        if name == "lookup" and len(arguments) == 2:
            key = node.arguments[-1]
            if isinstance(key, t.Literal) and isinstance(key.value, str):
                return arguments[0].select(key.value)
        return self._call_library(name, arguments)

    def _call_library(self, name: str, arguments: list[_Value]) -> _Value:
        """Returns what a function of the library may give; all but a few consume their arguments."""
        if name in _UNIONS:
            return _unite(arguments)
        first, *others = arguments or [_NOTHING]
        if name in _PRESENCE:
            self._consume(_Value(functions=first.functions), *others)
            return _NOTHING
        if name in _SAME_ITEMS:
            for other in others:
                handed_over = [first, first] if name == "sort" else [first, _NOTHING, first]
                self._call(other, handed_over)
            return first
        if name == "map" and len(others) == 1:
            return self._call(others[0], [first, _NOTHING, first])
        if name == "reduce" and others:
            self._consume(*others[1:], self._call(others[0], [_NOTHING, first, _NOTHING, first]))
            return _NOTHING
        self._consume(*arguments)
        return _NOTHING

    def _call(self, function: _Value, arguments: list[_Value], context: _Value = _NOTHING) -> _Value:
        """Returns what a call of a value may give. What no function of the expression receives is
        consumed. `context`: of the call, from which a signature takes what is missing."""
        if not function.functions:
            self._consume(function, *arguments)
            return _NOTHING
        self._consume(_Value(function.fields))
        for one in function.functions:
            if one.definition.signature is not None and len(arguments) < len(one.definition.parameters):
                self._consume(context, *arguments)
        return _unite([self._call_function(one, arguments) for one in function.functions])

    def _call_function(self, function: _Function, arguments: Sequence[_Value]) -> _Value:
        """Returns what a call of one of the expression's own functions may give. A call inside of its own
        call consumes the arguments, and what the function has around it that the running one has not."""
        definition = function.definition
        running = self._running.get(definition)
        if running is not None:
            self._consume(*arguments)
            if running.context != function.context:
                self._consume(function.context)
            self._consume(*function.scope.list_values_beside(running.scope))
            return _NOTHING
        self._called.add(definition)
        inside = _Scope(function.scope)
        for position, name in enumerate(definition.parameters):
            inside.bind(name, arguments[position] if position < len(arguments) else _NOTHING)
        self._running[definition] = function
        try:
            return self._read(definition.body, function.context, inside)
        finally:
            del self._running[definition]


def _tells_presence_only(node: t.Node) -> bool:
    """Returns whether the node's value tells nothing of the fields in its operands: it is a condition on
    them."""
    match node:
        case t.Chain():
            return node.operator in ("and", "or")
        case t.Operation(operator="=" | "!="):
            return isinstance(node.left, t.Literal) or isinstance(node.right, t.Literal)
    return False
