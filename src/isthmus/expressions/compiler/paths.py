"""Paths without variables travelling along (those are in `tuples`): steps, sorting, flattening.

Between two steps a path is a `_Flow`: what the step before gave, in one Python variable. Names read from
one context become gathered reads; every other step is a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.expressions.compiler.code_writer import Context
from isthmus.expressions.compiler.filters import FilterGenerator, is_short
from isthmus.expressions.compiler.input_reads import Source
from isthmus.expressions.compiler.operands import (
    ANY,
    FUNCTION,
    LIST,
    NESTED,
    SEQUENCE,
    UNDEF,
    Operand,
)
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
    """The variable of a list: what a step gave for each input. `is_flat`: there is nothing to flatten."""

    code: str
    is_pure: bool
    is_flat: bool
    kinds: int


class PathGenerator(FilterGenerator):
    def path(self, node: t.Path, context: Context, *, final: bool) -> Operand:
        if any(step.is_tuple for step in node.steps):
            return self.tuple_path(node, context)
        operand = self.steps(node, context, final=final and node.group is None)
        if node.group is None:
            return operand
        return self.grouped(operand, node.group, context, final=final)

    def steps(self, node: t.Path, context: Context, *, final: bool) -> Operand:
        """All steps; the operand is collapsed, but for a path that keeps arrays."""
        flow, at = self.start(node.steps, context)
        operand = self.following(node, flow, at, context, final=final)
        first = node.steps[0]
        if isinstance(first, t.Array) and first.cons and first.stages is None:
            return self.or_empty(operand, flow.code, keep=node.keep)
        return operand

    def or_empty(self, operand: Operand, array: str, *, keep: bool) -> Operand:
        """The value of a path that starts with a written array: if that is empty, it is the value."""
        name, is_raw = self.fresh("t"), operand.is_raw or operand.is_collected
        empty = "keep_as_list(([],))" if keep else "[]"
        test = f"{array} or not isinstance({array}, list)"
        self.emit(f"{name} = {self.sequence(operand)} if {test} else {empty}")
        return Operand(name, ANY, is_pure=operand.is_pure, is_atom=True, is_raw=is_raw)

    def following(self, node: t.Path, flow: _Flow, at: int, context: Context, *, final: bool) -> Operand:
        """The steps from `at` on."""
        steps = node.steps
        keep = node.keep
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
            if isinstance(step, t.Name) and step.stages is not None:
                operand = self.filtered_name(
                    flow, step, context, final=final and is_last and not keep, is_first=at == 1
                )
                if operand is not None:
                    if is_last:
                        return self.last_filtered(operand, keep=keep)
                    flow = self.flowing(operand)
                    continue
            results = self.each(flow, step, final=final and is_last)
            if is_last:
                return self.gathered(results, keep=keep)
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
        if isinstance(first, t.Name) and context.source is not None:
            return _Flow("", True, context.source, ()), 0
        if context.is_root or context.no_list:
            if isinstance(first, t.Sort):
                return _Flow(context.code, context.is_pure), 0
            # A list at the root is one value to the path, but to what is in a step a list like any other.
            operand = self.once(first, context if isinstance(first, t.Name) else self.object_context(context))
            if len(steps) > 1:
                return self.flowing(operand), 1
            operand.code = self.sequence(operand)
            operand.is_atom = operand.is_atom and not operand.is_collected
            return self.single(operand), 1
        code = self.fresh("s")
        self.emit(f"{code} = list_context_inputs({context.code})")
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
        self.emit(f"{name} = flatten_last(E, [{code}], {keep}) if {code} is not U else U")
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
        self.emit(f"{code} = read_step(E, {flow.code}, {self.const(name)})")
        return _Flow(code, flow.is_pure)

    def last_name(self, flow: _Flow, name: str, *, final: bool) -> Operand:
        if flow.source is not None:
            code = self.reads.value(flow.source, [*flow.names, name], self.level, final=final)
            kinds = ANY & ~FUNCTION
            return Operand(code, kinds & ~SEQUENCE if final else kinds, is_pure=True, is_atom=True)
        code = self.fresh("t")
        self.emit(f"{code} = read_last_field(E, {flow.code}, {self.const(name)})")
        return Operand(code, ANY, is_pure=flow.is_pure, is_atom=True)

    # Other steps.

    def each(self, flow: _Flow, step: t.Node, *, final: bool) -> _Results:
        """Run a step for each input."""
        source = self.written(flow)
        over, out, item = self.over(source), self.fresh("a"), self.fresh("c")
        weight = max(2, self.survey.weights.get(id(step), 1))
        self.charge(over, weight)
        self.emit(f"{out} = []")
        is_plain = step.stages is None and step.predicates is None and step.group is None
        is_plain = is_plain and (isinstance(step, t.Object) or (isinstance(step, t.Array) and step.cons))
        if id(step) in self.survey.closures:
            name = self.fresh("b")
            with self.define(name, [item]):
                operand = self.each_value(flow, step, item, final=final and is_plain)
                self.emit(f"return {self.sequence(operand)}")
            operand = Operand(f"{name}({item})", operand.kinds, is_pure=operand.is_pure)
            with self.inside(f"for {item} in {over}:"):
                self.collect(out, operand)
        else:
            with self.inside(f"for {item} in {self.going(over, weight)}:"):
                operand = self.each_value(flow, step, item, final=final and is_plain)
                self.collect(out, operand)
        is_flat = is_plain or operand.is_collected or not operand.kinds & (LIST | SEQUENCE)
        return _Results(out, operand.is_pure, is_flat, operand.kinds)

    def each_value(self, flow: _Flow, step: t.Node, item: str, *, final: bool) -> Operand:
        context = self.context(item, is_pure=flow.is_pure)
        return self.value(step, context, final=True) if final else self.once(step, context)

    def filtered_name(
        self, flow: _Flow, step: t.Name, context: Context, *, final: bool, is_first: bool
    ) -> Operand | None:
        """`name[filter]` read from a gathered place; None if it has to be a loop.

        Filters that only say yes or no may go over the values of all inputs at once. A position counts
        within one input: that is read in place where the input is one dict, and by a loop otherwise.
        """
        if flow.source is None:
            return None
        stages = [stage for stage in step.stages or () if isinstance(stage, t.Filter)]
        names = [*flow.names, step.value]
        if all(self.is_condition(stage.expression) for stage in stages):
            if flow.names or is_first:
                code = self.reads.every(flow.source, names)
            else:
                code = self.fresh("t")
                start, name = flow.source.code, self.const(step.value)
                field, each = f"{start}.get({name}, U)", f"read_each(E, {start}, {name})"
                self.emit(f"{code} = {field} if type({start}) is dict else {each}")
            operand = Operand(code, ANY & ~FUNCTION, is_pure=True, is_atom=True)
            for stage in stages:
                operand = self.filtered(operand, stage, context)
            return operand
        parent = self.written(flow)
        target = self.fresh("t")
        for stage in stages:
            if not is_short(stage.expression):
                self.tests[id(stage.expression)] = self.filter_function(
                    stage.expression, self.fresh("c"), is_pure=True, at_head=True
                )
        with self.inside(f"if type({parent}) is dict:"):
            code = f"{parent}.get({self.const(step.value)}, U)"
            operand = Operand(code, ANY & ~FUNCTION, is_pure=True)
            for stage in stages:
                operand = self.filtered(operand, stage, context)
            self.emit(f"{target} = {self.sequence(operand)}")
        with self.inside("else:"):
            if flow.source.is_root and not flow.names:
                single = self.named(step, Context(parent, is_root=True, is_pure=True))
                self.emit(f"{target} = {self.sequence(single)}")
            else:
                inputs = f"list_context_inputs({parent})" if is_first else parent
                results = self.each(_Flow(inputs, True), step, final=False)
                whole = "Sequence(" if results.is_flat else "flatten_last_raw(E, "
                self.emit(f"{target} = {whole}{results.code})")
            if not operand.may(SEQUENCE) and not operand.is_collected:
                self.emit(
                    f"{target} = to_plain_list(collapse_value({target}))"
                    if final
                    else f"{target} = collapse_value({target})"
                )
        kinds = ANY & ~FUNCTION & ~(SEQUENCE if final and not operand.may(SEQUENCE) else 0)
        if operand.is_collected:
            kinds = ANY & ~FUNCTION
        return Operand(target, kinds, is_pure=True, is_atom=True)

    def last_filtered(self, operand: Operand, *, keep: bool) -> Operand:
        if not keep or operand.is_collected:
            operand.is_raw = True
            return operand
        held = self.owned(operand)
        self.emit(f"{held.code} = keep_path_value({held.code})")
        return Operand(held.code, ANY, is_pure=held.is_pure, is_atom=True)

    def collect(self, out: str, operand: Operand) -> None:
        """Add what a step gave for one input."""
        if operand.is_collected:
            self.emit(f"extend_list(E, {out}, {operand.code})")
        elif operand.may(UNDEF):
            held = self.held(operand)
            self.emit(f"if {held.code} is not U: {out}.append({held.code})")
        else:
            self.emit(f"{out}.append({operand.code})")

    def named(self, step: t.Name, context: Context) -> Operand:
        """A name with filters, for one input."""
        name = self.const(step.value)
        code = self.fresh("t")
        item = context.code
        self.emit(f"{code} = {item}.get({name}, U) if type({item}) is dict else read_name(E, {item}, {name})")
        operand = Operand(code, ANY & ~FUNCTION, is_pure=context.is_pure, is_atom=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.filtered(operand, stage, context)
        return operand

    def gathered(self, results: _Results, *, keep: bool) -> Operand:
        """The path's value from what its last step gave."""
        out = results.code
        if results.is_flat:
            return Operand(
                out, results.kinds, is_pure=results.is_pure, is_atom=True, is_raw=True, is_collected=True
            )
        name = self.fresh("t")
        self.emit(f"{name} = flatten_last(E, {out}, {keep})")
        kinds = ANY | results.kinds & NESTED
        return Operand(name, kinds, is_pure=results.is_pure, is_atom=True)

    def flowing(self, results: _Results | Operand) -> _Flow:
        """What a step in the middle gave, flattened."""
        if isinstance(results, _Results):
            if results.is_flat:
                return _Flow(results.code, results.is_pure)
            code = self.fresh("s")
            self.emit(f"{code} = flatten_step(E, {results.code})")
            return _Flow(code, results.is_pure)
        held = self.held(results)
        if not held.is_pure and held.may(LIST) and not held.is_collected:
            held = self.owned(held)
            self.emit(f"if type({held.code}) is ConsArray: {held.code} = Stream(({held.code},))")
        return _Flow(held.code, held.is_pure)

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
        self.emit(f"{code} = sort_by_terms(E, {source}, ({', '.join(keys)},), {step.position})")
        operand = Operand(code, ANY, is_pure=flow.is_pure, is_atom=True, is_raw=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.filtered(operand, stage, Context(code))
        return _Flow(operand.code, operand.is_pure)


def _is_plain_name(step: t.Node) -> bool:
    return isinstance(step, t.Name) and step.stages is None and step.predicates is None and step.group is None
