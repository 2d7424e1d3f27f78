"""The tree of an expression: a class for each kind of node.

The parser builds it close to the text (`Infix`, `GroupBy`, `SortBy`); `shape` turns chains of steps into
`Path` nodes and attaches what follows a step (filters, bindings, grouping) to it. The compiler only sees
shaped trees.

`position` is the index behind the token that made the node, as JSONata counts it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = [
    "Apply",
    "ArgumentPlaceholder",
    "Array",
    "Bind",
    "Block",
    "Call",
    "Chain",
    "Condition",
    "Default",
    "Descendant",
    "Filter",
    "Group",
    "GroupBy",
    "Index",
    "Infix",
    "Lambda",
    "Literal",
    "MissingOperand",
    "Name",
    "Negate",
    "Node",
    "Object",
    "Operation",
    "Parent",
    "Path",
    "Regex",
    "Slot",
    "Sort",
    "SortBy",
    "SortTerm",
    "Stage",
    "Transform",
    "Variable",
    "Wildcard",
    "is_bare",
    "iterate_children",
    "iterate_operands",
]


@dataclass(slots=True, eq=False)
class Slot:
    """A `%` on its way to the step whose input it means. `level`: how many steps it still has to go up.

    `label` names the variable that will hold the parent; slots that end at one step share it.
    """

    label: str
    level: int = 1


@dataclass(slots=True, eq=False)
class Node:
    """What every node can carry.

    start, end: the part of the text that it was read from.
    keep: `[]` was written behind it: a single item stays a list.
    predicates: filters of a node that is not a step of a path; applied to its value.
    stages: filters and index bindings of a step; applied to what one input of the step gave.
    group: `{…}` behind it.
    focus, index: names of the variables of `@$name` and `#$name`.
    ancestor: the slot whose parent is this step's input.
    is_tuple: the step's values travel together with variables (focus, index, parents).
    keeps_nesting: an array written as first or last step; its arrays are not flattened.
    open_parent_slots: slots of `%` inside it that are still on their way up.
    """

    position: int
    start: int = field(default=0, kw_only=True)
    end: int = field(default=0, kw_only=True)
    keep: bool = field(default=False, kw_only=True)
    predicates: list[Filter] | None = field(default=None, kw_only=True)
    stages: list[Stage] | None = field(default=None, kw_only=True)
    group: Group | None = field(default=None, kw_only=True)
    focus: str | None = field(default=None, kw_only=True)
    index: str | None = field(default=None, kw_only=True)
    ancestor: Slot | None = field(default=None, kw_only=True)
    is_tuple: bool = field(default=False, kw_only=True)
    keeps_nesting: bool = field(default=False, kw_only=True)
    open_parent_slots: list[Slot] = field(default_factory=list, kw_only=True)


@dataclass(slots=True, eq=False)
class Filter:
    """`[…]` behind a step or a value."""

    expression: Node
    position: int


@dataclass(slots=True, eq=False)
class Index:
    """`#$name` behind a filter: numbers what is left."""

    name: str


Stage = Filter | Index


@dataclass(slots=True, eq=False)
class Group:
    """`{…}` behind a value: keys and values."""

    pairs: list[tuple[Node, Node]]
    position: int


@dataclass(slots=True, eq=False)
class SortTerm:
    """One key of `^(…)`."""

    expression: Node
    descending: bool


@dataclass(slots=True, eq=False)
class Literal(Node):
    value: str | int | float | bool | None


@dataclass(slots=True, eq=False)
class Name(Node):
    """A field's name as a step of a path."""

    value: str


@dataclass(slots=True, eq=False)
class Variable(Node):
    """`name` is without `$`; empty for `$` (the context) and `$` for `$$` (the root)."""

    name: str


@dataclass(slots=True, eq=False)
class Regex(Node):
    pattern: str
    flags: str


@dataclass(slots=True, eq=False)
class Wildcard(Node):
    """`*` as a step: all fields."""


@dataclass(slots=True, eq=False)
class Descendant(Node):
    """`**` as a step: the value and everything below it."""


@dataclass(slots=True, eq=False)
class Parent(Node):
    """`%`: the parent of a step's input."""

    slot: Slot


