"""Attacks by values: small in memory and endless as trees, long ones in loops, numbers beyond all doubles.

Each is a name, an expression, its input, and, where only one outcome will do, the codes or the value. The
large families have a limit of a fifth of a second.
"""

from __future__ import annotations

from collections.abc import Iterator

from isthmus.expressions import UNDEFINED

LIMIT = ("ISTHMUS_LIMIT",)

Case = tuple[object, ...]

_TREE = "$f := function($s, $n) { $n = 0 ? $s : $f([[$s], [$s]], $n - 1) }; $d := $f(0, 40)"
_OBJECTS = "$f := function($s, $n) { $n = 0 ? $s : $f({'a': $s, 'b': $s}, $n - 1) }; $d := $f({}, 40)"
_WORDS = "$f := function($s, $n) { $n = 0 ? $s : $f([[$s], [$s]], $n - 1) }; $d := $f('', 40)"

_WALKS = (
    "$boolean($d)", "$not($d)", "$d ? 1 : 2", "$d and true", "$keys($d)", "$d.a", "$lookup($d, 'a')",
    "$d[0].a.b", "[1][$d]", "[1, 2, 3][$d]", "$join($d, ',')", "$filter([1], function($x) { $d })",
    "$flattenDeep($d)", "$flattenDepth($d, 99)", "$flatten($d)", "$jsonParse($string($d))", "$string($d)",
    "$d = $f(0, 40)", "$d in [1, 2]", "$sort([$d, $d])", "$distinct([$d, $f(0, 40)])", "$d^($)",
    "$merge($d)", "$spread($d)", "$zip($d, $d)", "$clone($d)", "$count($d.*.*.*.*.*.*.*.*.*.*.*.*)",
    "$count($d.**)", "$sum($d)", "$max($d)", "$type($d)", "$wrap($d, '<')", "$base64encode($d)",
    "$mapValues($d, {'a': 1})", "$compact($d)", "$groupBy([$d, $d], '0')", "$keyBy([$d], $d)",
    "$orderBy([$d, $d], '0')", "$find([$d], $d)", "$lofilter([$d], $d)", "$difference($d, $d)",
    "$pick({'a': 1}, $d)", "$omit({'a': 1}, $d)", "$toNumber($d)", "$jsonToCsv([{'a': $d}])",
    "$jsToXml({'a': $d})", "$stringifyQuery({'a': $d})", "$convertQueryToSql({'a': $d})",
    "$recursiveCharacterTextSplitter($d)", "$removeEmptyItems($d)", "$digest($d)",
    "$sign($d, 'SHA-256', 'k')", "$parseUrl($d)", "$getMimeType($d)", "$sortNodes($d)",
    "$dependencyGraph($d, 'a', 'b')",
    "$zipSqlResponse($d, $d, 'a')", "$mostSimilar('a', $d)", "$values($d)", "$firstNonEmpty($d)",
    "$d ~> |**|{'a': 1}|", "$single($d)", "$reduce($d, function($a, $b) { $append($a, $b) })",
    "$map($d, function($x) { $x })", "$each({'a': $d}, function($v) { $not($v) })", "$string($d, true)",
    "$sift({'a': $d}, function($v) { $v })", "$d & ''", "$d{'a': $}", "[$d]", "{'x': $d}", "$d", "$d > 1",
    "$error($string($d))", "$assert($d)", "$d.$string()", "$f($d, 3)", "$d#$i.($i)", "$d@$v.($v)",
    "$dtFromIso('2024-01-01').toFormat($d)", "$uuid($d)", "$eval('$d', $d)", "$d ~> $not",
    "$replace('a', /a/, function($m) { $d })", "$convertNotionToMd({'type': $d})", "$shuffle($d)",
    "$convertNotionToMarkdown({'type': 'paragraph', 'paragraph': {'rich_text': $d}})",
    "$generateEmbeddingsCohere({'texts': $d}, $d)", "$blob($d)", "$getDataUri($d, $d)", "$reverse($d)",
    "$removeEmpty($d)", "$formatNumber(1, '0', {'decimal-separator': $string($d)})",
)  # fmt: skip

