"""What an integration, a unified model and a mapping are: models, layers, lint. Knows no database.

`load` turns JSON into the models below, `layers` merges the layers before that, `secrets` takes secret
leaves out of what is stored and shown, `execution` says what is accepted and not carried out yet, `lint`
checks files. `files` are the shapes on disk.
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