@dataclass(slots=True, eq=False)
class ArgumentPlaceholder(Node):
    """`?` as an argument: a partial application."""


@dataclass(slots=True, eq=False)
class MissingOperand(Node):
    """Only before shaping: the text ended where an expression should start."""


@dataclass(slots=True, eq=False)
class Infix(Node):
    """Only before shaping: any operator between two expressions."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class GroupBy(Node):
    """Only before shaping."""

    left: Node
    pairs: list[tuple[Node, Node]]


@dataclass(slots=True, eq=False)
class SortBy(Node):
    """Only before shaping."""

    left: Node
    terms: list[SortTerm]


@dataclass(slots=True, eq=False)
class Path(Node):
    """Steps, each applied to the results of the one before."""

    steps: list[Node]


@dataclass(slots=True, eq=False)
class Sort(Node):
    """A step that orders its input."""

    terms: list[SortTerm]


@dataclass(slots=True, eq=False)
class Operation(Node):
    """`+ - * / % = != < <= > >= .. in`."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class Chain(Node):
    """`a & b & c`, `a and b and c`, `a or b or c`: the sides from the left, and each operator's position."""

    operator: str
    sides: list[Node]
    positions: list[int]


@dataclass(slots=True, eq=False)
class Negate(Node):
    operand: Node


@dataclass(slots=True, eq=False)
class Array(Node):
    items: list[Node]


@dataclass(slots=True, eq=False)
class Object(Node):
    pairs: list[tuple[Node, Node]]


@dataclass(slots=True, eq=False)
class Block(Node):
    """`(…; …)`: expressions, of which the last is the value."""

    expressions: list[Node]


@dataclass(slots=True, eq=False)
class Bind(Node):
    """`$name := value`"""

    name: str
    value: Node


@dataclass(slots=True, eq=False)
class Condition(Node):
    """`condition ? then : otherwise`"""

    condition: Node
    then: Node
    otherwise: Node | None


@dataclass(slots=True, eq=False)
class Default(Node):
    """`left ?: right` (left if it is truthy) and `left ?? right` (left if it exists)."""

    operator: str
    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class Call(Node):
    """`is_partial`: some argument is an `ArgumentPlaceholder`."""

    procedure: Node
    arguments: list[Node]
    is_partial: bool = False


@dataclass(slots=True, eq=False)
class Lambda(Node):
    """`function($a, $b)<signature> { body }`"""

    parameters: list[str]
    signature: str | None
    body: Node


@dataclass(slots=True, eq=False)
class Apply(Node):
    """`left ~> right`"""

    left: Node
    right: Node


@dataclass(slots=True, eq=False)
class Transform(Node):
    """`|pattern|update,delete|`"""

    pattern: Node
    update: Node
    delete: Node | None


def is_bare(node: Node) -> bool:
    """Return whether nothing follows the node: no filter, no grouping, no `[]`."""
    return node.predicates is None and node.stages is None and node.group is None and not node.keep


def iterate_children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below a node of a shaped tree, in the order in which they are evaluated."""
    yield from iterate_operands(node)
    for predicate in node.predicates or ():
        yield predicate.expression
    for stage in node.stages or ():
        if isinstance(stage, Filter):
            yield stage.expression
    if node.group is not None:
        for key, value in node.group.pairs:
            yield key
            yield value


def iterate_operands(node: Node) -> Iterator[Node]:  # noqa: C901  one case a kind of node
    """Yield the nodes that the node's own syntax holds, without the filters and the grouping behind it."""
    match node:
        case Path():
            yield from node.steps
        case Operation() | Default() | Infix() | Apply():
            yield node.left
            yield node.right
        case Call():
            yield node.procedure
            yield from node.arguments
        case Object():
            for key, value in node.pairs:
                yield key
                yield value
        case Array():
            yield from node.items
        case Chain():
            yield from node.sides
        case Block():
            yield from node.expressions
        case Bind():
            yield node.value
        case Negate():
            yield node.operand
        case Lambda():
            yield node.body
        case Condition():
            yield node.condition
            yield node.then
            if node.otherwise is not None:
                yield node.otherwise
        case Sort():
            for term in node.terms:
                yield term.expression
        case Transform():
            yield node.pattern
            yield node.update
            if node.delete is not None:
                yield node.delete
        case _:
            return
