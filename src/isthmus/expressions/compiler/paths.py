"""Paths without variables travelling along (those are in `tuples`): steps, filters, sorting, flattening.

Between two steps a path is a `_Flow`: what the step before gave, in one Python variable. Names read from
one context become gathered reads; every other step is a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.expressions.compiler.generator import Context, GeneratorBase
from isthmus.expressions.compiler.kinds import (
    ANY,
    DICT,
    FUNCTION,
    LIST,
    SEQUENCE,
    UNDEF,
    Operand,
)
from isthmus.expressions.compiler.reads import Source
from isthmus.expressions.syntax import tree as t

__all__ = ["PathGenerator"]


@dataclass(slots=True)
class _Flow:
    """code: a variable with a dict, a list to go over, another single value, or U.

    source, names: instead, a gathered read that has not been written yet.
    """

    code: str
    is_pure: bool
    source: Source | None = None
    names: tuple[str, ...] = ()


@dataclass(slots=True)
class _Results:
    """What a step gave for each input: the variable of a list; `is_plain`: dicts or arrays, not to be flattened."""

    code: str
    is_pure: bool
    is_plain: bool


class PathGenerator(GeneratorBase):
    def path(self, node: t.Path, context: Context, *, final: bool) -> Operand:
        if any(step.is_tuple for step in node.steps):
            return self.tuple_path(node, context)
        operand = self.steps(node, context, final=final and node.group is None)
        return self.grouped(operand, node.group, context) if node.group is not None else operand

    def steps(self, node: t.Path, context: Context, *, final: bool) -> Operand:
        """All steps; the operand is collapsed, but for a path that keeps arrays."""
        steps = node.steps
        keep = node.keep
        flow, at = self.start(steps, context)
        if at == len(steps):
            return self.whole(flow, keep=keep, final=final)
        while at < len(steps):
            is_last = at == len(steps) - 1
            step = steps[at]
            at += 1
            if _is_plain_name(step):
                assert isinstance(step, t.Name)
                if is_last and not keep:
                    return self.last_name(flow, step.value, final=final)
                if not is_last:
                    flow = self.inner_name(flow, step.value)
                    continue
            if isinstance(step, t.Sort):
                flow = self.sorted(flow, step)
                if is_last:
                    return Operand(flow.code, ANY, is_pure=flow.is_pure, is_atom=True, is_raw=True)
                continue
            results = self.each(flow, step, final=final and is_last)
            if is_last:
                return self.gathered(results, keep=keep, final=final)
            flow = self.flowing(results)
        raise AssertionError("a path ends with its last step")

    # The first step.

    def start(self, steps: list[t.Node], context: Context) -> tuple[_Flow, int]:
        """What the first step gave, and how many steps that covers."""
        first = steps[0]
        if _is_plain_name(first):
            if context.source is not None:
                return _Flow("", True, context.source, ()), 0
            return _Flow(context.code, context.is_pure), 0
        if isinstance(first, t.Variable) and first.stages is None:
            if first.name == "" and first.predicates is None and context.source is not None:
                if context.is_root:
                    return self.from_root(context), 1
                return _Flow("", True, context.source, ()), 1
            local = self.find(first.name) if first.predicates is None and first.group is None else None
            if local is not None and local.source is not None and len(steps) > 1:
                return _Flow("", True, local.source, ()), 1
            operand = self.held(self.value(first, context))
            return _Flow(operand.code, operand.is_pure), 1
        if isinstance(first, t.Array) and first.cons and first.stages is None:
            operand = self.held(self.value(first, context))
            return _Flow(operand.code, operand.is_pure), 1
        if context.is_root or context.no_list:
            if isinstance(first, t.Sort):
                return _Flow(context.code, context.is_pure), 0
            operand = self.once(first, context)
            if len(steps) > 1:
                return self.flowing(operand), 1
            return self.single(operand), 1
        code = self.fresh("s")
        self.emit(f"{code} = context_items({context.code})")
        return _Flow(code, context.is_pure), 0

    def from_root(self, context: Context) -> _Flow:
        """`$.` at the root: a list there is gone over, unlike where a name comes first."""
        source = self.reads.source(context.code, self.block.here(), self.level)
        return _Flow("", True, source, ())

    def once(self, step: t.Node, context: Context) -> Operand:
        """A step for one input: its value through its filters, uncollapsed."""
        if isinstance(step, t.Name):
            return self.named(step, context)
        operand = self.value(step, context)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.filtered(operand, stage, context)
        return operand

    def single(self, operand: Operand) -> _Flow:
        held = self.held(operand)
        return _Flow(held.code, held.is_pure)

    def whole(self, flow: _Flow, *, keep: bool, final: bool) -> Operand:
        """The value of a path whose steps are all covered."""
        if flow.source is not None and flow.names:
            code = self.reads.value(flow.source, list(flow.names), self.level, final=final)
            return Operand(code, ANY & ~FUNCTION & ~(SEQUENCE if final else 0), is_pure=True, is_atom=True)
        code = flow.source.code if flow.source is not None else flow.code
        name = self.fresh("t")
        self.emit(f"{name} = last(E, [{code}], {keep}) if {code} is not U else U")
        return Operand(name, ANY, is_pure=flow.is_pure, is_atom=True)

    # Names.

    def written(self, flow: _Flow) -> str:
        """The flow as a variable."""
        if flow.source is None:
            return flow.code
        if not flow.names:
            return flow.source.code
        return self.reads.inner(flow.source, list(flow.names))

    def inner_name(self, flow: _Flow, name: str) -> _Flow:
        if flow.source is not None:
            return _Flow("", True, flow.source, (*flow.names, name))
        code = self.fresh("s")
        self.emit(f"{code} = inner(E, {flow.code}, {self.const(name)})")
        return _Flow(code, flow.is_pure)

    def last_name(self, flow: _Flow, name: str, *, final: bool) -> Operand:
        if flow.source is not None:
            code = self.reads.value(flow.source, [*flow.names, name], self.level, final=final)
            kinds = ANY & ~FUNCTION
            return Operand(code, kinds & ~SEQUENCE if final else kinds, is_pure=True, is_atom=True)
        code = self.fresh("t")
        self.emit(f"{code} = last_field(E, {flow.code}, {self.const(name)})")
        return Operand(code, ANY, is_pure=flow.is_pure, is_atom=True)

    # Other steps.

    def each(self, flow: _Flow, step: t.Node, *, final: bool) -> _Results:
        """Run a step for each input."""
        source = self.written(flow)
        over, out, item = self.fresh("s"), self.fresh("a"), self.fresh("c")
        self.emit(f"{over} = items(E, {source})")
        self.charge(f"len({over}) * {max(2, self.survey.weights.get(id(step), 1))}")
        self.emit(f"{out} = []")
        is_plain = step.stages is None and step.predicates is None and step.group is None
        is_plain = is_plain and (isinstance(step, t.Object) or (isinstance(step, t.Array) and step.cons))
        if id(step) in self.survey.closures:
            name = self.fresh("b")
            with self.define(name, [item]):
                operand = self.each_value(flow, step, item, final=final and is_plain)
                self.emit(f"return {operand.code}")
            with self.inside(f"for {item} in {over}:"):
                self.collect(out, Operand(f"{name}({item})", operand.kinds, is_pure=operand.is_pure))
        else:
            with self.inside(f"for {item} in {over}:"):
                operand = self.each_value(flow, step, item, final=final and is_plain)
                self.collect(out, operand)
        return _Results(out, operand.is_pure, is_plain)

    def each_value(self, flow: _Flow, step: t.Node, item: str, *, final: bool) -> Operand:
        context = self.context(item, is_pure=flow.is_pure)
        return self.value(step, context, final=True) if final else self.once(step, context)

    def collect(self, out: str, operand: Operand) -> None:
        if operand.may(UNDEF):
            held = self.held(operand)
            self.emit(f"if {held.code} is not U: {out}.append({held.code})")
        else:
            self.emit(f"{out}.append({operand.code})")

    def named(self, step: t.Name, context: Context) -> Operand:
        """A name with filters, for one input."""
        name = self.const(step.value)
        code = self.fresh("t")
        item = context.code
        self.emit(f"{code} = {item}.get({name}, U) if type({item}) is dict else named(E, {item}, {name})")
        operand = Operand(code, ANY & ~FUNCTION, is_pure=context.is_pure, is_atom=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.filtered(operand, stage, context)
        return operand

    def gathered(self, results: _Results, *, keep: bool, final: bool) -> Operand:
        """The path's value from what its last step gave."""
        name = self.fresh("t")
        out = results.code
        if not results.is_plain:
            self.emit(f"{name} = last(E, {out}, {keep})")
            return Operand(name, ANY, is_pure=results.is_pure, is_atom=True)
        self.emit(f"if len({out}) > 9999: grown(E, {out})")
        if keep:
            self.emit(f"{name} = Sequence({out}, True) if {out} else U")
        elif final:
            self.emit(f"{name} = {out} if len({out}) > 1 else {out}[0] if {out} else U")
            return Operand(name, LIST | DICT | UNDEF, is_pure=True, is_atom=True)
        else:
            self.emit(f"{name} = Sequence({out}) if len({out}) > 1 else {out}[0] if {out} else U")
        return Operand(name, SEQUENCE | LIST | DICT | UNDEF, is_atom=True)

    def flowing(self, results: _Results | Operand) -> _Flow:
        """What a step in the middle gave, flattened."""
        if isinstance(results, _Results):
            if results.is_plain:
                return _Flow(results.code, False)
            code = self.fresh("s")
            self.emit(f"{code} = flat(E, {results.code})")
            return _Flow(code, results.is_pure)
        held = self.held(results)
        code = self.fresh("s")
        self.emit(f"{code} = Stream({held.code}) if type({held.code}) is Sequence else {held.code}")
        if held.may(LIST):
            self.emit(f"if type({code}) is ConsArray: {code} = Stream(({code},))")
        return _Flow(code, held.is_pure)

    # Filters.

    def filtered(self, operand: Operand, one: t.Filter, context: Context) -> Operand:
        """Apply one filter; the operand is uncollapsed."""
        expression = one.expression
        held = self.held(operand)
        if isinstance(expression, t.Literal) and type(expression.value) in (int, float):
            assert isinstance(expression.value, (int, float))
            name = self.fresh("t")
            self.emit(f"{name} = index({held.code}, {int(expression.value // 1)})")
            return Operand(name, ANY, is_pure=held.is_pure, is_atom=True)
        source, out, item = self.fresh("s"), self.fresh("q"), self.fresh("c")
        code = held.code
        self.emit(f"{source} = {code} if isinstance({code}, list) else ({code},)")
        self.charge(f"len({source}) * {max(2, self.survey.weights.get(id(expression), 1))}")
        self.emit(f"{out} = Sequence()")
        if id(expression) in self.survey.closures:
            test = self.filter_function(expression, item, is_pure=held.is_pure)
            self.emit(f"filter_by(E, {source}, {test}, {out})")
        elif self.is_condition(expression):
            with self.inside(f"for {item} in {source}:"):
                inner = self.context(item, is_pure=held.is_pure)
                condition = self.truth(expression, inner)
                self.emit(f"if {condition}: {out}.append({item})")
        else:
            at = self.fresh("i")
            with self.inside(f"for {at}, {item} in enumerate({source}):"):
                inner = self.context(item, is_pure=held.is_pure)
                found = self.value(expression, inner)
                times = self.fresh("n")
                self.emit(f"{times} = picked({found.code}, {at}, len({source}))")
                self.emit(f"if {times}: {out}.extend([{item}] * {times})")
        return Operand(out, SEQUENCE, is_pure=held.is_pure, is_atom=True, is_raw=True)

    def filter_function(self, expression: t.Node, item: str, *, is_pure: bool) -> str:
        name = self.fresh("b")
        with self.define(name, [item]):
            context = self.context(item, is_pure=is_pure)
            operand = self.value(expression, context)
            self.emit(f"return {operand.code}")
        return name

    def is_condition(self, node: t.Node) -> bool:
        """Is the node's value surely no number and no list?"""
        if node.predicates is not None or node.group is not None:
            return False
        if isinstance(node, t.Operation):
            return node.operator in ("=", "!=", "<", "<=", ">", ">=", "and", "or", "in", "&")
        if isinstance(node, t.Literal):
            return type(node.value) not in (int, float)
        if isinstance(node, t.Call) and isinstance(node.procedure, t.Variable) and not node.is_partial:
            name = node.procedure.name
            return name in _CONDITIONS and self.is_standard(name)
        return False

    # Sorting.

    def sorted(self, flow: _Flow, step: t.Sort) -> _Flow:
        code = self.fresh("s")
        source = self.written(flow)
        keys: list[str] = []
        for term in step.terms:
            name, item = self.fresh("b"), self.fresh("c")
            with self.define(name, [item]):
                context = self.context(item, is_pure=flow.is_pure)
                operand = self.value(term.expression, context)
                self.emit(f"return {operand.code}")
            keys.append(f"({name}, {term.descending})")
        self.emit(f"{code} = order(E, {source}, ({', '.join(keys)},), {step.position})")
        operand = Operand(code, ANY, is_pure=flow.is_pure, is_atom=True, is_raw=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.filtered(operand, stage, Context(code))
        return _Flow(operand.code, operand.is_pure)


_CONDITIONS = {"exists", "not", "boolean", "contains"}


def _is_plain_name(step: t.Node) -> bool:
    return isinstance(step, t.Name) and step.stages is None and step.predicates is None and step.group is None