_LONG_USES = (
    "$t = $u", "$t < $u", "$t in [$u]", "$lowercase($t)", "$uppercase($t)", "$trim($t)", "$substring($t, 1)",
    "$substringBefore($t, 'z')", "$substringAfter($t, 'z')", "$base64encode($t)", "$encodeUrlComponent($t)",
    "$encodeUrl($t)", "$decodeUrlComponent($t)", "$contains($t, 'zz')", "$contains($t, /z/)", "$length($t)",
    "$replace($t, 'zz', 'y')", "$replace($t, /z/, 'y')", "$match($t, /zz/)", "$split($t, 'zz')", "$t & 'a'",
    "$string($t)", "$string({'a': $t})", "$number($t)", "$toMillis($t)", "$toMillis($t, '[Y0001]')",
    "$fromMillis(1, $t)", "$formatNumber(1, $t)", "$formatInteger(1, $t)", "$parseInteger($t, '0')",
    "$parseInteger('1', $t)", "$formatBase(1, 16) & $t", "$pad($t, 3000001)", "$join([$t, $t])",
    "$jsonParse($t)", "$toNumber($t)", "$parseQuery($t)", "$digest($t)", "$sign($t, 'SHA-256', 'k')",
    "$wrap($t, '<')", "$base64decode($t)", "$mapValues($t, {'a': 1})", "$getMimeType($t)", "$parseUrl($t)",
    "$convertCurrencyToSubunit($t, 'EUR')", "$mostSimilar($t, [$u])", "$groupBy([$t], $u)", "$eval($t)",
    "$jsonToCsv([{'a': $t}])", "$jsToXml({'a': $t})", "$stringifyQuery({'a': $t})", "$dtFromIso($t)",
    "$convertQueryToSql({'a': $t})", "$dtFromFormat($t, $u)", "$dtFromIso('2024-01-01').toFormat($t)",
    "$convertNotionToMd({'type': 'paragraph', 'paragraph': {'rich_text': [{'plain_text': $t}]}})",
    "$removeEmpty($t)", "$error($t)", "$blob($t)", "$distinct([$t, $u])", "$sort([$t, $u])", "{$t: 1}",
)  # fmt: skip

_LIST_USES = (
    "$l = $m", "$sum($l)", "$max($l)", "$min($l)", "$average($l)", "$keys($o)", "-1 in $l", "[1][$l]",
    "$count($l)", "$reverse($l)", "$append($l, 1)", "$boolean($l)", "$join($w)", "$zip($l, $l)", "[$l]",
    "[$l, 1]", "{'a': $l}", "$merge($os)", "$spread($os)", "$distinct($l)", "$sort($l)", "$l[-1]", "$l.a",
    "$compact($l)", "$difference($l, $m)", "$flatten($l)", "$values($o)", "$chunk($l, 2)", "$l.$string()",
    "$map($l, $string)", "$each($o, function($v) { $v })", "$sift($o, function($v) { $v })", "$o.*",
    "$l^($)", "$clone($o)", "$string($l)", "$orderBy($l)", "$groupBy($os, 'a')", "$omit($o, 'k1')",
    "$pick($o, 'k1')", "$lookup($os, 'a')", "$removeEmptyItems($l)",
    "$reduce($l, function($a, $b) { $a + $b })", "$l{'a': $}", "$filter($l, function($v) { $v < 0 })",
    "$shuffle($l)", "$os.{'a': a}", "$os ~> |$|{'b': 1}|", "$eval('[1]', $l)", "$jsonToCsv($os)",
    "$mapValues($l, {'a': 1})", "$sum($l.$)", "$l @ $x.$x", "$keyBy($os, 'a')", "$find($os, {'a': -1})",
    "$lofilter($os, ['a', -1])", "$values($l)", "$mapValues($o, {})", "$removeEmpty($o)",
    "$zipSqlResponse([{'name': 'a'}], $l, 'name')", "$sortNodes($os, 'a', 'a', 'a')",
    "$dependencyGraph($os, 'b', 'a')", "$wrap($l, '<')", "$flattenDeep([$l, $l])", "$orderBy($os, 'a')",
    "$os#$i.a", "$os.a^(>$)", "$os@$x.$x.a", "$os.*", "$os.**", "[$os.a, $os.a]", "$os.[a, a]",
    "$os{$string(a): $}", "$os.(a & 'x')", "$os[a < 0]", "$os[a]",
    "$single($os, function($v) { $v.a = 1 })", "$count($keys($os))", "'x' in $w", "$l = $os",
    "$distinct($w)", "$each($o, $string)", "$map($os, function($v) { $merge([$v, $v]) })",
)  # fmt: skip

