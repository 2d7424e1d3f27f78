"""The shipped catalogue in the database, installs and overrides, effective definitions.

Repositories are made for one caller, `Integrations(conn, principal)`; their rows are in the wire's shape but
for times, which stay datetimes. Reads take any connection, writes that of a `Database.write()`.
"""

from isthmus.integrations.environment_integrations import EnvironmentIntegrations
from isthmus.integrations.environment_unified_models import EnvironmentUnifiedModels
from isthmus.integrations.integrations import Integrations
from isthmus.integrations.mappings import EnvironmentMappings, ModelMappings
from isthmus.integrations.scope import EnvironmentScope, Scope
from isthmus.integrations.unified_models import UnifiedModels

__all__ = [
    "EnvironmentIntegrations",
    "EnvironmentMappings",
    "EnvironmentScope",
    "EnvironmentUnifiedModels",
    "Integrations",
    "ModelMappings",
    "Scope",
    "UnifiedModels",
]
