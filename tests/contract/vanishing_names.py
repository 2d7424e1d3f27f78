"""Names that a caller may send to a method of the catalogue, and that change nothing without being named. A
mapping reads each of them, in a case that is not met, or by a name that it computes."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

__all__ = ["VANISHING", "Vanishing", "find_vanishing"]


@dataclass(frozen=True)
class Vanishing:
    """`integration`, `cells` (`crm/contacts.list`), `names` (`query.search`): patterns, in which `*` stands
    for any text; of the latter two several, with spaces between."""

    integration: str
    cells: str
    names: str
    reason: str

    def is_about(self, integration: str, cell: str, name: str) -> bool:
        """Returns True if it is about this name of this method."""
        given = ((integration, self.integration), (cell, self.cells), (name, self.names))
        return all(
            any(fnmatchcase(text, pattern) for pattern in patterns.split()) for text, patterns in given
        )


_COLUMNS: Final = "sorts by the columns that the product sorts by, looked up by their names"

VANISHING: Final = (
    Vanishing("*", "*", "body.id", "names the record; the product chooses that of a new one"),
    Vanishing(
        "freshdesk", "*/tickets.*", "body.custom_fields", "fields whose names begin with cf_, and some others"
    ),
    Vanishing(
        "freshdesk", "*/comments.create", "body.remote_data", "read by name: what a reply or a note may have"
    ),
    Vanishing("jira", "*/tickets.*", "body.custom_fields", "fields named customfield_…, and three others"),
    Vanishing("jira", "*/tickets.update", "body.workspace.id", "an issue stays in its project"),
    Vanishing("linear", "*/comments.update", "body.ticket.id", "a comment stays where it was created"),
    Vanishing(
        "pipedrive",
        "*/contacts.list",
        "query.sort_by.first_name query.sort_by.last_activity_at query.sort_by.last_name query.sort_by.name",
        _COLUMNS,
    ),
    Vanishing(
        "pipedrive",
        "*/accounts.list",
        "query.sort_by.description query.sort_by.email_addresses query.sort_by.last_activity_at "
        "query.sort_by.name query.sort_by.number_of_employees",
        _COLUMNS,
    ),
    Vanishing(
        "pipedrive",
        "*/opportunities.list",
        "query.sort_by.amount query.sort_by.close_date query.sort_by.last_activity_at query.sort_by.name",
        _COLUMNS,
    ),
    Vanishing("pipedrive", "*/leads.list", "query.sort_by.last_name", _COLUMNS),
    Vanishing(
        "pipedrive",
        "*/contacts.create */contacts.update */accounts.* */opportunities.* */leads.*",
        "body.custom_fields",
        "fields that are named by a key of 40 digits, and some others",
    ),
    Vanishing(
        "salesforce", "*/accounts.list", "query.sort_by.description query.sort_by.email_addresses", _COLUMNS
    ),
    Vanishing("salesforce", "*/opportunities.list", "query.sort_by.last_activity_at", _COLUMNS),
    Vanishing(
        "salesforce", "*/opportunities.update", "body.contact.id", "a contact is linked on create alone"
    ),
    Vanishing("salesforce", "*/tasks.update", "body.engagement_type", "is fixed once the task is created"),
    Vanishing(
        "zendesk", "*/tickets.update", "body.description", "the first comment, which cannot be changed"
    ),
    Vanishing(
        "stripe", "*/contacts.*", "body.custom_fields", "fields of a customer by name; others are metadata"
    ),
)


def find_vanishing(integration: str, cell: str, name: str) -> Vanishing | None:
    """Returns the entry about a name; None for a name that must not vanish."""
    return next((each for each in VANISHING if each.is_about(integration, cell, name)), None)
