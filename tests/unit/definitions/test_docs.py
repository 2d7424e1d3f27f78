"""The pages about definitions say what the code does."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from isthmus.definitions import reference, unsupported_features
from isthmus.definitions.actions import RESERVED_ACTIONS, STEP_SCOPES
from isthmus.definitions.json_schema import EXPORTED, make_json_schema
from isthmus.definitions.layers import merge_integration, merge_mapping
from isthmus.definitions.yaml_source import read_document
from isthmus.engine.calls import Call
from isthmus.engine.steps import ActionScope, Progress
from isthmus.engine.unified.pipeline import CallStepScope
from isthmus.engine.unified.request_mapping import CallerInput
from isthmus.expressions import UNDEFINED
from isthmus.expressions.placeholders import compile_template

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"


def test_the_reference_is_what_the_models_say() -> None:
    page = DOCS / "reference" / "definitions.md"
    assert page.read_text(encoding="utf-8") == reference.render_page(), (
        f"run: .venv/bin/python -m isthmus.definitions.reference {page.relative_to(ROOT)}"
    )


def test_every_link_of_the_reference_has_its_heading() -> None:
    page = reference.render_page()
    headings = {line[4:].lower().replace(" ", "-") for line in page.splitlines() if line.startswith("### ")}
    assert set(re.findall(r"\(#([^)]+)\)", page)) <= headings


def test_no_text_cites_what_its_reader_does_not_have() -> None:
    schemas = [json.dumps(make_json_schema(model), ensure_ascii=False) for model in EXPORTED.values()]
    assert [text for text in (reference.render_page(), *schemas) if "\u00a7" in text] == []


def test_every_field_has_a_meaning() -> None:
    rows = [line for line in reference.render_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 200
    assert [row for row in rows if row.endswith("|  |")] == []


def test_the_reference_lists_the_names_that_steps_see() -> None:
    context: dict[str, Any] = {"environment_variables": {}}
    of_action = ActionScope({}).names(Progress(), context)
    assert of_action.keys() == STEP_SCOPES["actions"].keys()
    caller = CallerInput(Call(method="list"), {}, {}, context)
    before = CallStepScope(caller).names(Progress(), context)
    after = CallStepScope(caller).names(Progress(data=[]), context)
    assert after.keys() == STEP_SCOPES["after"].keys()
    assert {name for name in before if before[name] is not UNDEFINED} <= STEP_SCOPES["before"].keys()
    page = reference.render_page()
    for name in (*of_action, *after, *RESERVED_ACTIONS):
        assert f"| `{name}` |" in page.partition("## Actions and steps")[2]


def test_the_reference_names_what_is_not_active() -> None:
    page = reference.render_page()
    for name in unsupported_features.UNSUPPORTED_BLOCKS:
        assert f"`{name}`" in page.partition("## Not carried out yet")[2]


def placeholder_rows() -> list[tuple[str, str, str]]:
    text = (DOCS / "reference" / "placeholders.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip().replace("\\|", "|").strip("`") for cell in row] for row in rows]
    return [(a, b, c) for a, b, c in cells if b.startswith("{") and a[0] in '"{']


@pytest.mark.parametrize(("template", "data", "result"), placeholder_rows())
def test_each_example_of_a_placeholder_is_true(template: str, data: str, result: str) -> None:
    found = compile_template(json.loads(template)).render(json.loads(data))
    assert found == (UNDEFINED if result == "undefined" else json.loads(result))


def test_there_are_examples_of_placeholders() -> None:
    assert len(placeholder_rows()) >= 24


def layer_blocks() -> list[tuple[str, dict[str, Any]]]:
    text = (DOCS / "explanation" / "layers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```json (\S+)\n(.*?)```", text, re.DOTALL)
    return [(name, json.loads(body)) for name, body in blocks]


def test_the_layers_of_the_explanation_merge_as_it_says() -> None:
    current: dict[str, Any] = {}
    mapping: dict[str, Any] = {}
    checked = 0
    for name, block in layer_blocks():
        if name == "base":
            current = block
        elif name == "override":
            current = merge_integration(current, block)
        elif name == "mapping":
            mapping = block
        elif name == "mapping-override":
            mapping = merge_mapping(mapping, block)
        else:
            assert block == (mapping if name == "mapping-merged" else current)
            checked += 1
    assert checked == 3


class TestJsonSchemas:
    @pytest.mark.parametrize("name", EXPORTED)
    def test_each_is_a_schema(self, name: str) -> None:
        jsonschema.Draft202012Validator.check_schema(make_json_schema(EXPORTED[name]))

    @pytest.mark.parametrize(
        ("name", "pattern"),
        [
            ("integration", "integrations/*/integration.yaml"),
            ("mappings", "integrations/*/mappings/*.yaml"),
            ("model", "unified/*/model.yaml"),
        ],
    )
    def test_the_shipped_files_are_valid_by_it(self, name: str, pattern: str) -> None:
        validator = jsonschema.Draft202012Validator(make_json_schema(EXPORTED[name]))
        for path in (ROOT / "catalog").glob(pattern):
            assert [error.message for error in validator.iter_errors(read_document(path).data)] == [], path

    def test_short_forms_are_valid_too(self) -> None:
        validator = jsonschema.Draft202012Validator(make_json_schema(EXPORTED["integration-config"]))
        fields = {"fields": [{"name": "a"}]}
        for credentials in (
            {"format": "api_key", "config": fields},
            {"format": "basic", "config": fields},
            {"basic": {"config": fields}},
        ):
            steps = [{"type": "transform", "config": "1"}, {"type": "get_context", "config": "a.b"}]
            config = {"credentials": credentials, "actions": {"a": {"steps": steps}}}
            assert list(validator.iter_errors(config)) == []
        assert not validator.is_valid({"credentials": []})
        assert not validator.is_valid({"resources": {"r": {"m": {"method": "leap", "path": "/"}}}})


class TestCheckingPage:
    PAGE = (DOCS / "howto" / "check-definitions.md").read_text(encoding="utf-8")

    def block(self, language: str) -> list[str]:
        return re.findall(rf"```{language}.*?\n(.*?)```", self.PAGE, re.DOTALL)

    @pytest.mark.matrix
    def test_its_commands_run_and_print_what_it_says(self, tmp_path: Path) -> None:
        (tmp_path / "desk.yaml").write_text(self.block("yaml")[0])
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        printed = []
        for command in self.block("bash"):
            done = subprocess.run(
                ["bash", "-euc", command],
                cwd=tmp_path,
                env={**os.environ, "PATH": path},
                capture_output=True,
                text=True,
                timeout=60,
            )
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
        assert printed[0] == self.block("text")[0]
        (report,) = json.loads((tmp_path / "report.json").read_text())
        assert report["summary"] == {"total": 2, "error": 0, "warn": 0, "info": 2}
        assert json.loads((tmp_path / "mappings.schema.json").read_text())["title"] == "MappingFile"

    def test_every_source_of_findings_is_on_the_page_of_checks(self) -> None:
        page = (DOCS / "reference" / "checks.md").read_text(encoding="utf-8")
        source = ROOT / "src" / "isthmus"
        names = ("findings", "schema_checks", "unsupported_features")
        rules = [*source.glob("authoring/lint/*.py"), *(source / f"definitions/{name}.py" for name in names)]
        texts = [path.read_text(encoding="utf-8") for path in rules]
        sources = set(re.findall(r'source="(\w+)"', "\n".join(texts)))
        assert sources
        assert {source for source in sources if f"| `{source}` |" not in page} == set()