_WALKS_OF_ROWS = (
    "rows@$a.rows@$b.rows@$c", "$count(rows@$a.rows@$b)", "rows@$a.rows@$b[id = $a.id]",
    "rows#$a.$$.rows#$b", "rows@$a.($$.rows@$b)", "rows@$a.rows@$b{$string($a.id): $b}",
    "rows.($$.rows^(>id))", "rows[$$.rows.id]", "rows@$a.($f := function($x) { $x + $a.id }; $$.rows)@$b",
    "$$.**.**", "rows.[$$.rows]", "rows.{'a': $$.rows.id}", "rows[id in $$.rows.id]",
    "rows[$$.rows[id < 0]]", "rows^($count($$.rows[id < 0]))", "rows.$string($$.rows)",
)  # fmt: skip
"""Without a loop of their own: what they do is in the square of the rows."""


def _quick(name: str, text: str, data: object = None) -> Case:
    """Returns a case that must end soon."""
    return name, text, data, (), UNDEFINED, 0.2


def values() -> Iterator[Case]:
    """Yields the attacks by values."""
    for use in _WALKS:
        yield _quick(f"endless tree in {use}", f"({_TREE}; {use})")
        if "0, 40" not in use:
            yield _quick(f"endless tree of words in {use}", f"({_WORDS}; {use})")
            yield _quick(f"endless object in {use}", f"({_OBJECTS}; {use})")
        if "$f(" not in use:
            yield _quick(f"great range in {use}", f"($d := [1..10000000]; {use})")
            yield _quick(f"great range inside in {use}", f"($d := [[1..10000000]]; {use})")
    long = {"t": "a " * 1_500_000, "u": "a " * 1_499_999 + "b "}
    for use in _LONG_USES:
        yield _quick(
            f"long text in a loop: {use}",
            f"($t := t; $u := u; $count($map([1..200000], function($i) {{ $i > 0 ? [{use}] }})))",
            long,
        )
    many = {
        "l": list(range(190_000)),
        "m": list(range(190_000)),
        "w": ["w"] * 190_000,
        "o": {f"k{n}": n for n in range(100_000)},
        "os": [{"a": n} for n in range(100_000)],
    }
    for use in _LIST_USES:
        yield _quick(
            f"long list in a loop: {use}",
            f"($l := l; $m := m; $w := w; $o := o; $os := os;"
            f" $count($map([1..200000], function($i) {{ $i > 0 ? [{use}] }})))",
            many,
        )
    rows = {"rows": [{"id": n} for n in range(20_000)]}
    for use in _WALKS_OF_ROWS:
        yield _quick(f"rows of rows: {use}", use, rows)
    yield from _patterns()
    yield from _memory()
    yield from _outputs()
    yield from _numbers()


