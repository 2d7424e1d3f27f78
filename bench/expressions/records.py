"""Contacts as a large CRM returns them, made from a seed: about 60 properties, lists beside them."""

from __future__ import annotations

import random
from typing import Any

__all__ = ["make_contacts"]

_FIRST = [
    "Ada",
    "Grace",
    "Linus",
    "Margaret",
    "Dennis",
    "Barbara",
    "Ken",
    "Radia",
    "Edsger",
    "Frances",
    "José",
]
_LAST = [
    "Lovelace",
    "Hopper",
    "Hamilton",
    "Ritchie",
    "Liskov",
    "Thompson",
    "Perlman",
    "Dijkstra",
    "Allen",
    "Núñez",
]
_COMPANIES = ["Initech Labs", "Example Works", "Umbrella Foods", "Acme Rockets", "Globex"]
_CITIES = [
    ("Berlin", "BE", "Germany"),
    ("Lyon", "ARA", "France"),
    ("Austin", "TX", "United States"),
    ("Pune", "MH", "India"),
]
_STATUSES = ["NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "CONNECTED", "BAD_TIMING"]
_SOURCES = ["ORGANIC_SEARCH", "PAID_SEARCH", "EMAIL_MARKETING", "SOCIAL_MEDIA", "DIRECT_TRAFFIC", "OFFLINE"]
_STAGES = ["lead", "customer", "opportunity", "subscriber", "evangelist", "other"]


def make_contacts(count: int, seed: int) -> list[dict[str, Any]]:
    """`count` contacts, the same for the same seed."""
    source = random.Random(seed)
    return [_make_contact(source, number) for number in range(count)]


def _make_contact(source: random.Random, number: int) -> dict[str, Any]:
    first, last = source.choice(_FIRST), source.choice(_LAST)
    company = source.choice(_COMPANIES)
    city, state, country = source.choice(_CITIES)
    mail = f"{first}.{last}@{source.choice(['example.com', 'example.org', 'Mail.Example.net'])}"
    properties: dict[str, Any] = {
        "firstname": first,
        "lastname": last,
        "full_name": f"{first} {last}",
        "jobtitle": "Engineer",
        "about": None,
        "company": company,
        "website": "https://example.com/" + company.split()[0].lower(),
        "industry": "SOFTWARE",
        "department": "R&D",
        "seniority": "senior",
        "salutation": "Dr.",
        "hs_language": "en",
        "hs_timezone": "europe_slash_berlin",
        "email": f" {mail}" if number % 9 == 0 else mail,
        "work_email": f"work.{mail.lower()}",
        "phone": f"+49 (30) {source.randrange(10**6, 10**7)}",
        "mobilephone": f"+49 151 {source.randrange(10**6, 10**7)}",
        "fax": "",
        "address": f"{number % 200} Main Street",
        "city": city,
        "state": state,
        "zip": f"{source.randrange(10_000, 99_999)}",
        "country": country,
        "twitterhandle": f"@{first.lower()}",
        "hs_linkedin_url": f"https://example.com/in/{number}",
        "hs_lead_status": source.choice(_STATUSES),
        "lifecyclestage": source.choice(_STAGES),
        "hs_analytics_source": source.choice(_SOURCES),
        "hubspotscore": str(source.randrange(100)),
        "hubspot_owner_id": source.choice(["17", "23", "42", "99"]),
        "notes_last_updated": "2024-05-06T07:08:09.123Z",
        "birthday": _make_birthday(source),
        "last_activity_millis": str(1_700_000_000_000 + source.randrange(10**9)),
        "keywords": "crm,unified,api,contacts",
        "hs_object_id": str(number),
    }
    for name in source.sample(
        ["fax", "mobilephone", "work_email", "twitterhandle", "salutation", "department"], 2
    ):
        del properties[name]
    properties.update({f"hs_metric_{at:02d}": str(source.randrange(10**6)) for at in range(22)})
    return {
        "id": str(100_000 + number),
        "properties": properties,
        "createdAt": _make_time(source, 2023, 1),
        "updatedAt": _make_time(source, 2024, 2),
        "archived": number % 20 == 0,
        **_make_lists(source, number, mail, city),
    }


def _make_birthday(source: random.Random) -> str:
    return f"{source.randrange(1, 13):02d}/{source.randrange(1, 29):02d}/{source.randrange(1950, 2006)}"


def _make_time(source: random.Random, year: int, tens: int) -> str:
    month, day, part = source.randrange(1, 10), source.randrange(9), source.randrange(100, 1_000)
    return f"{year}-0{month}-{tens}{day}T08:15:30.{part}Z"


def _make_lists(source: random.Random, number: int, mail: str, city: str) -> dict[str, Any]:
    deals = [
        {
            "id": str(at),
            "name": f"Deal {number}-{at}",
            "stage": source.choice(["open", "won", "closed"]),
            "amount": source.randrange(100, 10_000),
        }
        for at in range(source.randrange(4))
    ]
    return {
        "emails": [
            {"value": mail, "type": "work", "is_primary": True},
            {"value": f"home.{mail}", "type": "home", "is_primary": False},
        ],
        "phones": [{"number": "+49 30 1234567", "kind": "work", "extension": "12"}, {"kind": "home"}],
        "links": [
            {"href": "https://example.com/a", "rel": "blog"},
            {"href": "https://example.com/b", "rel": "site"},
        ],
        "addresses": [
            {
                "lines": ["1 Main Street", "Floor 2"],
                "city": city,
                "region": {"code": "X"},
                "zip": "10115",
                "country": {"code": "DE"},
                "kind": "billing",
            },
            {
                "lines": ["2 Side Street"],
                "city": "Potsdam",
                "region": {"code": "Y"},
                "zip": "14467",
                "country": {"code": "DE"},
                "kind": "shipping",
            },
        ],
        "associations": {
            "companies": {
                "results": [
                    {"id": str(number % 97), "type": "contact_to_company"},
                    {"id": str(number % 89), "type": "contact_to_company_unlabeled"},
                ]
            },
            "deals": {"results": [{"id": one["id"], "type": "contact_to_deal"} for one in deals]},
        },
        "labels": [
            {"name": name, "color": source.choice(["red", "green", "blue"])} for name in ("vip", "beta", "eu")
        ],
        "deals": deals,
        "notes": [
            {"id": at, "text": "Called back", "is_public": at % 2 == 0, "author": {"name": "Ada"}}
            for at in range(3)
        ],
        "custom": [{"key": "shoe_size", "value": "42"}, {"key": "team", "value": "blue"}],
    }
