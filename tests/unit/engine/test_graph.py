"""Graphs of nodes: names, edges, and what each node sees of those before it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from isthmus.definitions.graph_nodes import Node
from isthmus.engine.graph.node_scopes import NodeScope, ProducedRecord
from isthmus.engine.graph.scheduler import NodeScheduler
from isthmus.engine.graph.structure import Graph
from isthmus.errors import BadRequest
from isthmus.expressions.placeholders import compile_template

NODE: TypeAdapter[Any] = TypeAdapter(Node)


def nodes(*each: dict[str, Any]) -> list[Any]:
    return [NODE.validate_python({"method": "list", **item} if "type" not in item else item) for item in each]


def graph(*each: dict[str, Any]) -> Graph:
    return Graph.from_nodes(nodes(*each))


def transform(name: str, expression: str, **more: Any) -> dict[str, Any]:
    return {"type": "transform", "name": name, "config": {"expression": expression}, **more}


def refused(*each: dict[str, Any]) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        graph(*each)
    return caught.value


def test_the_first_faults_of_a_graph_are_shown_and_the_others_counted() -> None:
    three = [{"resource": f"r{number}", "depends_on": [f"x{number}"]} for number in range(3)]
    assert "more)" not in refused(*three).message
    error = refused(*three, {"resource": "r3", "depends_on": ["x3"]})
    assert error.message.endswith(" (and 1 more)")
    assert len(error.details["failures"]) == 4


def test_a_node_waits_for_names_and_for_resources() -> None:
    found = graph(
        {"resource": "desk/tickets"},
        {"resource": "users", "name": "agents"},
        {"resource": "comments", "depends_on": ["desk/tickets", "agents"]},
    )
    assert found.dependencies["comments"] == ("desk/tickets", "agents")
    assert found.order.index("comments") == 2


def test_one_dependency_may_be_written_without_an_array() -> None:
    assert graph({"resource": "a"}, {"resource": "b", "depends_on": "a"}).dependencies["b"] == ("a",)


def test_a_resource_stands_for_every_node_that_calls_it() -> None:
    found = graph({"resource": "a"}, {"resource": "a"}, {"resource": "b", "depends_on": "a"})
    assert list(found.nodes) == ["a", "a#2", "b"]
    assert found.dependencies["b"] == ("a", "a#2")


def test_calls_of_one_resource_can_follow_each_other() -> None:
    found = graph(
        {"resource": "a"}, {"resource": "a", "depends_on": "a"}, {"resource": "a", "depends_on": "a"}
    )
    assert found.dependencies == {"a": (), "a#2": ("a",), "a#3": ("a", "a#2")}


@pytest.mark.parametrize(
    "node",
    [
        {"resource": "b", "loop_on": "resources.a"},
        {"resource": "b", "query": {"of": "{{resources.a.id}}"}},
        {"resource": "b", "id": "{{args.id|resources.a.id}}"},
        {"resource": "b", "query": "{'of': resources.a[0].id}"},
        {"resource": "b", "body": {"deep": ["{{resources.a.id:int}}"]}},
        transform("b", "$count(resources.a)"),
    ],
)
def test_reading_a_node_means_waiting_for_it(node: dict[str, Any]) -> None:
    assert graph(node, {"resource": "a"}).dependencies["b"] == ("a",)


def test_a_circle_is_named_before_anything_runs() -> None:
    error = refused(
        {"resource": "a", "depends_on": "c"},
        {"resource": "b", "depends_on": "a"},
        {"resource": "c", "depends_on": "b"},
        {"resource": "d"},
    )
    assert sorted(error.details["nodes"]) == ["a", "b", "c"]
    assert error.details["failures"][0]["code"] == "cycle"


def test_dependencies_that_nobody_has_are_all_named() -> None:
    error = refused(
        {"resource": "a", "depends_on": ["x", "a"]}, {"resource": "b", "loop_on": "resources.nothing"}
    )
    found = {(each["path"], each["code"]) for each in error.details["failures"]}
    assert found == {
        ("resources.0.depends_on", "unknown_node"),
        ("resources.1.loop_on", "unknown_node"),
    }
    assert "'a' cannot wait for itself" in str(error.details)


def test_a_name_is_had_by_one_node() -> None:
    error = refused({"resource": "a", "name": "x"}, {"resource": "b", "name": "x"})
    assert error.details["failures"][0]["path"] == "resources.1.name"


def test_a_node_behind_a_failed_one_is_skipped_and_so_is_what_is_behind_it() -> None:
    found = graph(
        {"resource": "a"},
        {"resource": "b"},
        {"resource": "c", "depends_on": ["a", "b"]},
        {"resource": "d", "depends_on": "c"},
    )
    scheduler = NodeScheduler(found)
    assert scheduler.start_ready() == ["a", "b"]
    assert scheduler.finish_and_start_next("a", succeeded=True) == []
    assert scheduler.finish_and_start_next("b", succeeded=False) == []
    assert scheduler.skipped == {"c": ("b",), "d": ("c",)}
    assert scheduler.unfinished_nodes == []


def test_a_frontier_goes_on_from_what_had_ended() -> None:
    found = graph(
        {"resource": "a"}, {"resource": "b", "depends_on": "a"}, {"resource": "c", "depends_on": "b"}
    )
    scheduler = NodeScheduler(found, {"a": True})
    assert scheduler.start_ready() == ["b"]
    assert scheduler.unfinished_nodes == ["b", "c"]


def scope(found: Graph, name: str, **results: list[Any]) -> NodeScope:
    made = {
        key: [item if isinstance(item, ProducedRecord) else ProducedRecord(item) for item in value]
        for key, value in results.items()
    }
    return NodeScope(
        found, name, made, context={"url": "u", "args": "hidden"}, extra_names={"args": {"x": 1}}
    )


def test_a_template_reads_the_first_record_where_there_is_no_loop() -> None:
    found = graph({"resource": "a"}, {"resource": "b", "depends_on": "a"})
    names = scope(found, "b", a=[{"id": 1}, {"id": 2}]).make_template_names()
    for text, value in (
        ("{{resources.a.id:int}}", 1),
        ("{{resources.a.1.id:int}}", 2),
        ("{{resources.a:json}}", [{"id": 1}, {"id": 2}]),
        ("{{url}}", "u"),
        ("{{args.x:any}}", 1),
    ):
        assert compile_template(text).render(names) == value, text


def test_a_node_sees_only_what_it_waits_for() -> None:
    found = graph({"resource": "a"}, {"resource": "b"}, {"resource": "c", "depends_on": "b"})
    names = scope(found, "c", a=[1], b=[2]).make_expression_names()
    assert names["resources"] == {"b": [2]}


def test_a_transform_stands_in_the_place_of_what_it_reads() -> None:
    found = graph(
        {"resource": "m/a"},
        transform("less", "resources.m.a[0]", depends_on="m/a"),
        transform("last", "resources", depends_on="less"),
        transform("both", "resources", depends_on=["m/a", "less"]),
    )
    last = NodeScope(
        found,
        "last",
        {"m/a": [ProducedRecord(1), ProducedRecord(2)], "less": [ProducedRecord(1)]},
        context={},
        extra_names={},
    )
    assert last.make_expression_names()["resources"] == {"m": {"a": [1]}, "less": [1]}
    both = NodeScope(
        found,
        "both",
        {"m/a": [ProducedRecord(1), ProducedRecord(2)], "less": [ProducedRecord(1)]},
        context={},
        extra_names={},
    )
    assert both.make_expression_names()["resources"]["m"] == {"a": [1, 2]}


def test_nodes_of_one_resource_are_read_as_one_array() -> None:
    found = graph({"resource": "a"}, {"resource": "a"}, {"resource": "b", "depends_on": "a"})
    made = {"a": [ProducedRecord(1)], "a#2": [ProducedRecord(2)]}
    names = NodeScope(found, "b", made, context={}, extra_names={}).make_expression_names()
    assert names["resources"] == {"a": [1, 2]}


def test_a_loop_inside_a_loop_keeps_the_record_outside() -> None:
    found = graph(
        {"resource": "a"},
        {"resource": "b", "loop_on": "resources.a"},
        {"resource": "c", "loop_on": "resources.b"},
    )
    outside = ((("resources", "a"), {"id": 1}),)
    turns = list(
        scope(found, "c", a=[{"id": 1}, {"id": 2}], b=[ProducedRecord({"id": 10}, outside)]).iterate_loop(
            "resources.b"
        )
    )
    names = scope(found, "c", a=[{"id": 1}], b=[]).make_expression_names(turns[0])
    assert names["resources"] == {"a": {"id": 1}, "b": {"id": 10}}


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("resources.a.tags", ["x", "y", "z"]),
        ("args.list", [1, 2]),
        ("args.one", ["only"]),
        ("args.none", []),
        ("args.absent", []),
    ],
)
def test_a_loop_goes_over_an_array_or_over_the_one_thing_that_is_there(path: str, seen: list[Any]) -> None:
    found = graph({"resource": "a"}, {"resource": "b", "depends_on": "a"})
    records = [ProducedRecord({"tags": ["x", "y"]}), ProducedRecord({}), ProducedRecord({"tags": "z"})]
    roots = {"args": {"list": [1, 2], "one": "only", "none": None}}
    inside = NodeScope(found, "b", {"a": records}, context={}, extra_names=roots)
    template = compile_template("{{" + path + ":any}}")
    assert [template.render(inside.make_template_names(each)) for each in inside.iterate_loop(path)] == seen
