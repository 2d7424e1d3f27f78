"""Turns the parsed tree into the shaped tree: chains of steps become paths, and parents find their steps.

`a.b[x].c` arrives as nested `Infix` nodes and leaves as one `Path` whose steps carry their filters
(`stages`), bindings (`focus`, `index`) and grouping. A `%` is a slot that is passed up: through the steps of
its own path, then through what encloses it, until it reaches the step whose input it means; that step is told
to keep its input in a variable (`ancestor`) beside its values (`is_tuple`).
"""

from __future__ import annotations

from typing import TypeVar

from isthmus.expressions.errors import LIMIT, ExpressionError
from isthmus.expressions.limits import MAX_PATH_STEPS
from isthmus.expressions.syntax.tree import (
    Apply,
    Array,
    Bind,
    Block,
    Call,
    Chain,
    Condition,
    Default,
    Filter,
    Group,
    GroupBy,
    Index,
    Infix,
    Lambda,
    Literal,
    MissingOperand,
    Name,
    Negate,
    Node,
    Object,
    Operation,
    Parent,
    Path,
    Slot,
    Sort,
    SortBy,
    SortTerm,
    Transform,
    Wildcard,
)

__all__ = ["shape_tree"]

N = TypeVar("N", bound=Node)


def shape_tree(tree: Node) -> Node:
    """Return the shaped tree. Raises S0217 for a `%` whose step cannot be found."""
    shaped = _shape_node(tree)
    if isinstance(shaped, Parent) or shaped.open_parent_slots:
        raise _make_no_parent_error(shaped)
    return shaped


def _make_no_parent_error(node: Node) -> ExpressionError:
    """Return the error S0217 of a `%` whose step cannot be found."""
    return ExpressionError(
        "S0217",
        "The object representing the 'parent' cannot be derived from this expression",
        node.position,
        token=type(node).__name__.lower(),
    )


def _shape_node(node: Node) -> Node:
    """Return a node shaped, with its place in the text."""
    shaped = _shape_by_kind(node)
    shaped.start, shaped.end = node.start, node.end
    if node.keep:
        shaped.keep = True
    return shaped


def _shape_by_kind(node: Node) -> Node:  # noqa: C901  one case a kind of node; each is one line or a call
    """Return a node shaped by its kind."""
    match node:
        case Infix():
            return _shape_infix(node)
        case Name():
            return Path(node.position, [node], keep=node.keep)
        case GroupBy():
            return _shape_grouping(node)
        case SortBy():
            return _shape_sort(node)
        case Array():
            node.items = [_shape_inside(node, item) for item in node.items]
        case Object():
            node.pairs = [(_shape_inside(node, k), _shape_inside(node, v)) for k, v in node.pairs]
        case Negate():
            node.operand = _shape_inside(node, node.operand)
        case Block():
            node.expressions = [_shape_inside(node, one) for one in node.expressions]
            node.keeps_nesting = any(
                one.keeps_nesting or (isinstance(one, Path) and one.steps[0].keeps_nesting)
                for one in node.expressions
            )
        case Call():
            node.arguments = [_shape_inside(node, one) for one in node.arguments]
            node.procedure = _shape_node(node.procedure)
        case Condition():
            node.condition = _shape_inside(node, node.condition)
            node.then = _shape_inside(node, node.then)
            if node.otherwise is not None:
                node.otherwise = _shape_inside(node, node.otherwise)
        case Default():
            node.left = _shape_inside(node, node.left)
            node.right = _shape_inside(node, node.right)
        case Lambda():
            node.body = _shape_node(node.body)
        case Transform():
            node.pattern = _shape_node(node.pattern)
            node.update = _shape_node(node.update)
            node.delete = None if node.delete is None else _shape_node(node.delete)
        case MissingOperand():
            raise ExpressionError("S0207", "Unexpected end of expression", node.position, token="(end)")
    return node


def _shape_inside(enclosing: Node, inner: Node) -> Node:
    """Return the node shaped, its slots passed up to the node around it."""
    return _pass_up_slots(enclosing, _shape_node(inner))