def _patterns() -> Iterator[Case]:
    """Yields attacks by patterns on long texts."""
    slow = "a" * 24 + "!"
    yield (
        "slow searches that add up",
        "$map([1..1000], function($i) { $contains($$.t, /^(a|aa)+$/) })",
        {"t": slow},
        LIMIT,
    )
    yield (
        "simple pattern against a long text",
        "$contains(t, /" + "[ab]" * 200 + "c/)",
        {"t": "ab" * 1_500_000},
    )
    yield "many matches", "$count($match(t, /a/))", {"t": "a" * 1_000_000}, LIMIT
    yield "many parts", "$count($split(t, /a/))", {"t": "a" * 1_000_000}, LIMIT
    yield "lazy matches", "$count($match(t, /a*?b/))", {"t": "a" * 100_000}
    yield (
        "date picture that backtracks",
        "$toMillis(t, p)",
        {
            "t": "1" * 900,
            "p": "[Y][M][D][H][m][s]" * 20 + "x",
        },
    )
    yield "long date picture", "$toMillis('1', p)", {"p": "[Y]" * 100_000}, LIMIT
    yield "width of a date picture", "$now('[Y,*-999999999]')", None, LIMIT
    yield "least width of a date picture", "$now('[Y,999999999]')", None, LIMIT
    yield "exponent picture", "$formatNumber(1, '" + "0" * 400 + "e0')", None, LIMIT
    yield (
        "changing pictures",
        "$map([1..100000], function($i) { $fromMillis(1, p & $i & '[Y]') })",
        {"p": "x" * 900},
    )


def _memory() -> Iterator[Case]:
    """Yields attacks by values that need memory."""
    text = {"t": "a" * 900}
    yield "texts below the threshold", "$map([1..199000], function($i) { t & $i })", text
    yield "upper-cased texts", "$map([1..199000], function($i) { $uppercase(t & $i) })", text, LIMIT
    yield "padded texts", "$map([1..199000], function($i) { $pad('x', 2000) })", None, LIMIT
    yield "cut texts", "$map([1..2000], function($i) { $substring(t, $i) })", {"t": "a" * 2_000_000}, LIMIT
    yield (
        "texts beyond the basic plane",
        "$map([1..199000], function($i) { t & $i })",
        {"t": "\U0001f600" * 390},
        LIMIT,
    )
    yield "copied lists", "$map([1..5000], function($i) { [$$.l] })", {"l": list(range(100_000))}, LIMIT
    yield (
        "copied objects",
        "$map([1..199000], function($i) { $merge([$$.o, {'a': $i}]) })",
        {"o": {str(n): n for n in range(100)}},
        LIMIT,
    )
    yield "functions kept", "$count($map([1..199000], function($i) { [1..20].(function() { $i + $ }) }))"
    yield "closures kept", "$map([1..199000], function($i) { function($x) { $i + $x } })"
    yield (
        "a list in a list in a list",
        "$reduce([1..199000], function($a, $b) { [[$a, [$b, $b, $b, $b]]] })",
        None,
    )
    yield (
        "spread in a loop of objects",
        "$map([1..2000], function($i) { $spread($$.o) })",
        {"o": {str(n): n for n in range(10_000)}},
        LIMIT,
    )
    yield (
        "parsed again and again",
        "$map([1..200], function($i) { $jsonParse($$.t) })",
        {"t": "[" + "[]," * 300_000 + "[]]"},
    )
    yield "split again and again", "$map([1..200], function($i) { $split($$.t, '') })", {"t": "é" * 199_000}
    yield (
        "garbage is no harm",
        "$sum($map([1..2000], function($i) { $length($pad('x', 20000)) }))",
        None,
        (),
        40_000_000,
    )
    yield (
        "a text put together piece by piece",
        "$length($reduce([1..5000], function($a, $b) { $a & 'twenty characters or s' }, ''))",
        None,
        (),
        110_000,
    )


def _outputs() -> Iterator[Case]:
    """Yields attacks by large results."""
    big = {"t": "a" * 1_000_000, "l": ["abc"] * 100_000}
    yield "one text many times", "[1..200000].{'x': $$.t}", big, LIMIT
    yield "one text many times in a list", "$map([1..200000], function($i) { $$.t })", big, LIMIT
    yield "one list many times", "$map([1..1000], function($i) { {'x': $$.l} })", big, LIMIT
    yield "the input many times", "$map([1..1000], function($i) { $$ })", big, LIMIT
    yield "one part in many fields", "{" + ",".join(f"'k{n}': t" for n in range(300)) + "}", big, LIMIT
    yield "shared parts of a result", f"({_OBJECTS}; $d)", None, LIMIT
    yield "keys that are long", "$map([1..1000], function($i) { {$$.t: $i} })", big, LIMIT


