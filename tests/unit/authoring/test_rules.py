"""The page of checks says what the rules are."""

from __future__ import annotations

import re
from pathlib import Path

from isthmus.authoring.lint import rule_reference

ROOT = Path(__file__).parents[3]
LINT = ROOT / "src" / "isthmus" / "authoring" / "lint"


def test_the_page_is_made_of_the_rules() -> None:
    page = ROOT / "docs" / "reference" / "checks.md"
    assert page.read_text("utf-8") == rule_reference.render_page(), (
        f"run: .venv/bin/python -m isthmus.authoring.lint.rule_reference {page.relative_to(ROOT)}"
    )


def test_every_family_of_findings_has_a_rule_and_every_rule_a_family() -> None:
    code = "\n".join(
        path.read_text("utf-8") for path in LINT.glob("*.py") if path.name != "rule_reference.py"
    )
    given = set(re.findall(r'source="([a-z_]+)"', code)) | {"webhook", "actions", "tool_tags", "execution"}
    assert given == {rule.source for rule in rule_reference.RULES}


def test_every_rule_has_a_severity_and_a_reason() -> None:
    assert {rule.severity for rule in rule_reference.RULES} == {"E", "W", "I"}
    assert [rule for rule in rule_reference.RULES if not rule.why] == []