def _shape_infix(node: Infix) -> Node:
    """Return an operator between two expressions as the node that it means."""
    operator = node.operator
    if operator in (".", "&", "and", "or"):
        return _shape_chain(node)
    if operator == "[":
        return _shape_filter(node)
    if operator == ":=":
        value = _shape_node(node.right)
        bind = Bind(node.position, _get_variable_name(node.left), value)
        _pass_up_slots(bind, value)
        return bind
    if operator == "@":
        return _shape_focus(node)
    if operator == "#":
        return _shape_index(node)
    if operator == "~>":
        left, right = _shape_node(node.left), _shape_node(node.right)
        return Apply(node.position, left, right, keep=left.keep or right.keep)
    operation = Operation(node.position, operator, _shape_node(node.left), _shape_node(node.right))
    _pass_up_slots(operation, operation.left)
    _pass_up_slots(operation, operation.right)
    return operation


def _get_variable_name(node: Node) -> str:
    """Return the name of a variable; `""` for any other node."""
    name = getattr(node, "name", "")
    return str(name)


def _shape_chain(node: Infix) -> Node:
    """Return a run of one operator, from the left; in a loop, since runs may be long."""
    links: list[Infix] = []
    first: Node = node
    while isinstance(first, Infix) and first.operator == node.operator and (not links or not first.keep):
        links.append(first)
        first = first.left
    left = _shape_node(first)
    if node.operator != ".":
        run = Chain(node.position, node.operator, [left], [link.position for link in reversed(links)])
        run.sides.extend(_shape_node(link.right) for link in reversed(links))
        for side in run.sides:
            _pass_up_slots(run, side)
        return run
    if len(links) > MAX_PATH_STEPS:
        raise ExpressionError(LIMIT, f"A path has more than {MAX_PATH_STEPS} steps", node.position)
    for link in reversed(links):
        left = _append_step(left, _shape_node(link.right), link)
    return left


def _append_step(left: Node, right: Node, link: Infix) -> Path:
    """Return `left.right` as one path."""
    path = left if isinstance(left, Path) else Path(link.position, [left])
    if isinstance(left, Parent):
        path.open_parent_slots = [left.slot]
    added: list[Node]
    if isinstance(right, Path):
        added = right.steps
    else:
        if right.predicates is not None:
            right.stages, right.predicates = [*right.predicates], None
        added = [right]
    if len(path.steps) == 1:
        path.steps[0] = _to_step(path.steps[0])
    path.steps.extend(_to_step(step) for step in added)
    if any(step.keep for step in path.steps):
        path.keep = True
    for edge in (path.steps[0], path.steps[-1]):
        if isinstance(edge, Array):
            edge.keeps_nesting = True
    _resolve_slots(path)
    return path


def _to_step(step: Node) -> Node:
    """Return the node as a step of a path: a string is a name. Raises S0213 for other literals."""
    if isinstance(step, Literal):
        if not isinstance(step.value, str):
            raise ExpressionError(
                "S0213",
                f"The literal value {step.value} cannot be used as a step within a path expression",
                step.position,
                value=step.value,
            )
        return Name(
            step.position,
            step.value,
            start=step.start,
            end=step.end,
            keep=step.keep,
            predicates=step.predicates,
            stages=step.stages,
        )
    return step


def _shape_filter(node: Infix) -> Node:
    """Shape `left[right]`. Raises S0209 for a filter behind a grouping."""
    shaped = _shape_node(node.left)
    step = shaped.steps[-1] if isinstance(shaped, Path) else shaped
    if step.group is not None:
        raise ExpressionError(
            "S0209", "A predicate cannot follow a grouping expression in a step", node.position
        )
    predicate = _shape_node(node.right)
    if predicate.open_parent_slots:
        for slot in predicate.open_parent_slots:
            if slot.level == 1:
                _find_parent_step(step, slot)
            else:
                slot.level -= 1
        _pass_up_slots(step, predicate)
    part = Filter(predicate, node.position)
    if isinstance(shaped, Path):
        step.stages = [*(step.stages or ()), part]
    else:
        step.predicates = [*(step.predicates or ()), part]
    return shaped


