"""The standard functions of JSONata 2.2, one module a family; `$eval` is the compiler's."""

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


def _standard(
    name: str, call: Callable[..., Any], signature: str, *, wants_evaluation: bool = False
) -> Function:
    return Function(
        name, call, signature, wants_evaluation=wants_evaluation, is_repeatable=True, intrinsic=name
    )


FUNCTIONS: Final = (
    _standard("string", strings.string, "<x-b?:s>", wants_evaluation=True),
    _standard("substring", strings.substring, "<s-nn?:s>"),
    _standard("substringBefore", strings.substring_before, "<s-s:s>"),
    _standard("substringAfter", strings.substring_after, "<s-s:s>"),
    _standard("lowercase", strings.lowercase, "<s-:s>"),
    _standard("uppercase", strings.uppercase, "<s-:s>"),
    _standard("length", strings.length, "<s-:n>"),
    _standard("trim", strings.trim, "<s-:s>"),
    _standard("pad", strings.pad, "<s-ns?:s>", wants_evaluation=True),
    _standard("match", regex_functions.match, "<s-f<s:o>n?:a<o>>", wants_evaluation=True),
    _standard("contains", regex_functions.contains, "<s-(sf):b>", wants_evaluation=True),
    _standard("replace", regex_functions.replace, "<s-(sf)(sf)n?:s>", wants_evaluation=True),
    _standard("split", regex_functions.split, "<s-(sf)n?:a<s>>", wants_evaluation=True),
    _standard("join", strings.join, "<a<s>s?:s>", wants_evaluation=True),
    _standard("base64encode", strings.base64encode, "<s-:s>"),
    _standard("base64decode", strings.base64decode, "<s-:s>"),
    _standard("encodeUrlComponent", strings.encode_url_component, "<s-:s>", wants_evaluation=True),
    _standard("encodeUrl", strings.encode_url, "<s-:s>", wants_evaluation=True),
    _standard("decodeUrlComponent", strings.decode_url_component, "<s-:s>"),
    _standard("decodeUrl", strings.decode_url, "<s-:s>"),
    _standard("sum", numbers.sum_of, "<a<n>:n>"),
    _standard("max", numbers.largest, "<a<n>:n>"),
    _standard("min", numbers.smallest, "<a<n>:n>"),
    _standard("average", numbers.average, "<a<n>:n>"),
    _standard("formatNumber", numbers.format_number, "<n-so?:s>"),
    _standard("formatBase", numbers.format_base, "<n-n?:s>"),
    _standard("formatInteger", numbers.format_integer, "<n-s:s>"),
    _standard("parseInteger", numbers.parse_integer, "<s-s:n>"),
    _standard("number", numbers.to_number, "<(nsb)-:n>"),
    _standard("floor", numbers.floor, "<n-:n>"),
    _standard("ceil", numbers.ceil, "<n-:n>"),
    _standard("round", numbers.round_half_even, "<n-n?:n>"),
    _standard("abs", numbers.absolute, "<n-:n>"),
    _standard("sqrt", numbers.square_root, "<n-:n>"),
    _standard("power", numbers.power, "<n-n:n>"),
    _standard("random", numbers.random, "<:n>", wants_evaluation=True),
    _standard("boolean", arrays.boolean, "<x-:b>", wants_evaluation=True),
    _standard("not", arrays.negated, "<x-:b>", wants_evaluation=True),
    _standard("count", arrays.count, "<a:n>"),
    _standard("append", arrays.append, "<xx:a>", wants_evaluation=True),
    _standard("exists", arrays.exists, "<x:b>"),
    _standard("reverse", arrays.reverse, "<a:a>", wants_evaluation=True),
    _standard("shuffle", arrays.shuffle, "<a:a>", wants_evaluation=True),
    _standard("distinct", arrays.distinct, "<x:x>", wants_evaluation=True),
    _standard("zip", arrays.zipped, "<a+>", wants_evaluation=True),
    _standard("type", arrays.type_of, "<x:s>"),
    _standard("map", higher_order.map_items, "<af>", wants_evaluation=True),
    _standard("filter", higher_order.filter_items, "<af>", wants_evaluation=True),
    _standard("single", higher_order.single, "<af?>", wants_evaluation=True),
    _standard("reduce", higher_order.reduce, "<afj?:j>", wants_evaluation=True),
    _standard("sift", higher_order.sift, "<o-f?:o>", wants_evaluation=True),
    _standard("each", higher_order.each, "<o-f:a>", wants_evaluation=True),
    _standard("sort", higher_order.sort, "<af?:a>", wants_evaluation=True),
    _standard("keys", objects.keys, "<x-:a<s>>", wants_evaluation=True),
    _standard("lookup", objects.lookup, "<x-s:x>", wants_evaluation=True),
    _standard("spread", objects.spread, "<x-:a<o>>", wants_evaluation=True),
    _standard("merge", objects.merge, "<a<o>:o>", wants_evaluation=True),
    _standard("error", objects.error, "<s?:x>"),
    _standard("assert", objects.assert_, "<bs?:x>"),
    _standard("clone", objects.clone, "<(oa)-:o>", wants_evaluation=True),
    _standard("toMillis", dates.to_millis, "<s-s?:n>", wants_evaluation=True),
    _standard("fromMillis", dates.from_millis, "<n-s?s?:s>"),
    _standard("now", dates.now, "<s?s?:s>", wants_evaluation=True),
    _standard("millis", dates.millis, "<:n>", wants_evaluation=True),
)
