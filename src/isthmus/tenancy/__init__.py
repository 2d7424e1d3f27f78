"""Teams, environments, users, API tokens: who is calling, and what they may see."""

from isthmus.tenancy.account_tokens import AccountTokens
from isthmus.tenancy.administration import Administration, Issued
from isthmus.tenancy.authenticator import Authenticator
from isthmus.tenancy.bootstrap import FirstStart, bootstrap
from isthmus.tenancy.environments import Environments, Install
from isthmus.tenancy.principal import Principal
from isthmus.tenancy.teams import Teams
from isthmus.tenancy.tokens import ApiTokens
from isthmus.tenancy.users import Users

__all__ = [
    "AccountTokens",
    "Administration",
    "ApiTokens",
    "Authenticator",
    "Environments",
    "FirstStart",
    "Install",
    "Issued",
    "Principal",
    "Teams",
    "Users",
    "bootstrap",
]