def _shape_grouping(node: GroupBy) -> Node:
    """Shape `left{key: value}`. Raises S0210 for a second grouping."""
    shaped = _shape_node(node.left)
    if shaped.group is not None:
        raise ExpressionError("S0210", "Each step can only have one grouping expression", node.position)
    shaped.group = Group([(_shape_node(key), _shape_node(value)) for key, value in node.pairs], node.position)
    return shaped


def _shape_sort(node: SortBy) -> Node:
    """Shape `left^(terms)` as a path with a sort step."""
    shaped = _shape_node(node.left)
    path = shaped if isinstance(shaped, Path) else Path(node.position, [shaped])
    step = Sort(node.position, [])
    for term in node.terms:
        step.terms.append(SortTerm(_pass_up_slots(step, _shape_node(term.expression)), term.descending))
    path.steps.append(step)
    _resolve_slots(path)
    return path


def _shape_focus(node: Infix) -> Node:
    """Shape `@$name`: the step's values travel with the variable."""
    shaped = _shape_node(node.left)
    step = shaped.steps[-1] if isinstance(shaped, Path) else shaped
    if step.stages is not None or step.predicates is not None:
        raise ExpressionError(
            "S0215", "A context variable binding must precede any predicates on a step", node.position
        )
    if isinstance(step, Sort):
        raise ExpressionError(
            "S0216",
            "A context variable binding must precede the 'order-by' clause on a step",
            node.position,
        )
    if node.keep:
        step.keep = True
    step.focus = _get_variable_name(node.right)
    step.is_tuple = True
    return shaped


def _shape_index(node: Infix) -> Node:
    """Shape `#$name`: the step's values travel with their number."""
    shaped = _shape_node(node.left)
    if isinstance(shaped, Path):
        step = shaped.steps[-1]
    else:
        step = shaped
        shaped = Path(node.position, [step])
        if step.predicates is not None:
            step.stages, step.predicates = [*step.predicates], None
    name = _get_variable_name(node.right)
    if step.stages is None:
        step.index = name
    else:
        step.stages.append(Index(name))
    step.is_tuple = True
    return shaped


# How parents find their steps.


def _pass_up_slots(enclosing: Node, inner: N) -> N:
    """Pass slots that are still on their way up from `inner` to `enclosing`; returns `inner`."""
    if inner.open_parent_slots or isinstance(inner, Parent):
        slots = (
            [*inner.open_parent_slots, inner.slot] if isinstance(inner, Parent) else inner.open_parent_slots
        )
        enclosing.open_parent_slots = [*enclosing.open_parent_slots, *slots]
    return inner


def _resolve_slots(path: Path) -> None:
    """Let the slots of a path's last step look for their parents among the steps before it."""
    last = path.steps[-1]
    slots = [*last.open_parent_slots, last.slot] if isinstance(last, Parent) else last.open_parent_slots
    for slot in slots:
        at = len(path.steps) - 2
        while slot.level > 0:
            if at < 0:
                path.open_parent_slots = [*path.open_parent_slots, slot]
                break
            step = path.steps[at]
            at -= 1
            while at >= 0 and step.focus and path.steps[at].focus:
                step = path.steps[at]
                at -= 1
            _find_parent_step(step, slot)


def _find_parent_step(node: Node, slot: Slot) -> None:
    """Take a slot one step up: a name or wildcard is a level, a parent costs one more, blocks are looked
    into."""
    match node:
        case Name() | Wildcard():
            slot.level -= 1
            if slot.level == 0:
                if node.ancestor is None:
                    node.ancestor = slot
                else:
                    slot.label = node.ancestor.label
                    node.ancestor = slot
                node.is_tuple = True
        case Parent():
            slot.level += 1
        case Block():
            if node.expressions:
                node.is_tuple = True
                _find_parent_step(node.expressions[-1], slot)
        case Path():
            node.is_tuple = True
            at = len(node.steps) - 1
            _find_parent_step(node.steps[at], slot)
            while slot.level > 0 and at > 0:
                at -= 1
                _find_parent_step(node.steps[at], slot)
        case _:
            raise _make_no_parent_error(node)
