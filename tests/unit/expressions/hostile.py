"""Expressions written to hurt, and a process that runs each of them in a process of its own.

`python -m tests.unit.expressions.hostile [name…]` forks once a case, evaluates it with `Limits(seconds=1)`
(large families with less), and prints a line of JSON a case: its outcome, seconds, and the most memory held.
Without names it runs all of them.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import starmap

from tests.unit.expressions.hostile_bytes import bytes_and_documents
from tests.unit.expressions.hostile_sources import sources
from tests.unit.expressions.hostile_values import values
from tests.unit.expressions.own_time import own_time

from isthmus.expressions import DIALECT, UNDEFINED, ExpressionError, Limits
from isthmus.expressions import compile as compile_expression

DEEP: object = {}
for _ in range(5_000):
    DEEP = {"a": DEEP}


@dataclass(frozen=True)
class Attack:
    """`codes`, `value`: what it must end in; without them any clear error or value will do.

    `seconds`: its limit.
    """

    name: str
    text: str
    data: object = UNDEFINED
    codes: tuple[str, ...] = ()
    value: object = UNDEFINED
    seconds: float = 1


LIMIT = ("ISTHMUS_LIMIT",)
_TWICE = "$f := function($s, $n) { $n = 0 ? $s : $f($s & $s, $n - 1) }"


def _regexes() -> Iterator[Attack]:
    """Yields attacks by patterns that backtrack."""
    many = "a" * 40
    yield Attack("nested quantifier", "$match(text, /^(a+)+$/)", {"text": many + "!"})
    yield Attack("alternation overlap", "$contains(text, /^(a|a)*$/)", {"text": many + "!"})
    yield Attack("three nested", '$replace(text, /((a+)+)+b/, "x")', {"text": many * 5})
    yield Attack("backreference", r"$split(text, /(a*)*\1b/)", {"text": many * 4})
    yield Attack("quadratic search", "$contains(text, /a*a*a*b/)", {"text": "a" * 20_000})
    yield Attack(
        "many slow searches",
        "$map([1..1000], function($i) { $contains($$.text, /^(a+)+$/) })",
        {"text": "a" * 22 + "!"},
    )
    yield Attack("long pattern", "$match('a', /" + "a?" * 3_000 + "/)", UNDEFINED, LIMIT)
    yield Attack("empty matches", "$match(text, /x*/)", {"text": "a" * 1000}, ("D1004",))


def _sizes() -> Iterator[Attack]:
    """Yields attacks by results that grow."""
    yield Attack("doubling text", f"({_TWICE}; $f('xxxxxxxxxx', 40))", UNDEFINED, LIMIT)
    yield Attack(
        "doubling in straight code",
        "("
        + "".join(f"$a{n + 1} := $a{n} & $a{n}; " for n in range(40))
        .replace("$a0 &", "'xx' &")
        .replace("& $a0", "& 'xx'")
        + "$length($a40))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "doubling list",
        "($f := function($l, $n) { $n = 0 ? $count($l) : $f($append($l, $l), $n - 1) }; $f([1..1000], 40))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "doubling object texts",
        "($f := function($o, $n) { $n = 0 ? $o : $f({'a': $o, 'b': $o}, $n - 1) };"
        " $length($string($f({}, 40))))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "doubling object",
        "($f := function($o, $n) { $n = 0 ? $o : $f({'a': $o, 'b': $o}, $n - 1) }; $f({}, 30))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "doubling descendants",
        "($f := function($o, $n) { $n = 0 ? $o : $f([$o, $o], $n - 1) }; $count($f({'a': 1}, 40).**))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "doubling equality",
        "($f := function($o, $n) { $n = 0 ? $o : $f({'a': $o, 'b': $o}, $n - 1) }; $f({}, 30) = $f({}, 30))",
        UNDEFINED,
        (),
        True,
    )
    yield Attack("wide padding", "$pad('x', 2000000000)", UNDEFINED, LIMIT)
    yield Attack(
        "many wide paddings", "$map([1..200], function($i) { $pad('x', 19000000) })", UNDEFINED, LIMIT
    )
    yield Attack(
        "growing replacement", "$replace($pad('', 100000, 'a'), 'a', $pad('', 100000, 'b'))", UNDEFINED, LIMIT
    )
    yield Attack(
        "growing regex replacement",
        "$replace($pad('', 100000, 'a'), /a/, $pad('', 100000, 'b'))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "joined with a long text",
        "$join($split($pad('', 150000, 'a,'), ','), $pad('', 100000))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack("picture of digits", "$formatInteger(1, '" + "0" * 100_000 + "')")
    yield Attack("number picture", "$formatNumber(1e300, '" + "#" * 50_000 + "0.0')")
    yield Attack("great power", "$power(10, 400)", UNDEFINED, ("D3061",))
    yield Attack("great product", "$reduce([1..2000], function($a, $b) { $a * $b })", UNDEFINED, ("D1001",))
    yield Attack(
        "great sum of products",
        "($f := function($n, $i) { $i = 0 ? $n : $f($n * $n, $i - 1) }; $f(9, 100))",
        UNDEFINED,
        ("D1001",),
    )
    yield Attack("huge literal", "1" * 200_000)
    yield Attack("roman millions", "$formatInteger(1e15, 'I')", UNDEFINED, ("D3130",))
    yield Attack("letters of a great number", "$formatInteger(1e300, 'A')")
    yield Attack("words of a great number", "$formatInteger(1e308, 'w')")


def _recursions() -> Iterator[Attack]:
    """Yields attacks by functions that call themselves."""
    yield Attack("endless recursion", "($f := function($n) { 1 + $f($n) }; $f(1))", UNDEFINED, LIMIT)
    yield Attack("endless tail recursion", "($f := function($n) { $f($n + 1) }; $f(1))", UNDEFINED, LIMIT)
    yield Attack(
        "mutual recursion",
        "($a := function() { 1 + $b() }; $b := function() { 1 + $a() }; $a())",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "recursion through map", "($f := function($x) { $map([1, 2], $f) }; $f(1))", UNDEFINED, LIMIT
    )
    yield Attack(
        "recursion through sort",
        "($f := function($x) { $sort([2, 1], function($a, $b) { $f(1) }) }; $f(1))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "recursion through reduce",
        "($f := function($x) { $reduce([1, 2], function($a, $b) { $f(1) }) }; $f(1))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "recursion through replace",
        "($f := function($x) { $replace('a', /a/, function($m) { $f(1) }) }; $f(1))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack("the Y combinator", "(function($x) { $x($x) })(function($x) { $x($x) })", UNDEFINED, LIMIT)
    yield Attack(
        "composition of itself",
        "($f := function($x) { $x }; $g := $reduce([1..3000], function($a, $b) { $a ~> $f }, $f); $g(1))",
    )
    yield Attack(
        "partial of partial",
        "($f := function($x, $y) { $x }; $g := $reduce([1..3000], function($a, $b) { $a(?, 1) }, $f); $g(1))",
    )
    yield Attack("eval of eval", "($t := '$eval($t)'; $eval($t))", UNDEFINED, ("ISTHMUS_LIMIT", "D3121"))
    yield Attack(
        "two calls a level",
        "($f := function($n) { $n = 0 ? 0 : $f($n - 1) + $f($n - 1) }; $f(60))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "Ackermann",
        "($a := function($m, $n)"
        " { $m = 0 ? $n + 1 : $n = 0 ? $a($m - 1, 1) : $a($m - 1, $a($m, $n - 1)) }; $a(4, 3))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack("deep data", "$string($)", DEEP, LIMIT)
    yield Attack("deep data descended", "$count(**)", DEEP, (), 5_001)
    yield Attack("deep copy", "$ ~> |a|{'b': 1}|", DEEP, LIMIT)
    yield Attack("deep equality", "$ = $clone($)", DEEP, LIMIT)


def _loops() -> Iterator[Attack]:
    """Yields attacks by loops over long lists."""
    yield Attack("great range", "[1..10000000]", UNDEFINED, LIMIT)
    yield Attack("greater range", "[1..100000000]", UNDEFINED, ("D2014",))
    yield Attack("range that is only counted", "$count([1..10000000])", UNDEFINED, (), 10_000_000)
    yield Attack("range of ranges", "$map([1..2000], function($i) { [1..100000] })", UNDEFINED, LIMIT)
    yield Attack("product of ranges", "[1..100000].([1..100000])", UNDEFINED, LIMIT)
    yield Attack(
        "three nested loops",
        "[1..2000].($a := $; [1..2000].($b := $; [1..2000].($a + $b)))",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "nested maps",
        "$map([1..3000], function($a) { $sum($map([1..3000], function($b) { $a * $b })) })",
        UNDEFINED,
        LIMIT,
    )
    yield Attack(
        "join of two lists",
        "rows@$a.rows@$b.rows@$c[$a.id = $b.id].{'x': $c}",
        {"rows": [{"id": n} for n in range(1_000)]},
        LIMIT,
    )
    yield Attack(
        "sorting with a slow order",
        "$sort([1..100000], function($a, $b) { $sum([1..100]) > $a })",
        UNDEFINED,
        LIMIT,
    )
    yield Attack("filter of a great range", "[1..10000000][$ % 2 = 0]", UNDEFINED, LIMIT)
    yield Attack("sum of a great range", "$sum([1..10000000])")
    yield Attack(
        "distinct objects", "$distinct($map([1..20000], function($i) { {'a': $i} }))", UNDEFINED, LIMIT
    )
    yield Attack(
        "spread in a loop", "$reduce([1..100000], function($a, $b) { $append($a, $b) }, [])", UNDEFINED, LIMIT
    )
    yield Attack(
        "merge in a loop",
        "$reduce([1..100000], function($a, $b) { $merge([$a, {$string($b): 1}]) }, {})",
        UNDEFINED,
        LIMIT,
    )
    yield Attack("shuffles", "$map([1..1000], function($i) { $shuffle([1..100000]) })", UNDEFINED, LIMIT)
    yield Attack("zipped ranges", "$zip([1..10000000], [1..10000000])", UNDEFINED, LIMIT)
    yield Attack("groups", "[1..200000]{$string($): $}", UNDEFINED)
    yield Attack(
        "many small objects",
        "$map([1..190000], function($i) { {'a': {'b': {'c': [$i, $i, $i]}}, 'd': [[$i], [$i]]} })",
    )


def _names() -> Iterator[Attack]:
    """Yields attacks by names of Python."""
    yield Attack("class of a text", "'a'.__class__", UNDEFINED)
    yield Attack("dunder names of the input", "__class__.__mro__.__subclasses__()", {"a": 1})
    yield Attack("method of a dict", "keys()", {"a": 1}, ("T1005", "T1006"))
    yield Attack("get of a dict", "get('a')", {"a": 1}, ("T1006",))
    yield Attack("dunder variable", "$__import__('os').system('true')", UNDEFINED, ("T1006",))
    yield Attack("quoted name with code", "`a', U) or __import__('os').system('true') or ('`", {"a": 1})
    yield Attack(
        "key with code", "{\"a': __import__('os'), 'b\": 1}", UNDEFINED, (), {"a': __import__('os'), 'b": 1}
    )
    yield Attack(
        "text with braces",
        "'{E.limits}' & '{__import__}' & name",
        {"name": "{0}"},
        (),
        "{E.limits}{__import__}{0}",
    )
    yield Attack("text with quotes and newlines", '"\\"\\n\'\\\\" & "x"', UNDEFINED, (), "\"\n'\\x")
    yield Attack(
        "names of generated code",
        "($c0 := 1; $E := 2; $U := 3; $c0 + $E + $U + $t1)",
        UNDEFINED,
        (),
        UNDEFINED,
    )
    yield Attack(
        "reserved words",
        "{'if': if, 'def': def, 'None': None, 'lambda': lambda}",
        {"if": 1, "None": 2},
        (),
        {"if": 1, "None": 2},
    )
    yield Attack("host value attributes", "$dtFromIso('2024-01-01').__class__.__init__", UNDEFINED)
    yield Attack("host value call", "$dtFromIso('2024-01-01').__reduce__()", UNDEFINED, ("T1006",))
    yield Attack("prototype names", "[constructor, __proto__, $lookup($, 'constructor')]", {"a": 1}, (), [])
    yield Attack("surrogates", '"\\ud800" & name', {"name": "\ud83d"})
    yield Attack("null characters", "`\\u0000` & '\x00'", {}, (), "\x00")


def _texts() -> Iterator[Attack]:
    """Yields attacks by the text of the expression: long or nested deep."""
    yield Attack("a megabyte", "a." * 500_000 + "a", UNDEFINED, LIMIT)
    yield Attack("brackets", "(" * 100_000 + ")" * 100_000, UNDEFINED, LIMIT)
    yield Attack("arrays", "[" * 100_000, UNDEFINED, LIMIT)
    yield Attack("objects", "{'a':" * 50_000, UNDEFINED, LIMIT)
    yield Attack("minus signs", "-" * 100_000 + "1", UNDEFINED, LIMIT)
    yield Attack("sum of ones", "+".join(["1"] * 100_000), UNDEFINED, LIMIT)
    yield Attack("long path", ".".join(["a"] * 100_000), {"a": 1})
    yield Attack("long concatenation", "&".join(["a"] * 9_900), {"a": 1}, (), "1" * 9_900)
    yield Attack("too long a concatenation", "&".join(["a"] * 100_000), {"a": 1}, LIMIT)
    yield Attack("long condition", "a ? 1 : " * 10_000 + "0", {"a": 1}, LIMIT)
    yield Attack("long disjunction", " or ".join(["a"] * 9_900), {"a": 0}, (), False)
    yield Attack("many filters", "a" + "[true]" * 30_000, {"a": 1}, LIMIT)
    yield Attack("many calls", "f" + "()" * 30_000, {"f": 1}, LIMIT)
    yield Attack("many statements", "(" + "$a := 1;" * 4_500 + "$a)", UNDEFINED, (), 1)
    yield Attack(
        "many fields",
        "{" + ",".join(f"'k{n}': a.b{n}" for n in range(3_300)) + "}",
        {"a": {"b7": 1}},
        (),
        {"k7": 1},
    )
    yield Attack(
        "many functions",
        "(" + "".join(f"$f{n} := function() {{ {n} }};" for n in range(2_400)) + "$f7())",
        UNDEFINED,
        (),
        7,
    )
    yield Attack("nested functions", "function() {" * 95 + "1" + "}" * 95)
    yield Attack("nested conditions", "a ? (" * 95 + "1" + ")" * 95, {"a": 1})
    yield Attack("nested loops", "a.(" * 60 + "1" + ")" * 60, {"a": 1})
    yield Attack("nested arrays", "[" * 95 + "1" + "]" * 95)
    yield Attack("nested calls", "$string(" * 50 + "1" + ")" * 50, UNDEFINED, (), "1")
    yield Attack("endless string", "'" + "a" * 200_000, UNDEFINED, ("S0101",))
    yield Attack("endless comment", "/*" + "a" * 200_000, UNDEFINED, ("S0106",))
    yield Attack("parents", "a" + ".%" * 20_000, {"a": 1})
    yield Attack("bindings", "a" + "@$x" * 20_000, {"a": 1})
    yield Attack("signatures", "function($x)<" + "a<" * 10_000 + "n" + ">" * 10_001 + "{$x}")


FAMILIES: dict[str, Callable[[], Iterator[Attack]]] = {
    "regexes": _regexes,
    "sizes": _sizes,
    "recursions": _recursions,
    "loops": _loops,
    "names": _names,
    "texts": _texts,
    "sources": lambda: starmap(Attack, sources()),
    "bytes": lambda: starmap(Attack, bytes_and_documents()),
    "values": lambda: starmap(Attack, values()),
}
"""They are made one by one: what one holds would count as the memory of the next. The large
ones come last, because the process keeps their memory."""


@own_time()
def outcome(attack: Attack) -> dict[str, object]:
    """Runs an attack in this process; returns its result or error."""
    try:
        result = compile_expression(attack.text, library=DIALECT).evaluate(
            attack.data, limits=Limits(seconds=attack.seconds)
        )
    except ExpressionError as error:
        str(error)
        ok = (not attack.codes and attack.value is UNDEFINED) or error.code in attack.codes
        return {"ok": ok, "code": error.code, "message": error.message[:200]}
    expects_value = not attack.codes
    ok = expects_value and (attack.value is UNDEFINED or result == attack.value)
    return {"ok": ok, "value": repr(result)[:100]}


def run(attack: Attack) -> dict[str, object]:
    """Returns the outcome of an attack in a fork of this process, with its time and memory (bytes)."""
    reading, writing = os.pipe()
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
        try:
            found = outcome(attack)
        except BaseException as error:  # whatever it is: the parent reports it
            found = {"ok": False, "crash": f"{type(error).__name__}: {error}"[:300]}
        with os.fdopen(writing, "w") as pipe:
            json.dump(found, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status, usage = os.wait4(child, 0)
    found = json.loads(text) if text else {"ok": False, "crash": f"ended with status {status}"}
    return {
        "name": attack.name,
        "limit": attack.seconds,
        **found,
        "seconds": round(time.monotonic() - started, 3),
        "cpu": round(usage.ru_utime + usage.ru_stime, 3),
        "bytes": usage.ru_maxrss * 1024,
    }


def main() -> None:
    """Runs the attacks that the command line names, or all, each in a fork; prints their outcomes as lines of
    JSON."""
    chosen = sys.argv[1:]
    for family in FAMILIES.values():
        for attack in family():
            if not chosen or attack.name in chosen:
                print(json.dumps(run(attack)), flush=True)


if __name__ == "__main__":
    main()
