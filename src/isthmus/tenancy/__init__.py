"""Teams, environments, users, API tokens: who is calling, and what they may see."""

from isthmus.tenancy.administration import Administration, IssuedToken
from isthmus.tenancy.api_tokens import ApiTokens
from isthmus.tenancy.authentication import AccountTokens, Authenticator, Principal
from isthmus.tenancy.bootstrap import FirstStart, bootstrap
from isthmus.tenancy.environments import Environments, FillEnvironment
from isthmus.tenancy.teams import Teams, Users

__all__ = [
    "AccountTokens",
    "Administration",
    "ApiTokens",
    "Authenticator",
    "Environments",
    "FillEnvironment",
    "FirstStart",
    "IssuedToken",
    "Principal",
    "Teams",
    "Users",
    "bootstrap",
]
