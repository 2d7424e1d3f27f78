"""Generates the code for paths whose values carry variables: `@$focus`, `#$index`, and parents (`%`).

Every value is a Python tuple: the value, then one slot a variable, in the order of `_TupleStream.names`. Each
step is a loop that unpacks a tuple into Python variables, so that what is inside the step reads them as
it reads any other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from isthmus.expressions.compiler.code_writer import InputContext, VariableBinding
from isthmus.expressions.compiler.generator_base import GeneratorBase
from isthmus.expressions.compiler.operands import ANY, DICT, SEQUENCE, Operand
from isthmus.expressions.meter import MAX_FREE_ITEMS
from isthmus.expressions.syntax import tree as t

__all__ = ["TupleGenerator"]


@dataclass(slots=True)
class _TupleStream:
    """The result of a step as a list of tuples.

    code: the variable of the list.
    names: the variables in slots 1, 2, ….
    is_pure: the values are parts of the input.
    plain_values: the variable of the list that the steps before the first variable gave; "" if none.
    literal_array: the variable of an array literal that the path starts with; "" if none.
    """

    code: str
    names: list[str]
    is_pure: bool
    plain_values: str = ""
    literal_array: str = ""


class TupleGenerator(GeneratorBase):
    """Writes paths with variables."""

    def write_tuple_path(self, node: t.Path, context: InputContext) -> Operand:
        """Write the code of a path with variables; its value is the list of the tuples' values."""
        stream = self.write_stream(node, context)
        if node.group is not None:
            return self.write_tuple_grouping(stream, node.group)
        name = self.make_name("q")
        self.emit(f"{name} = [one[0] for one in {stream.code}]")
        operand = Operand(
            name, ANY & ~SEQUENCE, is_pure=stream.is_pure, is_atom=True, is_raw=True, is_collected=True
        )
        return (
            self.write_value_or_empty_list(operand, stream.literal_array, keep=node.keep)
            if stream.literal_array
            else operand
        )

    def write_stream(self, node: t.Path, context: InputContext) -> _TupleStream:
        """Write the tuples that the steps of a path give."""
        code = self.make_name("s")
        steps = node.steps
        first = steps[0]
        if context.is_root or isinstance(first, t.Variable):
            self.emit(f"{code} = [{context.code or 'U'}]")
        else:
            self.emit(f"{code} = list_context_inputs({context.code or 'U'})")
        stream: _TupleStream | None = None
        is_pure = context.is_pure
        # An array that comes first is worked out once; it binds nothing, as in the reference.
        starts_with_array = isinstance(first, t.Array) and first.keeps_nesting
        if starts_with_array:
            array_code = self.make_name("s")
            self.emit(f"{array_code} = list_inputs(E, {self.write_value(first, context).code})")
            if not first.focus:
                code, is_pure = array_code, False
        for step in steps[int(starts_with_array) :]:
            if step.is_tuple or stream is not None or (starts_with_array and first.is_tuple):
                if stream is None:
                    wrapped = self.make_name("s")
                    if isinstance(step, t.Sort):
                        stream = self.write_first_sort(code, step, is_pure=is_pure)
                        continue
                    self.emit(f"{wrapped} = [(one,) for one in {code}]")
                    stream = _TupleStream(wrapped, [], is_pure)
                stream = self.write_tuple_step(stream, step)
            else:
                code, is_pure = self.write_plain_step(code, step, is_pure=is_pure)
        assert stream is not None
        if not first.is_tuple:
            stream = replace(stream, plain_values=code, literal_array=array_code if starts_with_array else "")
        return stream

    def write_plain_step(self, code: str, step: t.Node, *, is_pure: bool) -> tuple[str, bool]:
        """Write the code of a step before the first variable: a list of values to a list of values.

        Returns the variable of the new list, and whether its values are parts of the input.
        """
        result = self.make_name("s")
        if isinstance(step, t.Sort):
            ordered = f"sort_by_terms(E, {code}, {self.write_sort_keys(step)}, {step.position})"
            self.emit(f"{result} = list_inputs(E, {ordered})")
            return result, is_pure
        out, item = self.make_name("a"), self.make_name("c")
        self.emit(f"{out} = []")
        weight = max(2, self.survey.weights.get(id(step), 1))
        self.emit_charge(code, weight)
        with self.enter_block(f"for {item} in {self.make_charged_loop_code(code, weight)}:"):
            context = self.make_context(item, is_pure=is_pure)
            operand = self.write_tuple_step_value(step, context)
            for stage in step.stages or ():
                assert isinstance(stage, t.Filter)
                operand = self.make_reusable(self.write_filter(operand, stage, context))
            value_code = self.get_sequence_code(operand)
            self.emit(f"if {operand.code} is not U: {out}.append({value_code})")
        self.emit(f"{result} = flatten_step(E, {out})")
        return result, operand.is_pure

    def write_tuple_step_value(self, step: t.Node, context: InputContext) -> Operand:
        """Write the code of a step for one input, without its stages; a name is looked up as it is."""
        if not isinstance(step, t.Name):
            return self.make_variable(self.write_value(step, context))
        name, code, item = self.make_constant_code(step.value), self.make_name("t"), context.code
        self.emit(f"{code} = {item}.get({name}, U) if type({item}) is dict else read_name(E, {item}, {name})")
        return Operand(code, ANY, is_pure=context.is_pure, is_atom=True)

    def write_sort_keys(self, step: t.Sort) -> str:
        """Write the code of a key function for each sort term; returns the code of the terms."""
        keys: list[str] = []
        for term in step.terms:
            name, item = self.make_name("b"), self.make_name("c")
            with self.define_function(name, [item]):
                operand = self.write_value(term.expression, InputContext(item))
                self.emit(f"return {operand.code}")
            keys.append(f"({name}, {term.descending})")
        return f"({', '.join(keys)},)"

    def write_first_sort(self, code: str, step: t.Sort, *, is_pure: bool) -> _TupleStream:
        """Write the code of a sort before the first variable appears: a list of values to a list of
        tuples."""
        ordered = self.make_name("s")
        self.emit(f"{ordered} = sort_by_terms(E, {code}, {self.write_sort_keys(step)}, {step.position})")
        result = self.make_name("s")
        names = [step.index] if step.index else []
        tuple_code = "(one, at)" if names else "(one,)"
        self.emit(f"{result} = [{tuple_code} for at, one in enumerate({ordered})]")
        return self.write_stages(_TupleStream(result, names, is_pure), step)

    # Steps.

    def open_tuple(self, stream: _TupleStream, item: str) -> InputContext:
        """Unpack a tuple into Python variables and open a frame with them; the caller closes it."""
        value = self.make_name("c")
        locals_ = [self.make_name("v") for _ in stream.names]
        self.emit(f"({''.join(f'{one}, ' for one in [value, *locals_])}) = {item}")
        frame = {
            name: VariableBinding(
                code, self.function, Operand(code, ANY, is_pure=stream.is_pure), is_settled=True
            )
            for name, code in zip(stream.names, locals_, strict=True)
        }
        self.frames.append(frame)
        return self.make_context(value, is_pure=stream.is_pure)

    def write_tuple_step(self, stream: _TupleStream, step: t.Node) -> _TupleStream:
        """Write the code of a step on a list of tuples."""
        if isinstance(step, t.Sort):
            result = self.make_name("s")
            keys = self.write_tuple_sort_keys(stream, step)
            self.emit(f"{result} = sort_by_terms(E, {stream.code}, {keys}, {step.position})")
            return self.write_stages(_TupleStream(result, stream.names, stream.is_pure), step)
        out, item = self.make_name("a"), self.make_name("u")
        self.emit(f"{out} = []")
        self.emit_charge(stream.code, max(4, self.survey.weights.get(id(step), 1)))
        names = list(stream.names)
        if id(step) in self.survey.closures:
            return self.write_stages(self.write_step_function(stream, step, out, item), step)
        loop_source = self.make_charged_loop_code(stream.code, max(4, self.survey.weights.get(id(step), 1)))
        with self.enter_block(f"for {item} in {loop_source}:"):
            context = self.open_tuple(stream, item)
            names, is_pure = self.write_step_tuples(stream, step, context, out)
            self.frames.pop()
        self.emit(f"if len({out}) > {MAX_FREE_ITEMS}: check_size(E, {out})")
        return self.write_stages(_TupleStream(out, names, is_pure), step)

    def write_step_function(self, stream: _TupleStream, step: t.Node, out: str, item: str) -> _TupleStream:
        """Write the code of a step that makes functions as a Python function, called once a tuple."""
        name = self.make_name("b")
        with self.define_function(name, [item]):
            context = self.open_tuple(stream, item)
            names, is_pure = self.write_step_tuples(stream, step, context, out)
            self.frames.pop()
        with self.enter_block(f"for {item} in {self.make_charged_loop_code(stream.code, 4)}:"):
            self.emit(f"{name}({item})")
        return _TupleStream(out, names, is_pure)

    def write_step_tuples(
        self, stream: _TupleStream, step: t.Node, context: InputContext, out: str
    ) -> tuple[list[str], bool]:
        """Write the code of a step for one tuple, and add its results to `out`; returns the names of the
        new tuples' variables, and whether their values are parts of the input."""
        nested = _find_nested_path(step)
        if nested is not None:
            return self.write_nested_step_tuples(stream, step, nested, context, out)
        operand = self.write_tuple_step_value(step, context)
        values, item, at = self.make_name("s"), self.make_name("c"), self.make_name("i")
        code = operand.code
        self.emit(f"{values} = {code} if isinstance({code}, list) else () if {code} is U else ({code},)")
        slots = {name: self.get_slot_code(name) for name in stream.names}
        value = item
        if step.focus:
            slots[step.focus] = item
            value = context.code
        if step.index:
            slots[step.index] = at
        if step.ancestor is not None:
            slots[step.ancestor.label] = context.code
        tuple_code = "".join(f"{slot_code}, " for slot_code in [value, *slots.values()])
        with self.enter_block(
            f"for {at}, {item} in enumerate({self.make_charged_append_code(values, out)}):"
        ):
            self.emit(f"{out}.append(({tuple_code}))")
        return list(slots), stream.is_pure and operand.is_pure

    def write_nested_step_tuples(
        self, stream: _TupleStream, step: t.Node, nested: t.Path, context: InputContext, out: str
    ) -> tuple[list[str], bool]:
        """Work as `write_step_tuples`, for a step in parentheses whose own path has variables: they join
        those of this path."""
        opened = 0
        inside: t.Node = step
        while isinstance(inside, t.Block):
            self.open_frame(inside)
            opened += 1
            for statement in inside.expressions[:-1]:
                self.write_value(statement, context)
            inside = inside.expressions[-1]
        inner = self.write_stream(nested, context)
        for one_filter in step.predicates or ():
            inner = self.write_tuple_filter(inner, one_filter)
        for _ in range(opened):
            self.frames.pop()
        item = self.make_name("u")
        slots = {name: self.get_slot_code(name) for name in stream.names}
        for number, name in enumerate(inner.names, 1):
            slots[name] = f"{item}[{number}]"
        value = f"{item}[0]"
        if step.focus:
            slots[step.focus] = value
            value = context.code
        tuple_code = "".join(f"{slot_code}, " for slot_code in [value, *slots.values()])
        with self.enter_block(f"for {item} in {self.make_charged_append_code(inner.code, out)}:"):
            self.emit(f"{out}.append(({tuple_code}))")
        return list(slots), stream.is_pure and inner.is_pure

    def make_charged_append_code(self, values: str, out: str) -> str:
        """Return the list `values` to loop over, charged for each input of a step: lists of tuples
        multiply."""
        self.emit(f"E.steps_left -= len({values})")
        self.emit(f"if E.steps_left < 0: check_size(E, {out}, 1)")
        return self.make_charged_loop_code(values, 1)

    def get_slot_code(self, name: str) -> str:
        """Return the Python variable of a variable of the stream."""
        local = self.frames[-1].get(name) or self.find_variable(name)
        assert local is not None
        return local.code

    def write_stages(self, stream: _TupleStream, step: t.Node) -> _TupleStream:
        """Write the code of the filters and index bindings behind a step."""
        for stage in step.stages or ():
            if isinstance(stage, t.Index):
                stream = self.write_numbering(stream, stage.name)
            else:
                stream = self.write_tuple_filter(stream, stage)
        return stream

    def write_numbering(self, stream: _TupleStream, name: str) -> _TupleStream:
        """Write the code of an index binding: each tuple's number in a slot."""
        result = self.make_name("s")
        if name in stream.names:
            slot = stream.names.index(name) + 1
            self.emit(
                f"{result} = [(*one[:{slot}], at, *one[{slot + 1}:]) for at, one in enumerate({stream.code})]"
            )
            return _TupleStream(result, stream.names, stream.is_pure)
        self.emit(f"{result} = [(*one, at) for at, one in enumerate({stream.code})]")
        return _TupleStream(result, [*stream.names, name], stream.is_pure)

    def write_tuple_filter(self, stream: _TupleStream, stage: t.Filter) -> _TupleStream:
        """Write the code of a filter on a list of tuples."""
        out = self.make_name("a")
        expression = stage.expression
        if isinstance(expression, t.Literal) and type(expression.value) in (int, float):
            assert isinstance(expression.value, (int, float))
            at = int(expression.value // 1)
            self.emit(f"{out} = [one for one in (get_at_index({stream.code}, {at}),) if one is not U]")
            return _TupleStream(out, stream.names, stream.is_pure)
        name, item = self.make_name("b"), self.make_name("u")
        with self.define_function(name, [item]):
            context = self.open_tuple(stream, item)
            operand = self.write_value(expression, context)
            self.frames.pop()
            self.emit(f"return {operand.code}")
        self.emit(f"{out} = []")
        self.emit(f"filter_items(E, {stream.code}, {name}, {out})")
        return _TupleStream(out, stream.names, stream.is_pure)

    def write_tuple_sort_keys(self, stream: _TupleStream, step: t.Sort) -> str:
        """Work as `write_sort_keys`, with functions of tuples."""
        keys: list[str] = []
        for term in step.terms:
            name, item = self.make_name("b"), self.make_name("u")
            with self.define_function(name, [item]):
                context = self.open_tuple(stream, item)
                operand = self.write_value(term.expression, context)
                self.frames.pop()
                self.emit(f"return {operand.code}")
            keys.append(f"({name}, {term.descending})")
        return f"({', '.join(keys)},)"

    def write_tuple_grouping(self, stream: _TupleStream, group: t.Group) -> Operand:
        """Write the code of a grouping: keys for each tuple; values over the tuples of a key, each
        variable's values together."""
        functions: list[str] = []
        for key, value in group.pairs:
            names: list[str] = []
            for part in (key, value):
                name, item = self.make_name("b"), self.make_name("u")
                with self.define_function(name, [item]):
                    context = self.open_tuple(_TupleStream("", stream.names, False), item)
                    operand = self.write_value(part, context)
                    self.frames.pop()
                    self.emit(f"return {operand.code}")
                names.append(name)
            functions.append(f"({names[0]}, {names[1]})")
        groups, code = self.make_name("d"), stream.code
        # A path that ended before its first variable is grouped as one that gave nothing.
        if stream.plain_values:
            code = f"{code} if {stream.plain_values} else [({'U, ' * (1 + len(stream.names))})]"
        self.emit(f"{groups} = build_tuple_groups(E, {code}, ({', '.join(functions)},), {group.position})")
        return Operand(groups, DICT, is_atom=True)


def _find_nested_path(step: t.Node) -> t.Path | None:
    """Return the path with variables that a step in parentheses ends with, or None."""
    if step.group is not None or not isinstance(step, t.Block) or not step.expressions:
        return None
    last: t.Node = step.expressions[-1]
    while isinstance(last, t.Block) and last.expressions and last.predicates is None and last.group is None:
        last = last.expressions[-1]
    if (
        isinstance(last, t.Path)
        and last.is_tuple
        and last.group is None
        and any(s.is_tuple for s in last.steps)
    ):
        return last
    return None
