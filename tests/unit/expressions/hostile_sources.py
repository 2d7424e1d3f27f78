"""Attacks on the compiler: texts that are short to write and long to translate, and caches to fill."""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.expressions import UNDEFINED

__all__ = ["sources"]

LIMIT = ("ISTHMUS_LIMIT",)
_ROWS = {"a": {"b": [{"c": 1}]}}
Source = tuple[str, str, object, tuple[str, ...], object]


def sources() -> Iterator[Source]:
    """Name, text, input, codes that the error may have, value: what an `Attack` is made of."""
    for name, text, data, codes in (*_nested(), *_wide(), *_patterns(), *_caches()):
        yield name, text, data, codes, UNDEFINED


def _nested() -> Iterator[tuple[str, str, object, tuple[str, ...]]]:
    """Yields sources that are nested deep."""
    yield "predicates in predicates", "a[b[" * 7 + "1" + "]]" * 7, _ROWS, ()
    yield "predicates in predicates of a list", "a[b[" * 20 + "c" + "]]" * 20, [_ROWS], ()
    yield "predicates as deep as allowed", "a[" * 98 + "1" + "]" * 98, _ROWS, ()
    yield "predicates in operands", "a[1+b[" * 9 + "1" + "]]" * 9, _ROWS, ()
    yield "predicates in defaults", "(a ?: b[" * 14 + "1" + "])" * 14, _ROWS, ()
    yield "three predicates a level", "a[b[c][d][e][" * 12 + "1" + "]]" * 12, _ROWS, ()
    yield "predicates with variables", "a#$x[b[" * 12 + "1" + "]]" * 12, _ROWS, ()
    yield "predicates with functions", "a[$map(b,function($x){c[" * 12 + "1" + "]})]" * 12, _ROWS, ()
    yield "predicates with lambdas", "a[(function($x){b[" * 10 + "1" + "]})(1)]" * 10, _ROWS, ()
    yield "groups in groups", "a{'b':c{'d':" * 30 + "1" + "}}" * 30, _ROWS, ()
    yield "orders in orders", "a^(b^(" * 30 + "c" + "))" * 30, _ROWS, ()
    yield "transforms in transforms", "(a ~> |b|" * 30 + "{}" + "|)" * 30, _ROWS, ()


def _wide() -> Iterator[tuple[str, str, object, tuple[str, ...]]]:
    """Yields sources with many parts side by side."""
    yield "many predicates", "[" + ",".join(["a[b]"] * 3_300) + "]", _ROWS, LIMIT
    yield "many predicates over a list", "[" + ",".join(["a[b]"] * 600) + "]", [_ROWS], ()
    yield "many groups", "[" + ",".join(["a{b:c}"] * 2_400) + "]", _ROWS, LIMIT
    yield "many groups over a list", "[" + ",".join(["a{'b':c}"] * 1_600) + "]", [_ROWS], ()
    yield "many orders", "[" + ",".join(["a^(b)"] * 3_300) + "]", _ROWS, LIMIT
    yield "many focused steps", "[" + ",".join(["a@$x.b[c]"] * 1_400) + "]", _ROWS, LIMIT
    yield (
        "long focused paths",
        "[" + ",".join([".".join(f"a@$x{n}" for n in range(190))] * 25) + "]",
        _ROWS,
        LIMIT,
    )
    yield (
        "long paths back",
        "[" + ",".join([".".join(["a"] * 90 + ["%"] * 80)] * 50) + "]",
        _ROWS,
        LIMIT,
    )
    yield "many transforms", "[" + ",".join(["a~>|b|{}|"] * 1_900) + "]", _ROWS, ("ISTHMUS_LIMIT",)
    yield "many conditions", "[" + ",".join(["(a?b[c]:d[e])"] * 1_100) + "]", _ROWS, LIMIT
    yield (
        "many evaluations that see many variables",
        "(" + "".join(f"$v{n}:=1;" for n in range(2_400)) + "$eval(a);" * 1_600 + "1)",
        _ROWS,
        LIMIT,
    )
    yield "many equal keys", "{" + ",".join(["'k':1"] * 4_900) + "}", UNDEFINED, ("D1009",)
    yield "a megabyte of text", "'" + "a" * 1_000_000 + "'", UNDEFINED, LIMIT
    yield "a megabyte of wide characters", "'" + "\U0001f600" * 250_000 + "'", UNDEFINED, LIMIT
    yield "a megabyte of comments", "/* x */" * 145_000 + "1", UNDEFINED, LIMIT
    yield "a megabyte of blanks", " " * 1_000_000 + "1", UNDEFINED, LIMIT
    yield "a quarter of a megabyte of escapes", "'" + "\\u0041" * 43_000 + "'", UNDEFINED, ()


def _patterns() -> Iterator[tuple[str, str, object, tuple[str, ...]]]:
    """Yields sources with patterns."""
    text = {"text": "a" * 5_000}
    yield "repeats of repeats of repeats", "$match(text, /(?:(?:(?:a?){900}){900}){900}/)", text, LIMIT
    yield "repeats of repeats", "$match(text, /(?:(a?){900}b){900}/)", text, LIMIT
    yield "repeats beside repeats", "$match(text, /" + "a{9999}" * 140 + "/)", text, LIMIT
    yield "repeats of what may be absent", "$match(text, /(?:(?:(?:a?){0,900}){0,900}){0,900}b/)", text, ()
    yield "a repeat with more digits than numbers have", "/a{" + "9" * 900 + "}/", UNDEFINED, LIMIT
    yield (
        "many patterns",
        "$f(" + ",".join(f"/a{n}(b|c)*d?/" for n in range(4_900)) + ")",
        UNDEFINED,
        LIMIT,
    )
    yield (
        "many large patterns",
        "$f(" + ",".join(f"/(?:a|b{n}){{900}}/" for n in range(2_000)) + ")",
        UNDEFINED,
        LIMIT,
    )


def _caches() -> Iterator[tuple[str, str, object, tuple[str, ...]]]:
    """Yields sources that fill caches."""
    wide = "$join($map([1..400], function($n) { 'a.b[c].d' & $n }), ',')"
    yield (
        "many large texts evaluated",
        f"($t := {wide}; $map([1..5000], function($i) {{ $eval('[' & $i & ',' & $t & ']') }}))",
        UNDEFINED,
        LIMIT,
    )
    yield (
        "many large patterns evaluated",
        "$map([1..5000], function($i) { $eval('/(?:a|b' & $i & '){900}/') })",
        UNDEFINED,
        LIMIT,
    )
