"""Similarity and hierarchies."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.functions.running import check, error, value


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("'night'", "'nacht'", 0.25),
        ("''", "''", 1),
        ("'a'", "'A'", 1),
        ("'a'", "'ab'", 0),
        ("''", "'ab'", 0),
        ("'!'", "'?'", "NaN"),
        ("'aaaa'", "'aa'", 0.5),
        ("1", "1", 1),
        ("null", "null", 1),
    ],
)
def test_dice_coefficient(left: str, right: str, expected: object) -> None:
    check(f"$diceCoefficient({left}, {right})", expected)


def test_dice_coefficient_compares_texts_only() -> None:
    error("$diceCoefficient(1, 2)")
    error("$diceCoefficient('a', missing)")


def test_most_similar() -> None:
    check("$mostSimilar('Part time', ['FULL_TIME', 'PART_TIME'])", "PART_TIME")
    check("$mostSimilar('x', ['FULL_TIME'])", "x")
    check("$mostSimilar('x', missing)", "x")
    check("$mostSimilar('abcd', ['abce', 'abcf'], 0.5)", "abce")
    check("$mostSimilar('part time', 'PART_TIME')", "PART_TIME")
    error("$mostSimilar(5, ['a'])")
    error("$mostSimilar('a', [5])")


GRAPH = "$dependencyGraph([{'id': 1, 'p': 2}, {'id': 2}, {'id': 3, 'p': 1}, {'id': 4, 'p': 9}], 'p', 'id')"


def test_dependency_graph_puts_parents_first() -> None:
    check(f"{GRAPH}.overallOrder()", [2, 1, 3, 4])
    check(f"{GRAPH}.overallOrder(true)", [2, 4])
    check(f"{GRAPH}.dependenciesOf(3)", [2, 1])
    check(f"{GRAPH}.dependantsOf(2)", [3, 1])
    check(f"{GRAPH}.hasNode(2)", True)
    check(f"{GRAPH}.hasNode('2')", False)
    check(f"{GRAPH}.getNodeData(2)", {"id": 2})
    check(f"{GRAPH}.clone().hasNode(1)", True)
    check(
        "$dependencyGraph([{'a': {'id': 'x'}}, {'a': {'id': 'y'}, 'p': 'x'}], 'p', 'a.id').overallOrder()",
        ["x", "y"],
    )
    check(f"$string({GRAPH})", "{}")


def test_dependency_graph_errors() -> None:
    assert error(f"{GRAPH}.dependenciesOf(9)").message == "Node does not exist: 9"
    cycle = "$dependencyGraph([{'id': 1, 'p': 2}, {'id': 2, 'p': 1}], 'p', 'id')"
    assert error(f"{cycle}.overallOrder()").message == "Dependency Cycle Found: 1 -> 2 -> 1"
    error("$dependencyGraph(missing, 'p', 'id')")


def test_sort_nodes() -> None:
    check(
        "$sortNodes(n)",
        [
            {"id": 1},
            {"id": 2, "parent_id": 1, "sequence": 1},
            {"id": 3, "parent_id": 1, "sequence": 2},
            {"id": 4, "parent_id": 9},
        ],
        {
            "n": [
                {"id": 3, "parent_id": 1, "sequence": 2},
                {"id": 2, "parent_id": 1, "sequence": 1},
                {"id": 1, "children": []},
                {"id": 4, "parent_id": 9},
            ]
        },
    )
    check("$sortNodes([{'id': 1, 'parent_id': 1}])", [])
    check("$sortNodes([{'a': {'id': 1}, 'p': {'id': 2}}, {'a': {'id': 2}}], 'a.id', 'p.id').a.id", [2, 1])
    check("$sortNodes([{'id': 5}, {'id': 6, 'sequence': 2}, {'id': 7, 'sequence': 1}]).id", [7, 6, 5])
    check("$sortNodes([{'id': 1, 'x': 1}, {'id': 1, 'x': 2}]).x", [2, 2])
    error("$sortNodes(null)")


@given(st.lists(st.integers(0, 8), min_size=2, max_size=12))
def test_sort_nodes_keeps_every_node_of_a_tree(parents: list[int]) -> None:
    nodes = [{"id": i + 1, "parent_id": min(p, i)} for i, p in enumerate(parents)]
    assert sorted(value("$sortNodes(n).id", {"n": nodes})) == [node["id"] for node in nodes]  # type: ignore[call-overload]  # a list of ids