def _numbers() -> Iterator[Case]:
    """Yields attacks by numbers beyond all doubles."""
    huge = {"n": 10**400, "m": -(10**400)}
    for use in (
        "n + 1", "n - n", "n * n", "n / n", "n / 2", "n % 7", "-n", "n > 1", "n = m", "$string(n)", "n & ''",
        "$floor(n)", "$ceil(n)", "$round(n)", "$round(n, 2)", "$round(1.5, n)", "$abs(m)", "$sqrt(n)",
        "$power(n, 2)", "$power(2, n)", "$formatNumber(n, '0.0')", "$formatBase(n, 16)", "$formatBase(1, n)",
        "$formatInteger(n, '0')", "$formatInteger(n, 'w')", "$formatInteger(n, 'I')", "$fromMillis(n)",
        "$formatInteger(n, 'A')", "$sum([n, n])", "$average([n, 1])", "$max([n, 1.5])", "$number(n)", "n ? 1",
        "[1, 2][n]", "[1..n]", "$substring('abc', n)", "$substring('abc', 0, n)", "$pad('a', n)",
        "$pad('a', m)", "$split('a,b', ',', n)", "$replace('a', 'a', 'b', n)", "$match('a', /a/, n)",
        "$sort([n, 1])", "[n, 1]^($)", "n in [n]", "$distinct([n, n])", "$toNumber(n)", "$wrap(n, '<')",
        "$join([n], ',')", "$string([n])", "$boolean(n)", "$not(n)", "n", "[n]", "{'a': n}", "$random() * n",
        "$convertCurrencyToSubunit(n, 'EUR')", "$convertCurrencyFromSubunit(n, 'EUR')", "$chunk([1, 2], n)",
        "$flattenDepth([[1]], n)", "$orderBy([n, 1])", "$difference([n], [n])", "$jsonToCsv([{'a': n}])",
        "$jsToXml({'a': n})", "$stringifyQuery({'a': n})", "$convertQueryToSql({'a': n})", "n..n",
        "$recursiveCharacterTextSplitter('abc', {'chunkSize': n})", "$parseQuery('a=1', {'depth': n})",
        "$dtFromIso('2024-01-01').plus({'days': n})", "$dtFromIso('2024-01-01').plus(n)",
        "$dtFromIso('2024-01-01').set({'year': n})", "$mostSimilar('a', ['b'], n)", "$mapValues(n, {'1': 2})",
        "$groupBy([1], n)", "$fromMillis(1, '[Y]', $string(n))", "$sift({'a': n}, function($v) { $v })",
        "$clone([n])", "$lookup({'a': 1}, $string(n))", "$reduce([n, n], function($a, $b) { $a * $b })",
    ):  # fmt: skip
        yield f"huge number in {use}", use, huge
        yield (
            f"infinite number in {use}",
            use.replace("n ?", "$n ?").replace("m", "m"),
            {"n": 1e999, "m": -1e999},
        )
        yield f"no number in {use}", use, {"n": float("nan"), "m": float("nan")}
    yield "long hexadecimal", "$number('0x" + "f" * 5_000 + "')", None, LIMIT
    yield "hexadecimal beyond doubles", "$number('0x" + "f" * 600 + "')"
    yield "long decimal", "$number('" + "1" * 900 + "')", None, ("D3030",)
    yield "long octal", "$number('0o" + "7" * 900 + "')"
    yield "long time", "$toMillis('" + "1" * 200_000 + "')", None, ("D3110",)
    yield "digits of a year", "$toMillis('" + "1" * 900 + "-1-1', '[Y]-[M]-[D]')"
    yield "cut to infinity", "$substring('abc', 1/0)", None, (), ""
    yield "cut from minus infinity", "$substring('abc', -1/0, 1/0)"
    yield "split to infinity", "$split('a,b', ',', 1/0)", None, (), ["a", "b"]
    yield "split at no number", "$split('a,b', ',', 0/0)", None, (), []
    yield "empty separators of pictures", "$formatNumber(1, '0', {'pattern-separator': '', 'digit': ''})"
    yield "last zero digit", "$formatNumber(1, '0', {'zero-digit': '\U0010ffff'})"
