"""Generates the code for paths whose values carry no variables (`tuple_paths` has the others).

Between two steps a path is a `_Flow`: the result of the step before, in one Python variable. Names read from
one context become collected reads; every other step is a loop.
"""

from __future__ import annotations

from dataclasses import dataclass

from isthmus.expressions.compiler.code_writer import InputContext
from isthmus.expressions.compiler.filters import FilterGenerator, is_short_filter
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
    """The value of a path between two steps.

    code: a variable with a dict, a list to go over, another single value, or U. source, names: instead, a
    collected read that has not been written yet.
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
    """Writes paths."""

    def write_path(self, node: t.Path, context: InputContext, *, final: bool) -> Operand:
        """Write the code of a path and of the grouping behind it."""
        if any(step.is_tuple for step in node.steps):
            return self.write_tuple_path(node, context)
        operand = self.write_steps(node, context, final=final and node.group is None)
        if node.group is None:
            return operand
        return self.write_grouping(operand, node.group, context, final=final)

    def write_steps(self, node: t.Path, context: InputContext, *, final: bool) -> Operand:
        """Write the code of all steps; the result is collapsed, except for a path that keeps arrays."""
        flow, step_count = self.write_first_step(node.steps, context)
        operand = self.write_remaining_steps(node, flow, step_count, context, final=final)
        first = node.steps[0]
        if isinstance(first, t.Array) and first.keeps_nesting and first.stages is None:
            return self.write_value_or_empty_list(operand, flow.code, keep=node.keep)
        return operand

    def write_value_or_empty_list(self, operand: Operand, array: str, *, keep: bool) -> Operand:
        """Write the code of the value of a path that starts with a written array: if the array is empty,
        it is the value."""
        name, is_raw = self.make_name("t"), operand.is_raw or operand.is_collected
        empty = "keep_as_list(([],))" if keep else "[]"
        test = f"{array} or not isinstance({array}, list)"
        self.emit(f"{name} = {self.get_sequence_code(operand)} if {test} else {empty}")
        return Operand(name, ANY, is_pure=operand.is_pure, is_atom=True, is_raw=is_raw)

    def write_remaining_steps(
        self, node: t.Path, flow: _Flow, step_index: int, context: InputContext, *, final: bool
    ) -> Operand:
        """Write the code of the steps from index `step_index` on."""
        steps = node.steps
        keep = node.keep
        while step_index < len(steps):
            is_last = step_index == len(steps) - 1
            step = steps[step_index]
            step_index += 1
            if _is_plain_name(step):
                assert isinstance(step, t.Name)
                if is_last and not keep:
                    return self.write_last_name(flow, step.value, final=final)
                if not is_last:
                    flow = self.write_inner_name(flow, step.value)
                    continue
            if isinstance(step, t.Sort):
                flow = self.write_sort(flow, step)
                if is_last:
                    return Operand(flow.code, ANY, is_pure=flow.is_pure, is_atom=True, is_raw=True)
                continue
            if isinstance(step, t.Name) and step.stages is not None:
                operand = self.write_filtered_name(
                    flow, step, context, final=final and is_last and not keep, is_first=step_index == 1
                )
                if operand is not None:
                    if is_last:
                        return self.write_last_filter(operand, keep=keep)
                    flow = self.write_flattened(operand)
                    continue
            results = self.write_step_for_each(flow, step, final=final and is_last)
            if is_last:
                return self.write_path_result(results, keep=keep)
            flow = self.write_flattened(results)
        raise AssertionError("a path ends with its last step")

    # The first step.

    def write_first_step(self, steps: list[t.Node], context: InputContext) -> tuple[_Flow, int]:
        """Write the code of the first step; returns its result, and how many steps (0 or 1) that covers."""
        first = steps[0]
        if _is_plain_name(first):
            if context.source is not None:
                return _Flow("", True, context.source, ()), 0
            return _Flow(context.code, context.is_pure), 0
        if isinstance(first, t.Variable) and first.stages is None:
            if first.name == "" and first.predicates is None and context.source is not None:
                if context.is_root:
                    return self.start_from_root(context), 1
                return _Flow("", True, context.source, ()), 1
            local = (
                self.find_variable(first.name) if first.predicates is None and first.group is None else None
            )
            if local is not None and local.source is not None:
                return _Flow("", True, local.source, ()), 1
            operand = self.make_reusable(self.write_value(first, context))
            return _Flow(operand.code, operand.is_pure), 1
        if isinstance(first, t.Array) and first.keeps_nesting and first.stages is None:
            operand = self.make_reusable(self.write_value(first, context))
            return _Flow(operand.code, operand.is_pure), 1
        if isinstance(first, t.Name) and context.source is not None:
            return _Flow("", True, context.source, ()), 0
        if context.is_root:
            # A list at the root is one value to the path, but to what is in a step a list like any other.
            operand = self.write_step_once(first, self.write_object_context(context))
            return self.write_flattened(operand), 1
        code = self.make_name("s")
        self.emit(f"{code} = list_context_inputs({context.code})")
        return _Flow(code, context.is_pure), 0

    def start_from_root(self, context: InputContext) -> _Flow:
        """Return the flow of `$.` at the root: a list there is gone over, unlike where a name comes first."""
        source = self.reads.add_source(context.code, self.block.add_bookmark(), self.nesting_level)
        return _Flow("", True, source, ())

    def write_step_once(self, step: t.Node, context: InputContext) -> Operand:
        """Write the code of a step for one input, with its filters; the result is not collapsed."""
        if isinstance(step, t.Name):
            return self.write_name_with_filters(step, context)
        operand = self.write_value(step, context)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.write_filter(operand, stage, context)
        return operand

    # Names.

    def get_flow_code(self, flow: _Flow) -> str:
        """Return the Python variable of a flow."""
        if flow.source is None:
            return flow.code
        if not flow.names:
            return flow.source.code
        return self.reads.add_inner_read(flow.source, list(flow.names))

    def write_inner_name(self, flow: _Flow, name: str) -> _Flow:
        """Write the code of a name in the middle of a path."""
        if flow.source is not None:
            return _Flow("", True, flow.source, (*flow.names, name))
        code = self.make_name("s")
        self.emit(f"{code} = read_step(E, {flow.code}, {self.make_constant_code(name)})")
        return _Flow(code, flow.is_pure)

    def write_last_name(self, flow: _Flow, name: str, *, final: bool) -> Operand:
        """Write the code of a name at the end of a path."""
        if flow.source is not None:
            code = self.reads.add_value_read(
                flow.source, [*flow.names, name], self.nesting_level, final=final
            )
            kinds = ANY & ~FUNCTION
            return Operand(code, kinds & ~SEQUENCE if final else kinds, is_pure=True, is_atom=True)
        code = self.make_name("t")
        self.emit(f"{code} = read_last_field(E, {flow.code}, {self.make_constant_code(name)})")
        return Operand(code, ANY, is_pure=flow.is_pure, is_atom=True)

    # Other steps.

    def write_step_for_each(self, flow: _Flow, step: t.Node, *, final: bool) -> _Results:
        """Write the code of a step as a loop over its inputs."""
        source = self.get_flow_code(flow)
        over, out, item = self.write_loop_source(source), self.make_name("a"), self.make_name("c")
        weight = max(2, self.survey.weights.get(id(step), 1))
        self.emit_charge(over, weight)
        self.emit(f"{out} = []")
        is_plain = step.stages is None and step.predicates is None and step.group is None
        is_plain = is_plain and (
            isinstance(step, t.Object) or (isinstance(step, t.Array) and step.keeps_nesting)
        )
        if id(step) in self.survey.closures:
            name = self.make_name("b")
            with self.define_function(name, [item]):
                operand = self.write_step_value(flow, step, item, final=final and is_plain)
                self.emit(f"return {self.get_sequence_code(operand)}")
            operand = Operand(f"{name}({item})", operand.kinds, is_pure=operand.is_pure)
            with self.enter_block(f"for {item} in {over}:"):
                self.emit_collect(out, operand)
        else:
            with self.enter_block(f"for {item} in {self.make_charged_loop_code(over, weight)}:"):
                operand = self.write_step_value(flow, step, item, final=final and is_plain)
                self.emit_collect(out, operand)
        is_flat = is_plain or operand.is_collected or not operand.kinds & (LIST | SEQUENCE)
        return _Results(out, operand.is_pure, is_flat, operand.kinds)

    def write_step_value(self, flow: _Flow, step: t.Node, item: str, *, final: bool) -> Operand:
        """Write the code of a step for the input in the variable `item`."""
        context = self.make_context(item, is_pure=flow.is_pure)
        return self.write_value(step, context, final=True) if final else self.write_step_once(step, context)

    def write_filtered_name(
        self, flow: _Flow, step: t.Name, context: InputContext, *, final: bool, is_first: bool
    ) -> Operand | None:
        """Write the code of `name[filter]` read from a collected source; None if it has to be a loop.

        Filters that only say yes or no may go over the values of all inputs at once. An index counts within
        one input: it is read in place where the input is one dict, and by a loop otherwise.
        """
        if flow.source is None:
            return None
        stages = [stage for stage in step.stages or () if isinstance(stage, t.Filter)]
        names = [*flow.names, step.value]
        if all(self.is_boolean(stage.expression) for stage in stages):
            if flow.names or is_first:
                code = self.reads.add_each_read(flow.source, names)
            else:
                code = self.make_name("t")
                start, name = flow.source.code, self.make_constant_code(step.value)
                field, fallback = f"{start}.get({name}, U)", f"read_each(E, {start}, {name})"
                self.emit(f"{code} = {field} if type({start}) is dict else {fallback}")
            operand = Operand(code, ANY & ~FUNCTION, is_pure=True, is_atom=True)
            for stage in stages:
                operand = self.write_filter(operand, stage, context)
            return operand
        parent = self.get_flow_code(flow)
        target = self.make_name("t")
        for stage in stages:
            if not is_short_filter(stage.expression):
                self.filter_functions[id(stage.expression)] = self.write_filter_function(
                    stage.expression, self.make_name("c"), is_pure=True, at_head=True
                )
        with self.enter_block(f"if type({parent}) is dict:"):
            code = f"{parent}.get({self.make_constant_code(step.value)}, U)"
            operand = Operand(code, ANY & ~FUNCTION, is_pure=True)
            for stage in stages:
                operand = self.write_filter(operand, stage, context)
            self.emit(f"{target} = {self.get_sequence_code(operand)}")
        with self.enter_block("else:"):
            if flow.source.is_root and not flow.names:
                single = self.write_name_with_filters(step, InputContext(parent, is_root=True, is_pure=True))
                self.emit(f"{target} = {self.get_sequence_code(single)}")
            else:
                inputs = f"list_context_inputs({parent})" if is_first else parent
                results = self.write_step_for_each(_Flow(inputs, True), step, final=False)
                whole = "Sequence(" if results.is_flat else "flatten_last_raw(E, "
                self.emit(f"{target} = {whole}{results.code})")
            if not operand.can_be(SEQUENCE) and not operand.is_collected:
                self.emit(
                    f"{target} = to_plain_list(collapse_value({target}))"
                    if final
                    else f"{target} = collapse_value({target})"
                )
        kinds = ANY & ~FUNCTION & ~(SEQUENCE if final and not operand.can_be(SEQUENCE) else 0)
        if operand.is_collected:
            kinds = ANY & ~FUNCTION
        return Operand(target, kinds, is_pure=True, is_atom=True)

    def write_last_filter(self, operand: Operand, *, keep: bool) -> Operand:
        """Return the operand of a filter that ends a path; with `keep`, a single value stays a list."""
        if not keep or operand.is_collected:
            operand.is_raw = True
            return operand
        held = self.assign_to_variable(operand)
        self.emit(f"{held.code} = keep_path_value({held.code})")
        return Operand(held.code, ANY, is_pure=held.is_pure, is_atom=True)

    def emit_collect(self, out: str, operand: Operand) -> None:
        """Write the line that adds the result of a step for one input to the list `out`."""
        if operand.is_collected:
            self.emit(f"extend_list(E, {out}, {operand.code})")
        elif operand.can_be(UNDEF):
            held = self.make_reusable(operand)
            self.emit(f"if {held.code} is not U: {out}.append({held.code})")
        else:
            self.emit(f"{out}.append({operand.code})")

    def write_name_with_filters(self, step: t.Name, context: InputContext) -> Operand:
        """Write the code of a name with its filters, for one input."""
        name = self.make_constant_code(step.value)
        code = self.make_name("t")
        item = context.code
        self.emit(f"{code} = {item}.get({name}, U) if type({item}) is dict else read_name(E, {item}, {name})")
        operand = Operand(code, ANY & ~FUNCTION, is_pure=context.is_pure, is_atom=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.write_filter(operand, stage, context)
        return operand

    def write_path_result(self, results: _Results, *, keep: bool) -> Operand:
        """Write the code of the value of a path from the results of its last step."""
        out = results.code
        if results.is_flat:
            return Operand(
                out, results.kinds, is_pure=results.is_pure, is_atom=True, is_raw=True, is_collected=True
            )
        name = self.make_name("t")
        self.emit(f"{name} = flatten_last(E, {out}, {keep})")
        kinds = ANY | results.kinds & NESTED
        return Operand(name, kinds, is_pure=results.is_pure, is_atom=True)

    def write_flattened(self, results: _Results | Operand) -> _Flow:
        """Write the code of the results of a step in the middle of a path, flattened."""
        if isinstance(results, _Results):
            if results.is_flat:
                return _Flow(results.code, results.is_pure)
            code = self.make_name("s")
            self.emit(f"{code} = flatten_step(E, {results.code})")
            return _Flow(code, results.is_pure)
        held = self.make_reusable(results)
        if not held.is_pure and held.can_be(LIST) and not held.is_collected:
            held = self.assign_to_variable(held)
            self.emit(f"if type({held.code}) is ConsArray: {held.code} = Stream(({held.code},))")
        return _Flow(held.code, held.is_pure)

    # Sorting.

    def write_sort(self, flow: _Flow, step: t.Sort) -> _Flow:
        """Write the code of a step that orders its input."""
        code = self.make_name("s")
        source = self.get_flow_code(flow)
        keys: list[str] = []
        for term in step.terms:
            name, item = self.make_name("b"), self.make_name("c")
            with self.define_function(name, [item]):
                context = self.make_context(item, is_pure=flow.is_pure)
                operand = self.write_value(term.expression, context)
                self.emit(f"return {operand.code}")
            keys.append(f"({name}, {term.descending})")
        self.emit(f"{code} = sort_by_terms(E, {source}, ({', '.join(keys)},), {step.position})")
        operand = Operand(code, ANY, is_pure=flow.is_pure, is_atom=True, is_raw=True)
        for stage in step.stages or ():
            assert isinstance(stage, t.Filter)
            operand = self.write_filter(operand, stage, InputContext(code))
        return _Flow(operand.code, operand.is_pure)


def _is_plain_name(step: t.Node) -> bool:
    """Return whether the step is a name without filters and grouping."""
    return isinstance(step, t.Name) and step.stages is None and step.predicates is None and step.group is None
