"""A table of all rules with their reasons, and the reference page that is generated from it.

python -m isthmus.authoring.lint.rule_reference docs/reference/checks.md
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["RULES", "Rule", "render_page"]

_PAGE_HEAD: Final = """# Checks

<!-- Made by `python -m isthmus.authoring.lint.rule_reference docs/reference/checks.md`: change the rules. -->

What `isthmus integrations validate` looks at, and why. *E* is an error (the server refuses the file, or a
call would fail), *W* a warning that blocks too unless `--ignore-warnings`, *I* a note. A finding names its
family as `source`.

| source | finding | | why |
| --- | --- | --- | --- |
"""


class Rule(NamedTuple):
    """One row of the table. `source`: the family of findings. `severity`: E (error), W (warning) or I
    (note)."""

    source: str
    finding: str
    severity: str
    why: str


RULES: Final = tuple(
    Rule(*row)
    for row in (
        (
            "schema",
            "a wrong type or name, a missing field, a credential under another format's key",
            "E",
            "the server refuses the write",
        ),
        (
            "schema",
            "a form that cannot render: `single_select` without options, a field name twice",
            "E",
            "nobody could connect",
        ),
        (
            "schema",
            "a misspelt field below the top; an unknown key at the top is I",
            "W",
            "it is stored and nobody reads it",
        ),
        (
            "schema",
            "a JSON Schema with an unknown type or filter operator",
            "E",
            "nothing could be checked by it",
        ),
        (
            "schema",
            "a required name that its JSON Schema does not declare",
            "W",
            "callers cannot know its type",
        ),
        (
            "execution",
            "a field that would change a call and is not carried out",
            "E",
            "the call would quietly do something else",
        ),
        (
            "execution",
            "a block that is stored and not active yet",
            "I",
            "nothing happens by it for now",
        ),
        (
            "presence_check",
            "no label, no credentials",
            "E",
            "it has no name in the catalogue; nobody can connect it",
        ),
        (
            "presence_check",
            "no action `validation` that calls the provider, beside credentials",
            "W",
            "an account that is connected with a wrong key would be active",
        ),
        (
            "presence_check",
            "no Accept or Content-Type header",
            "W",
            "providers then answer in a format of their choice",
        ),
        (
            "presence_check",
            "no resource with a method; neither credentials nor authorization",
            "W",
            "nothing can be called",
        ),
        (
            "presence_check",
            "no pagination beside a `list`, no `rate_limit`, no `error_expression`",
            "I",
            "often forgotten, and missed only in production",
        ),
        (
            "critic_method_config",
            "`create`, or a `list` by POST, whose path asks for `{{id}}`; a custom POST is W",
            "E",
            "these calls have no id: usually a wrong verb or path",
        ),
        (
            "critic_method_config",
            "GET or DELETE with a body, `add_query_to_body` on a GET",
            "W",
            "ignored by some servers, refused by others",
        ),
        (
            "critic_method_config",
            "a `response_path` that finds no array in the method's sample",
            "W",
            "the list would be empty, or one record long",
        ),
        (
            "tools",
            "`create`, `update` or a custom method that sends its caller's body without a `body_schema` that "
            "names its fields",
            "W",
            "agents' toolsets send the fields that it names and no others: the body would be empty",
        ),
        (
            "tools",
            "a name in `query_schema` and in `body_schema`; `id` in the body of an update",
            "W",
            "toolsets send it in both places",
        ),
        (
            "tools",
            "a `query_schema`, `body_schema` or `response_schema` of a method that is no JSON Schema",
            "E",
            "the server leaves it out, and tells callers nothing",
        ),
        (
            "method_naming",
            "a name that ends in a number",
            "W",
            "a generator's last resort says nothing to a caller",
        ),
        (
            "method_naming",
            "an item method whose path ends in another placeholder than `{{id}}`",
            "W",
            "the record's own id comes from the path; parents come from `{{query.…}}`",
        ),
        (
            "method_coverage",
            "with `--against`: a method that is gone",
            "W",
            "whoever calls it is answered with 404",
        ),
        (
            "method_coverage",
            "with `--against`: a method that is new",
            "I",
            "for the one who reviews the change",
        ),
        (
            "pattern_match",
            "a section that is shaped like none of the shipped integrations, or of those in "
            "`--integration-config-dir`",
            "I",
            "a hint: what nobody else wrote is often a misunderstanding; not looked at without any to "
            "compare with",
        ),
        (
            "description_quality",
            "a description of under 10 characters; one that repeats the name is I",
            "W",
            "agents choose tools by it",
        ),
        (
            "placeholder",
            "`{{…}}` outside the grammar, an unknown cast, a default read as a cast",
            "E",
            "it stays in the text, or throws",
        ),
        (
            "placeholder",
            "a name that is no credential field and no action writes",
            "W",
            "it is empty in every call",
        ),
        (
            "placeholder",
            "such a name in `base_url` or `authorization`, without a default",
            "E",
            "every call would fail",
        ),
        (
            "placeholder",
            "an array or object that becomes text, a function call in a template",
            "W",
            "the provider would get comma text, or the call as it is written",
        ),
        (
            "jsonata",
            "an expression that does not compile, an unknown function",
            "E",
            "it fails on every call",
        ),
        ("jsonata", "`headers.x-y` without backticks", "E", "it subtracts one name from another"),
        ("jsonata", "a name that is not in scope where it stands", "W", "it is always undefined"),
        ("security", "a secret written out", "W", "it would end up in version control"),
        (
            "security",
            "an address that is not https, or is private",
            "W",
            "credentials travel in the clear; servers refuse to call private addresses",
        ),
        (
            "webhook",
            "a secret that no credential field declares; a signature without what it signs",
            "E",
            "nothing could be verified",
        ),
        ("webhook", "an empty block", "W", "it does nothing"),
        ("webhook", "events from requests that prove nothing", "W", "anyone could inject them"),
        ("actions", "an unknown kind of step", "E", "the action never completes"),
        ("actions", "a step that calls a method which no resource has", "E", "it fails every time"),
        (
            "actions",
            "a reserved action without steps; a form outside `post_connect_user_form`",
            "W",
            "it does nothing, or waits for a user who is not there",
        ),
        ("tool_tags", "tags of a resource that does not exist", "W", "the filter never matches"),
        (
            "mapping",
            "a resource or method that the integration or the model does not have, of steps and side loads "
            "too; an expression that chooses one without a list of those it may choose",
            "E",
            "a 404 at run time",
        ),
        (
            "mapping",
            "a `sample` that the mapping fails on, or makes an invalid record of",
            "E",
            "so would the provider's answer",
        ),
        ("mapping", "a write without `request_body_schema`", "W", "callers are not told what is required"),
        ("mapping", "a field that a write accepts and never sends", "W", "it would be lost without a word"),
        (
            "mapping",
            "a field that is read, that `create` or `update` accepts, and that the other one does not",
            "W",
            "callers could write it once and never again, or never at first",
        ),
        ("mapping", "an id that becomes a number", "W", "ids are texts: large numbers lose digits"),
        (
            "mapping",
            "a field that `get` maps and `list` does not",
            "W",
            "the same record would differ by its way",
        ),
        ("mapping", "the name of another integration in a text", "W", "a mapping that was copied"),
        ("mapping", "a field that the model's schema does not know", "I", "callers do not expect it"),
    )
)


def render_page() -> str:
    """Returns the page in Markdown."""
    return _PAGE_HEAD + "".join(
        f"| `{rule.source}` | {rule.finding} | {rule.severity} | {rule.why} |\n" for rule in RULES
    )


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_page(), encoding="utf-8")
