"""What an integration, a unified model and a mapping are: pydantic models, and what is done with their JSON.

`layers` merges the layers of a definition, `load` turns the result into models, `secrets` separates secret
values from what is stored in clear and shown, `unsupported_features` finds what is accepted and not executed
yet. `file_models` are the shapes of files.
"""

from isthmus.definitions.authorization import Authorization, choose_default_authorization
from isthmus.definitions.credentials import (
    Credential,
    CredentialField,
    CredentialFormat,
    resolve_credential_format,
)
from isthmus.definitions.integration import IntegrationConfig, RateLimit
from isthmus.definitions.load import (
    DefinitionInvalid,
    load_integration,
    load_mapping,
    load_unified_model,
)
from isthmus.definitions.mapping import MappingConfig
from isthmus.definitions.methods import MethodDefinition
from isthmus.definitions.pagination import Pagination
from isthmus.definitions.unified_model import UnifiedModelDefinition, UnifiedResource

__all__ = [
    "Authorization",
    "Credential",
    "CredentialField",
    "CredentialFormat",
    "DefinitionInvalid",
    "IntegrationConfig",
    "MappingConfig",
    "MethodDefinition",
    "Pagination",
    "RateLimit",
    "UnifiedModelDefinition",
    "UnifiedResource",
    "choose_default_authorization",
    "load_integration",
    "load_mapping",
    "load_unified_model",
    "resolve_credential_format",
]
