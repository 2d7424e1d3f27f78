"""The standard functions of JSONata 2.2 (all but `$eval`, which is the compiler's), one module a family.

Each is named after the JSONata function that it implements. Its arguments were checked against the signature,
and any of them may be undefined. Almost all give undefined if their first argument is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from isthmus.expressions.library import Function
from isthmus.expressions.standard import (
    arrays,
    dates,
    higher_order,
    numbers,
    objects,
    regex_functions,
    strings,
)

__all__ = ["FUNCTIONS"]


def _make_function(
    name: str, call: Callable[..., Any], signature: str, *, wants_evaluation: bool = False
) -> Function:
    """Return a function of the library that the compiler may write in place by its name."""
    return Function(
        name, call, signature, wants_evaluation=wants_evaluation, is_repeatable=True, intrinsic=name
    )


FUNCTIONS: Final = (
    _make_function("string", strings.string, "<x-b?:s>", wants_evaluation=True),
    _make_function("substring", strings.substring, "<s-nn?:s>"),
    _make_function("substringBefore", strings.substring_before, "<s-s:s>"),
    _make_function("substringAfter", strings.substring_after, "<s-s:s>"),
    _make_function("lowercase", strings.lowercase, "<s-:s>"),
    _make_function("uppercase", strings.uppercase, "<s-:s>"),
    _make_function("length", strings.length, "<s-:n>"),
    _make_function("trim", strings.trim, "<s-:s>"),
    _make_function("pad", strings.pad, "<s-ns?:s>", wants_evaluation=True),
    _make_function("match", regex_functions.match, "<s-f<s:o>n?:a<o>>", wants_evaluation=True),
    _make_function("contains", regex_functions.contains, "<s-(sf):b>", wants_evaluation=True),
    _make_function("replace", regex_functions.replace, "<s-(sf)(sf)n?:s>", wants_evaluation=True),
    _make_function("split", regex_functions.split, "<s-(sf)n?:a<s>>", wants_evaluation=True),
    _make_function("join", strings.join, "<a<s>s?:s>", wants_evaluation=True),
    _make_function("base64encode", strings.base64encode, "<s-:s>"),
    _make_function("base64decode", strings.base64decode, "<s-:s>"),
    _make_function("encodeUrlComponent", strings.encode_url_component, "<s-:s>", wants_evaluation=True),
    _make_function("encodeUrl", strings.encode_url, "<s-:s>", wants_evaluation=True),
    _make_function("decodeUrlComponent", strings.decode_url_component, "<s-:s>"),
    _make_function("decodeUrl", strings.decode_url, "<s-:s>"),
    _make_function("sum", numbers.sum_numbers, "<a<n>:n>"),
    _make_function("max", numbers.maximum, "<a<n>:n>"),
    _make_function("min", numbers.minimum, "<a<n>:n>"),
    _make_function("average", numbers.average, "<a<n>:n>"),
    _make_function("formatNumber", numbers.format_number, "<n-so?:s>"),
    _make_function("formatBase", numbers.format_base, "<n-n?:s>"),
    _make_function("formatInteger", numbers.format_integer, "<n-s:s>"),
    _make_function("parseInteger", numbers.parse_integer, "<s-s:n>"),
    _make_function("number", numbers.to_number, "<(nsb)-:n>"),
    _make_function("floor", numbers.floor, "<n-:n>"),
    _make_function("ceil", numbers.ceil, "<n-:n>"),
    _make_function("round", numbers.round_half_even, "<n-n?:n>"),
    _make_function("abs", numbers.absolute_value, "<n-:n>"),
    _make_function("sqrt", numbers.square_root, "<n-:n>"),
    _make_function("power", numbers.power, "<n-n:n>"),
    _make_function("random", numbers.random, "<:n>", wants_evaluation=True),
    _make_function("boolean", arrays.boolean, "<x-:b>", wants_evaluation=True),
    _make_function("not", arrays.not_, "<x-:b>", wants_evaluation=True),
    _make_function("count", arrays.count, "<a:n>"),
    _make_function("append", arrays.append, "<xx:a>", wants_evaluation=True),
    _make_function("exists", arrays.exists, "<x:b>"),
    _make_function("reverse", arrays.reverse, "<a:a>", wants_evaluation=True),
    _make_function("shuffle", arrays.shuffle, "<a:a>", wants_evaluation=True),
    _make_function("distinct", arrays.distinct, "<x:x>", wants_evaluation=True),
    _make_function("zip", arrays.zip_arrays, "<a+>", wants_evaluation=True),
    _make_function("type", arrays.get_type_name, "<x:s>"),
    _make_function("map", higher_order.map_items, "<af>", wants_evaluation=True),
    _make_function("filter", higher_order.filter_items, "<af>", wants_evaluation=True),
    _make_function("single", higher_order.single, "<af?>", wants_evaluation=True),
    _make_function("reduce", higher_order.reduce, "<afj?:j>", wants_evaluation=True),
    _make_function("sift", higher_order.sift, "<o-f?:o>", wants_evaluation=True),
    _make_function("each", higher_order.each, "<o-f:a>", wants_evaluation=True),
    _make_function("sort", higher_order.sort, "<af?:a>", wants_evaluation=True),
    _make_function("keys", objects.keys, "<x-:a<s>>", wants_evaluation=True),
    _make_function("lookup", objects.lookup, "<x-s:x>", wants_evaluation=True),
    _make_function("spread", objects.spread, "<x-:a<o>>", wants_evaluation=True),
    _make_function("merge", objects.merge, "<a<o>:o>", wants_evaluation=True),
    _make_function("error", objects.raise_error, "<s?:x>"),
    _make_function("assert", objects.assert_condition, "<bs?:x>"),
    _make_function("clone", objects.clone, "<(oa)-:o>", wants_evaluation=True),
    _make_function("toMillis", dates.to_millis, "<s-s?:n>", wants_evaluation=True),
    _make_function("fromMillis", dates.from_millis, "<n-s?s?:s>"),
    _make_function("now", dates.now, "<s?s?:s>", wants_evaluation=True),
    _make_function("millis", dates.millis, "<:n>", wants_evaluation=True),
)
